//! Recorded responses of each preset's provider, and what they mean: `data/*.toml`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Status, body, outcome, kind, rule.
pub(crate) type Case = Vec<Value>;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cases {
    pub(crate) user: String,
    pub(crate) set: serde_json::Map<String, Value>,
    /// Status and body.
    pub(crate) require: Option<(u16, String)>,
    /// What the look-up finds.
    pub(crate) found: Option<String>,
    /// What a reset sends.
    pub(crate) body: Option<String>,
    pub(crate) lookup: Vec<Case>,
    pub(crate) reset: Vec<Case>,
    pub(crate) change: Vec<Case>,
    /// What the probe's control gets.
    pub(crate) control: Option<String>,
    pub(crate) probe: Vec<Case>,
    /// What confirms a change or does not, and a header of the responses that do.
    pub(crate) confirm: Vec<Case>,
    pub(crate) confirm_header: Option<(String, String)>,
    pub(crate) repeat: Vec<Case>,
}

impl Default for Cases {
    fn default() -> Self {
        Self {
            user: "alice".to_owned(),
            set: serde_json::Map::new(),
            require: None,
            found: None,
            body: None,
            lookup: vec![],
            reset: vec![],
            change: vec![],
            control: None,
            probe: vec![],
            confirm: vec![],
            confirm_header: None,
            repeat: vec![],
        }
    }
}

impl Cases {
    pub(crate) fn of(preset: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/data/{preset}.toml"));
        toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// The preset, with the values that it needs.
    pub(crate) fn document(&self, preset: &str) -> Value {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("presets/{preset}.toml"));
        let mut document: Value = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let set = document["set"].as_object().cloned().unwrap_or_default();
        document["set"] = Value::Object(set.into_iter().chain(self.set.clone()).collect());
        document
    }
}
