//! The tables that come with repass, one file each.

use std::sync::{LazyLock, OnceLock};

use serde_json::Value;

/// A table that comes with repass, under the name of its own kind.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    document: LazyLock<Value>,
    auth: OnceLock<Vec<&'static str>>,
}

impl Preset {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// What it says of itself.
    pub(crate) fn about(&'static self, key: &str) -> Option<&'static Value> {
        self.document.get("about")?.get(key)
    }

    /// How credentials can be given, besides `bearer`.
    pub(crate) fn auth(&'static self) -> &'static [&'static str] {
        self.auth.get_or_init(|| {
            let kinds = self.about("auth").and_then(Value::as_array);
            let kinds = kinds.into_iter().flatten().filter_map(Value::as_str);
            kinds.collect()
        })
    }

    /// Where its API is, if that is one place for everybody.
    pub(crate) fn base_url(&'static self) -> Option<&'static str> {
        self.about("base_url")?.as_str()
    }

    /// The table as a document, to which a configuration adds its own values.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }
}

macro_rules! presets {
    ($($name:literal,)*) => {
        /// The name of each built-in table of a provider, such as `gitea`, in order.
        pub const PRESET_NAMES: &[&str] = &[$($name),*];

        pub(crate) static PRESETS: [Preset; PRESET_NAMES.len()] = [$(Preset {
            name: $name,
            text: include_str!(concat!("../presets/", $name, ".toml")),
            document: LazyLock::new(|| {
                toml::from_str(include_str!(concat!("../presets/", $name, ".toml"))).unwrap_or_default()
            }),
            auth: OnceLock::new(),
        }),*];
    };
}

presets! {
    "auth0",
    "better-auth",
    "ejabberd",
    "entra",
    "gitea",
    "google",
    "keycloak",
    "keystone",
    "matrix",
    "okta",
    "rabbitmq",
    "scim",
    "wordpress",
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn every_preset_passes_the_lints_with_the_values_it_needs() {
        assert!(PRESET_NAMES.is_sorted());
        for preset in &PRESETS {
            let mut document = preset.document().clone();
            assert!(document.is_object(), "{} is read", preset.name);
            let needs = document["about"]["needs"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            if needs.is_empty() {
                assert!(Table::from_value(document.clone()).is_ok(), "{}", preset.name);
                continue;
            }
            let missing = Table::from_value(document.clone()).unwrap_err();
            for name in needs.keys() {
                let key = format!("set.{name}");
                assert!(
                    missing.iter().any(|problem| problem.key == key),
                    "{}: {missing:?}",
                    preset.name
                );
                document["set"][name] = "value".into();
            }
            let table = Table::from_value(document);
            assert!(table.is_ok(), "{}: {:?}", preset.name, table.err());
        }
    }
}
