//! Configurations, as somebody has typed them.

use std::ffi::OsString;

use repass::config::parse_duration;
use repass::{Config, ConfigError};
use toml::Table;

use super::shown;

/// The longest line about a problem, in bytes.
const LONGEST: usize = 1_700;
/// What no one should have typed into a file, and what is reported of it: nothing.
pub const PASTED: &str = "canary-pasted-4711";

/// Fuzzes configurations. The bytes are TOML; behind a line `---` come variables, each `NAME=value` on a line of its own.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (file, variables) = text.split_once("\n---\n").unwrap_or((&text, ""));
    check(file);
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables: Vec<(OsString, OsString)> = variables
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let is_pasted = variables
        .iter()
        .any(|(name, _)| name.to_string_lossy().contains(PASTED));
    match Config::load(None, variables) {
        Ok(config) => reads_back(&config),
        Err(error) => fit(&error, is_pasted),
    }
    if let Ok(duration) = parse_duration(file) {
        assert_eq!(
            parse_duration(&format!("{}ms", duration.as_millis())),
            Ok(duration)
        );
    }
}

/// Checks the laws of configurations with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(text: &str) {
    match Config::from_toml(text) {
        Ok(config) => reads_back(&config),
        Err(error) => {
            let keys_hold_it = text.parse().is_ok_and(|table: Table| is_in_keys(&table));
            fit(&error, keys_hold_it);
            let lines = text.lines().count().max(1);
            let numbers = error.problems().iter().filter_map(repass::config::Problem::line);
            assert!(
                numbers.into_iter().all(|line| (1..=lines + 1).contains(&line)),
                "{error}"
            );
        }
    }
}

// `config show` writes a file that says the same.
fn reads_back(config: &Config) {
    let written = toml::to_string(config).unwrap();
    let read = Config::from_toml(&written).unwrap();
    assert_eq!(toml::to_string(&read).unwrap(), written);
}

fn fit(error: &ConfigError, keys_hold_it: bool) {
    assert!(!error.problems().is_empty());
    for problem in error.problems() {
        let reported = problem.to_string();
        shown::plain(&reported);
        assert!(reported.len() <= LONGEST, "{} bytes: {reported}", reported.len());
        assert!(keys_hold_it || !reported.contains(PASTED), "{reported}");
    }
}

// A key that is not known is reported; what it holds is not.
fn is_in_keys(table: &Table) -> bool {
    fn any(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => is_in_keys(table),
            toml::Value::Array(items) => items.iter().any(any),
            _ => false,
        }
    }
    table
        .iter()
        .any(|(key, value)| key.contains(PASTED) || any(value))
}
