//! The rules of the house, checked against what Cargo and the sources really say. ARCHITECTURE.md
//! gives the reasons.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use repass_testkit::root;
use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What each member of the workspace names in its own manifest, development aside.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"])).unwrap();
    let named = |package: &Value| {
        let entries = package["dependencies"].as_array().unwrap().iter();
        let kept = entries.filter(|entry| entry["kind"].as_str() != Some("dev"));
        kept.map(|entry| entry["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| (package["name"].as_str().unwrap().to_owned(), named(package)))
        .collect()
}

/// The members in `crates/*-adapter`, each of which knows one kind of provider.
fn adapters() -> BTreeSet<String> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| {
            let manifest = package["manifest_path"].as_str().unwrap();
            manifest.ends_with("-adapter/Cargo.toml")
        })
        .map(|package| package["name"].as_str().unwrap().to_owned())
        .collect()
}

fn assert_only(dependency: &str, allowed: &[&str]) {
    for (package, names) in dependencies() {
        if names.contains(dependency) {
            assert!(
                allowed.contains(&&*package),
                "{package} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_domain_knows_no_network_and_no_runtime() {
    let tree = cargo(&[
        "tree",
        "-p",
        "repass-domain",
        "-e",
        "normal",
        "--prefix",
        "none",
        "--no-default-features",
    ]);
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap();
        assert!(
            !["reqwest", "hyper", "http", "url", "tokio", "rustls"].contains(&name),
            "{line}"
        );
    }
    assert!(tree.contains("secrecy"), "the tree was read");
}

#[test]
fn external_crate_is_used_only_where_it_belongs() {
    assert_only("reqwest", &["repass-transport", "xtask"]);
    assert_only("hyper", &["repass-transport", "repass-sandbox", "repass-sidecar"]);
    assert_only("hyper-util", &["repass-transport", "repass-sandbox", "xtask"]);
    assert_only(
        "rustls",
        &["repass-transport", "repass-sandbox", "repass-sidecar", "xtask"],
    );
    assert_only("axum", &["repass-sidecar"]);
    assert_only(
        "toml",
        &["repass", "repass-cli", "repass-http-provider", "repass-testkit"],
    );
    assert_only("clap", &["repass-cli", "xtask"]);
}

#[test]
fn dependencies_between_workspace_crates_point_one_way() {
    let adapters = adapters();
    assert!(adapters.contains("repass-zoom"), "the adapters were found");
    for (package, names) in dependencies() {
        let ours: BTreeSet<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| name.starts_with("repass"))
            .collect();
        let allowed: &[&str] = match &*package {
            "repass-domain" | "repass-sandbox" => &[],
            "repass-transport" => &["repass-domain"],
            "repass-provider" => &["repass-domain", "repass-transport"],
            adapter if adapters.contains(adapter) => {
                &["repass-domain", "repass-provider", "repass-transport"]
            }
            "repass-conformance" | "repass-bulk" | "repass-sidecar" => &["repass-domain"],
            "repass-postgres" => &[
                "repass-bulk",
                "repass-domain",
                "repass-sidecar",
                "repass-transport",
            ],
            "repass" => &[
                "repass-domain",
                "repass-postgres",
                "repass-provider",
                "repass-sandbox",
                "repass-transport",
            ],
            "repass-cli" => &[
                "repass",
                "repass-bulk",
                "repass-domain",
                "repass-postgres",
                "repass-provider",
                "repass-sandbox",
                "repass-sidecar",
                "repass-transport",
            ],
            // Tests and tools may use everything.
            "repass-testkit" | "repass-tests" | "xtask" => continue,
            other => panic!("add {other} to this table"),
        };
        let is_allowed =
            |name: &str| allowed.contains(&name) || (package == "repass" && adapters.contains(name));
        let forbidden: Vec<_> = ours.iter().filter(|name| !is_allowed(name)).collect();
        assert!(forbidden.is_empty(), "{package} must not depend on {forbidden:?}");
    }
}

#[test]
fn no_second_tls_stack_comes_in() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in ["openssl", "native-tls", "aws-lc-rs"] {
        assert!(
            !lock.contains(&format!("name = \"{name}\"\n")),
            "{name} is in Cargo.lock"
        );
    }
}

#[test]
fn library_has_no_command_line_in_its_tree() {
    let tree = cargo(&[
        "tree",
        "-p",
        "repass",
        "-e",
        "normal",
        "--prefix",
        "none",
        "--features",
        "sandbox",
    ]);
    assert!(tree.contains("repass-zoom"), "the tree was read");
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap();
        assert!(
            ![
                "clap",
                "indicatif",
                "tracing-subscriber",
                "repass-bulk",
                "repass-sidecar"
            ]
            .contains(&name),
            "{line}"
        );
    }
}

#[test]
fn no_dependency_needs_a_newer_rust_than_is_promised() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--locked", "--format-version=1"])).unwrap();
    let version = |package: &Value| -> Option<Vec<u32>> {
        let numbers = package["rust_version"].as_str()?.split('.');
        Some(numbers.take(2).map(|number| number.parse().unwrap()).collect())
    };
    let packages = metadata["packages"].as_array().unwrap();
    let ours = packages.iter().find(|package| package["name"] == "repass");
    let promised = version(ours.unwrap()).unwrap();
    for package in packages {
        let needed = version(package);
        assert!(
            needed.is_none_or(|needed| needed <= promised),
            "{} {} needs Rust {}",
            package["name"],
            package["version"],
            package["rust_version"]
        );
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Lines of code: without blank lines, comments and the unit tests at the end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn only_library_and_command_line_use_the_operating_system() {
    let mut files = Vec::new();
    for member in fs::read_dir(root().join("crates")).unwrap() {
        sources(&member.unwrap().path().join("src"), &mut files);
    }
    assert!(files.len() > 30, "the sources were found");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // The journal, the file of secrets and the report are files; that is what bulk is for.
        let files = file.starts_with(root().join("crates/bulk")).then_some("std::fs");
        let may = ["crates/app", "crates/cli", "crates/testkit"].map(|folder| root().join(folder));
        if !may.iter().any(|folder| file.starts_with(folder)) {
            for machine in ["std::fs", "std::env", "std::process"] {
                assert!(
                    Some(machine) == files || !code(&text).any(|line| line.contains(machine)),
                    "{} uses {machine}",
                    file.display()
                );
            }
        }
    }
}
