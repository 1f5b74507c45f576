//! Every dependency of the library has its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::pages::{read, root, section};

/// What the table calls a crate of the library, by its manifest; `None` for the others.
fn called(manifest: &str) -> Option<&'static str> {
    Some(match manifest.rsplit('/').nth(1)? {
        "domain" => "domain",
        "transport" => "transport",
        "provider" => "provider",
        "app" => "repass",
        folder if folder.ends_with("-adapter") => "adapters",
        _ => return None,
    })
}

/// Which of them name which outside crate, by their manifests: development and what is optional aside.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(short) = called(package["manifest_path"].as_str().unwrap()) else {
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let is_ours = name.starts_with("repass");
            if dependency["kind"].is_null() && dependency["optional"] == false && !is_ours {
                named.entry(name.to_owned()).or_default().insert(short.to_owned());
            }
        }
    }
    named
}

#[test]
fn every_dependency_has_a_documented_reason() {
    let page = read("ARCHITECTURE.md");
    let table = section(&page, "dependencies").unwrap();
    let mut reported = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, by, reason, _] = cells[..] else {
            panic!("three columns: {row}")
        };
        assert!(!reason.is_empty(), "{name} has no reason");
        let by: BTreeSet<String> = by.split(", ").map(str::to_owned).collect();
        reported.insert(name.trim_matches('`').to_owned(), by);
    }
    assert_eq!(reported, named(), "left: ARCHITECTURE.md, right: the manifests");
}
