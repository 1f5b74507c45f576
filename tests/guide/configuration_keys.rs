//! The keys that the code reads from a configuration.

use std::fs;

use crate::pages::{read, root};

/// The keys that the readers of the configuration ask for.
pub(crate) fn all() -> Vec<String> {
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
            "flag",
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
    // So are the keys that only one kind of provider has.
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        let folder = folder.unwrap().file_name().into_string().unwrap();
        if folder.ends_with("-adapter") {
            let code = read(&format!("crates/{folder}/src/kind.rs"));
            let settings = code.split("Setting::").skip(1);
            let settings =
                settings.filter(|it| ["Enum(", "Flag(", "Text("].iter().any(|of| it.starts_with(of)));
            keys.extend(settings.map(|it| it.split('"').nth(1).unwrap().to_owned()));
        }
    }
    keys
}
