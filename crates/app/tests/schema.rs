//! The JSON schema of the configuration: the checked-in file is up to date, and the configurations in the documentation
//! conform to it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use repass::Config;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn checked_in_schema_equals_the_decoder() {
    let path = root().join("docs/repass.schema.json");
    let schema = Config::json_schema();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    let checked_in: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert!(
        checked_in == schema,
        "docs/repass.schema.json is out of date; run `UPDATE=1 cargo test -p repass --test schema`"
    );
}

#[test]
fn documented_configurations_conform_to_the_schema() {
    let schema = Config::json_schema();
    let mut samples = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = text.split("```toml\n").skip(1);
        for block in blocks.filter(|block| block.contains("[providers.")) {
            let sample = block.split("```").next().unwrap();
            let document: Value = toml::from_str(sample).unwrap();
            let problems = problems("", &document, &schema, &schema);
            assert!(problems.is_empty(), "{}: {problems:#?}\n{sample}", page.display());
            samples += 1;
        }
    }
    assert!(samples > 4, "the samples were found");
}

#[test]
fn invalid_configurations_violate_the_schema() {
    let schema = Config::json_schema();
    let zoom = "[providers.z]\nkind = \"zoom\"\nauth = { kind = \"bearer\", token = { env = \"T\" } }\n";
    for (text, is_valid) in [
        (zoom.to_owned(), true),
        (format!("{zoom}max_in_flight = 1\n"), true),
        (format!("{zoom}max_in_flight = 0\n"), false),
        (format!("{zoom}connect_timeout = \"5\"\n"), false),
        (format!("{zoom}plam = \"free\"\n"), false),
        (format!("{zoom}policy = {{ min_length = \"8\" }}\n"), false),
        (zoom.replace("zoom", "zom"), false),
        (zoom.replace("token =", "tokens ="), false),
        (zoom.replace("env = \"T\"", "env = \"T\", file = \"F\""), false),
        (zoom.replace("kind = \"zoom\"\n", ""), false),
        (format!("on_unknown = \"retry\"\n{zoom}"), false),
    ] {
        let document: Value = toml::from_str(&text).unwrap();
        let problems = problems("", &document, &schema, &schema);
        assert_eq!(problems.is_empty(), is_valid, "{text}{problems:#?}");
    }
}

fn pages() -> Vec<PathBuf> {
    let guide = fs::read_dir(root().join("docs/guide")).unwrap();
    let mut pages: Vec<PathBuf> = guide.map(|entry| entry.unwrap().path()).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

// As much of JSON schema as the schema uses.
fn problems(path: &str, value: &Value, schema: &Value, root: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return problems(path, value, root.pointer(pointer).unwrap(), root);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let tried: Vec<_> = choices
            .iter()
            .map(|choice| problems(path, value, choice, root))
            .collect();
        return match tried.iter().filter(|problems| problems.is_empty()).count() {
            1 => Vec::new(),
            _ => vec![format!("{path}: none or several of: {tried:#?}")],
        };
    }
    let mut found = Vec::new();
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64(),
        Some(other) => panic!("{other}"),
        None => true,
    };
    let is_allowed = schema["enum"]
        .as_array()
        .is_none_or(|allowed| allowed.contains(value));
    let is_const = schema.get("const").is_none_or(|only| only == value);
    let in_range = value.as_u64().is_none_or(|number| {
        schema["minimum"].as_u64().is_none_or(|least| number >= least)
            && schema["maximum"].as_u64().is_none_or(|most| number <= most)
    });
    let is_duration = |text: &str| repass::config::parse_duration(text).is_ok();
    let is_text = schema.get("pattern").is_none() || value.as_str().is_some_and(is_duration);
    if !(is_type && is_allowed && is_const && in_range && is_text) {
        found.push(format!("{path}: {schema}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(problems(
            &format!("{path}[{index}]"),
            item,
            &schema["items"],
            root,
        ));
    }
    let Some(entries) = value.as_object() else {
        return found;
    };
    for key in schema["required"].as_array().into_iter().flatten() {
        if !entries.contains_key(key.as_str().unwrap()) {
            found.push(format!("{path}: {key} is missing"));
        }
    }
    if schema["maxProperties"]
        .as_u64()
        .is_some_and(|most| entries.len() as u64 > most)
    {
        found.push(format!("{path}: too many keys"));
    }
    for (key, entry) in entries {
        let path = format!("{path}.{key}");
        let known = schema["properties"].get(key);
        match known.unwrap_or(&schema["additionalProperties"]) {
            Value::Bool(false) => found.push(format!("{path}: unknown key")),
            schema => found.extend(problems(&path, entry, schema, root)),
        }
    }
    found
}
