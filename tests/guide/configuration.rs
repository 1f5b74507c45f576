//! The configurations in the guide, and the keys it tells.

use std::fs;

use repass::Config;

use crate::pages::{all, read, root, samples};

#[test]
fn every_sample_of_a_configuration_loads() {
    let mut loaded = 0;
    for (path, page) in all() {
        for sample in samples(&page)
            .iter()
            .filter(|it| it.language == "toml" && !it.before.contains("Cargo.toml"))
        {
            if let Err(error) = Config::from_toml(&sample.text) {
                panic!("{path}:\n{}\n{error}", sample.text);
            }
            loaded += 1;
        }
    }
    assert!(loaded > 4, "the samples were found");
}

/// The keys that the readers of the configuration ask for.
fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    for file in ["decode.rs", "local_policy.rs"] {
        let code = read(&format!("crates/app/src/config/{file}"));
        let code = code.split("#[cfg(test)]").next().unwrap();
        for reader in [
            "text",
            "choice",
            "required_text",
            "required_choice",
            "required_secret",
            "duration",
            "count",
            "file",
            "section",
        ] {
            let call = format!(".{reader}(\"");
            let calls = code.split(&call).skip(1);
            keys.extend(calls.map(|call| call.split('"').next().unwrap().to_owned()));
        }
        // Rules are read by a table.
        let rules = code.split("\n    (\"").skip(1);
        let rules = rules.filter(|rule| rule.contains("Shape::"));
        keys.extend(rules.map(|rule| rule.split('"').next().unwrap().to_owned()));
    }
    // So are the keys of a kind's own.
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        let folder = folder.unwrap().file_name().into_string().unwrap();
        if folder.ends_with("-adapter") {
            let code = read(&format!("crates/{folder}/src/kind.rs"));
            let settings = code.split("Setting::").skip(1);
            let settings = settings.filter(|it| it.starts_with("Enum(") || it.starts_with("Text("));
            keys.extend(settings.map(|it| it.split('"').nth(1).unwrap().to_owned()));
        }
    }
    keys
}

#[test]
fn every_key_is_told() {
    let page = read("docs/guide/configure.md");
    let keys = keys();
    assert!(keys.len() > 40, "the keys were found: {keys:?}");
    assert!(keys.iter().any(|key| key == "plan"), "the kinds' keys were found");
    for key in keys {
        let told = page.contains(&format!("`{key}`")) || page.contains(&format!("{key} = "));
        assert!(told, "configure.md does not tell `{key}`");
    }
}
