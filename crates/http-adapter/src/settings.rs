//! The settings of a provider that a table describes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::presets::Preset;
use crate::table::{Table, TableProblem};

/// The settings of a provider that a table describes. They hold the table itself (`kind = "http"`), or the values for
/// one that is built in (`kind = "gitea"` and others).
#[derive(Debug, Clone)]
pub struct HttpSettings {
    kind: &'static str,
    given: Map<String, Value>,
    // Made when it is first needed: a configuration looks at every kind, and uses few.
    table: OnceLock<Result<Arc<Table>, Vec<TableProblem>>>,
}

// Of a table of the operator's own, besides `bearer`.
const ALL_AUTHS: &[&str] = &[
    "basic",
    "client-credentials",
    "header",
    "login",
    "private-key-jwt",
    "service-account",
];

impl HttpSettings {
    /// The configuration keys that make up a table.
    pub const KEYS: &'static [&'static str] = &[
        "change",
        "confirm",
        "correlation",
        "discovery",
        "headers",
        "login",
        "lookup",
        "policy",
        "probe",
        "rate_limit",
        "require",
        "reset",
        "rows",
        "set",
        "sole_writer",
    ];

    /// Creates settings of the kind `http`, without a table yet.
    pub fn new() -> Self {
        Self::of("http", Map::new())
    }

    /// Creates settings with the built-in table of this name; `None` if there is none.
    pub fn preset(name: &str) -> Option<Self> {
        Some(Self::of(Preset::named(name)?.name, Map::new()))
    }

    fn of(kind: &'static str, given: Map<String, Value>) -> Self {
        Self {
            kind,
            given,
            table: OnceLock::new(),
        }
    }

    /// Adds values for the placeholders of the table (`set`), over those that it has already.
    pub fn with_set(self, set: BTreeMap<String, String>) -> Self {
        let set = set.into_iter().map(|(name, value)| (name, Value::from(value)));
        let given = [("set".to_owned(), Value::Object(set.collect()))];
        self.with_document(given.into_iter().collect())
    }

    /// Adds keys of a table from a configuration: those in [`KEYS`](Self::KEYS). They replace those of a preset,
    /// except that values of `set` are added to its own.
    pub fn with_document(mut self, given: Map<String, Value>) -> Self {
        lay_over(&mut self.given, given);
        Self::of(self.kind, self.given)
    }

    // The whole table, as a document.
    fn document(&self) -> Map<String, Value> {
        let own = Preset::named(self.kind).and_then(|preset| preset.document().as_object());
        let mut document = own.cloned().unwrap_or_default();
        lay_over(&mut document, self.given.clone());
        document
    }

    /// The name of the provider kind: `http` or that of a built-in table.
    pub fn kind_name(&self) -> &'static str {
        self.kind
    }

    /// Whether the table is a built-in one.
    pub fn is_preset(&self) -> bool {
        self.kind != "http"
    }

    /// The table that the settings make up.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn table(&self) -> Result<&Arc<Table>, &[TableProblem]> {
        let make = || Table::from_value(Value::Object(self.document())).map(Arc::new);
        self.table.get_or_init(make).as_ref().map_err(Vec::as_slice)
    }

    /// How credentials can be given, besides `bearer`.
    pub(crate) fn auth_kinds(&self) -> &'static [&'static str] {
        Preset::named(self.kind).map_or(ALL_AUTHS, Preset::auth)
    }

    pub(crate) fn preset_title(&self) -> Option<&'static str> {
        Preset::named(self.kind)?.about("title")?.as_str()
    }

    pub(crate) fn preset_section(&self) -> Option<&'static str> {
        Preset::named(self.kind)?.about("section")?.as_str()
    }

    pub(crate) fn preset_base_url(&self) -> Option<&'static str> {
        Preset::named(self.kind)?.base_url()
    }

    /// The text of the built-in table, for people to read; `None` for the kind `http`.
    pub fn preset_text(&self) -> Option<&'static str> {
        Preset::named(self.kind).map(|preset| preset.text)
    }
}

fn lay_over(document: &mut Map<String, Value>, given: Map<String, Value>) {
    for (key, value) in given {
        match (document.get_mut(&key), value) {
            (Some(Value::Object(own)), Value::Object(set)) if key == "set" => own.extend(set),
            (_, value) => {
                document.insert(key, value);
            }
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// As the keys that a configuration gave.
impl Serialize for HttpSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.given.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shown_settings_are_what_the_configuration_gave() {
        let given = json!({ "set": { "domain": "d1" }, "rate_limit": { "requests": 5, "per_seconds": 60 } });
        let given = given.as_object().unwrap();
        let settings = HttpSettings::preset("keystone")
            .unwrap()
            .with_document(given.clone());
        assert_eq!(
            serde_json::to_value(&settings).unwrap(),
            Value::Object(given.clone())
        );
        let set = &settings.document()["set"];
        assert_eq!(*set, json!({ "admin_domain": "default", "domain": "d1" }));
        assert!(settings.table().is_ok());
    }
}
