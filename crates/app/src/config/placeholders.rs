//! Values that stand in the starter, the guide and other examples, and that no real provider has.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use super::document::join;
use super::problem::Problem;
use super::{Config, Problems};

impl Config {
    /// Lists every value of a configuration file and variables that is still a placeholder, whatever else is wrong.
    pub fn placeholders_of(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Vec<Problem> {
        Self::load_noting(path, variables, &[], &Problems::default()).placeholders()
    }

    fn placeholders(&self) -> Vec<Problem> {
        let problems = Problems::default();
        for (name, provider) in self.providers() {
            if let Ok(value) = serde_json::to_value(provider) {
                walk(&format!("providers.{name}"), &value, &problems);
            }
        }
        match problems.into_result(self, |config| config.origins()) {
            Ok(_) => Vec::new(),
            Err(error) => error.problems().to_vec(),
        }
    }
}

fn walk(path: &str, value: &Value, problems: &Problems) {
    match value {
        Value::String(text)
            if is_placeholder(text)
                && !(is_template(path) && is_in_braces(text))
                // Variables are named in capitals: `ZOOM_TOKEN`.
                && !(path.rsplit('.').next() == Some("env") && is_name_of_the_value(text)) =>
        {
            problems.add(path, "is still a placeholder; put your own value there");
        }
        // Of a secret's program only the name is shown, and a mark for its arguments.
        Value::Array(items) if path.ends_with(".command") => {
            items
                .iter()
                .take(1)
                .for_each(|program| walk(path, program, problems));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(path, item, problems)),
        Value::Object(entries) => entries
            .iter()
            .for_each(|(key, value)| walk(&join(path, key), value, problems)),
        _ => {}
    }
}

// Texts in which `{name}` stands for a value that each call fills in: those of a table, and of a header's token.
fn is_template(path: &str) -> bool {
    let mut keys = path.split('.').skip(2);
    match keys.next() {
        Some("auth") => keys.next() == Some("value"),
        Some(key) => TABLE_KEYS.contains(&key) && key != "set",
        None => false,
    }
}

#[cfg(feature = "http")]
const TABLE_KEYS: &[&str] = super::HttpSettings::KEYS;
#[cfg(not(feature = "http"))]
const TABLE_KEYS: &[&str] = &[];

fn is_in_braces(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}')
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    let only = |filler: &[char]| !lower.is_empty() && lower.chars().all(|c| filler.contains(&c));
    let is_word = |word: &str| {
        lower
            .split(|c: char| !c.is_alphanumeric())
            .any(|part| part == word)
    };
    let in_brackets = [('<', '>'), ('[', ']'), ('{', '}')]
        .iter()
        .any(|(open, close)| lower.starts_with(*open) && lower.ends_with(*close));
    text.contains('…')
        || text.contains("...")
        || in_brackets
        || only(&['x', '-', '_', '*'])
        || only(&['0', '-'])
        || is_name_of_the_value(text)
        || ["changeme", "todo", "placeholder", "your", "fixme"]
            .iter()
            .any(|word| is_word(word))
        || lower.contains("change-me")
        || lower.contains("change_me")
        || is_reserved_host(&lower)
}

// `ACCOUNT_ID`, `CLIENT_ID`, `TENANT`: what a manual writes where the value belongs.
fn is_name_of_the_value(text: &str) -> bool {
    let shouted = text
        .chars()
        .all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '-'));
    let names = [
        "ID",
        "SECRET",
        "TOKEN",
        "ORGANIZATION",
        "TENANT",
        "ACCOUNT",
        "HOST",
        "CLIENT",
    ];
    shouted && text.split(['_', '-']).any(|part| names.contains(&part))
}

// Domains that are reserved for examples (RFC 2606), and hosts that a manual writes in capitals.
fn is_reserved_host(lower: &str) -> bool {
    let Some((_, rest)) = lower.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let ends = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    ["example.com", "example.net", "example.org", "example", "invalid"]
        .iter()
        .any(|domain| ends(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hidden_arguments_of_a_program_are_no_placeholder() {
        let found = |command: &str| {
            let config = Config::from_toml(&format!(
                "[providers.z]\nkind = \"zoom\"\nauth = {{ kind = \"bearer\", token = {{ command = {command} }} }}"
            ));
            config.unwrap().placeholders().len()
        };
        assert_eq!(found("[\"vault\", \"read\", \"s.x\"]"), 0);
        assert_eq!(found("[\"…\"]"), 1);
    }

    #[test]
    fn variable_of_a_secret_is_no_placeholder() {
        let found = |name: &str| {
            let config = Config::from_toml(&format!(
                "[providers.z]\nkind = \"zoom\"\nauth = {{ kind = \"bearer\", token = {{ env = \"{name}\" }} }}"
            ));
            config.unwrap().placeholders().len()
        };
        assert_eq!(found("ZOOM_TOKEN"), 0);
        assert_eq!(found("<token>"), 1);
    }

    #[cfg(feature = "http")]
    #[test]
    fn names_in_the_templates_of_a_table_are_no_placeholder() {
        let found = |set: &str, body: &str| {
            let config = Config::from_toml(&format!(
                "[providers.h]\nkind = \"http\"\nbase_url = \"https://h.test\"\nset = {{ realm = \"{set}\" }}\n\
                 auth = {{ kind = \"header\", name = \"X-Auth\", token = {{ env = \"T\" }} }}\n\
                 reset = {{ method = \"POST\", path = \"/{{user}}\", body = {{ new = \"{{new}}\", realm = \"{body}\" }} }}\n\
                 rows = [{{ status = 204, then = \"applied\" }}]"
            ));
            let found = config.unwrap().placeholders();
            found.iter().map(|it| it.key().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("acme", "{realm}"), [""; 0]);
        assert_eq!(
            found("{realm}", "…"),
            ["providers.h.set.realm", "providers.h.reset.body.realm"]
        );
    }

    #[test]
    fn placeholders_are_told_from_values() {
        for text in [
            "…",
            "...",
            "<client id>",
            "ACCOUNT_ID",
            "YOUR_CLIENT_ID",
            "your-client-id",
            "xxxxxxxx",
            "changeme",
            "CHANGE_ME",
            "00000000-0000-0000-0000-000000000000",
            "https://identity.example.com/acme/identity_",
            "https://identity.example.org:8443",
            "https://identity.example/x",
            "https://host.invalid",
            "{tenant}",
            "TODO",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "",
            "zoom",
            "Q9rX2aaBTYeM0",
            "KdYKjnimT4KPd8FFgQt9FQ",
            "a1b2c3d4-0000-4000-8000-000000000001",
            "https://api.zoom.us/v2",
            "https://example.company.com/identity",
            "https://myexample.com/identity",
            "http://127.0.0.1:8787/identity",
            "PM.User.Write",
            "30s",
            "SANDBOX",
            "/etc/ssl/acme.pem",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
