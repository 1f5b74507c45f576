//! Compares the public API of the two library crates with the recorded one: `cargo xtask public-api`, with `--write` to
//! record a wanted change.
//!
//! Also checks that signatures use only types of the foreign crates that the crate's documentation lists in its section
//! "Types of other crates".
//!
//! rustdoc's output changes with the compiler, so one version is pinned. rustup installs it if necessary; without
//! rustup or a network the check is skipped, and a message says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args as ClapArgs;
use repass_testkit::root;

/// The pinned compiler. Changing it means updating `public-api` and recording the API again.
const TOOLCHAIN: &str = "1.95.0";

/// Each crate and its folder.
const CRATES: [(&str, &str); 2] = [("repass-domain", "crates/domain"), ("repass", "crates/app")];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Record the current API.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let write = args.write;
    let Some(cargo) = cargo() else {
        println!("PUBLIC API NOT CHECKED: Rust {TOOLCHAIN} is missing and cannot be installed");
        return ExitCode::SUCCESS;
    };
    let mut good = true;
    for (package, folder) in CRATES {
        match check(&cargo, package, &root().join(folder), write) {
            Ok(true) => println!("{package}: as recorded"),
            Ok(false) => good = false,
            Err(error) => {
                println!("{package}: {error}");
                good = false;
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn runs(command: &[&str]) -> bool {
    let output = Command::new(command[0]).args(&command[1..]).output();
    output.is_ok_and(|output| output.status.success())
}

// The command that runs the toolchain's cargo; `None` if it is not available.
fn cargo() -> Option<Vec<&'static str>> {
    let version = Command::new("rustc").arg("--version").output().ok()?;
    let version = String::from_utf8(version.stdout).ok()?;
    if version.split(' ').nth(1) == Some(TOOLCHAIN) {
        return Some(vec!["cargo"]);
    }
    let is_there = || runs(&["rustup", "run", TOOLCHAIN, "rustdoc", "--version"]);
    let install = [
        "rustup",
        "toolchain",
        "install",
        TOOLCHAIN,
        "--profile",
        "minimal",
    ];
    (is_there() || runs(&install) && is_there()).then(|| vec!["rustup", "run", TOOLCHAIN, "cargo"])
}

fn check(cargo: &[&str], package: &str, folder: &Path, write: bool) -> Result<bool> {
    let api = api(cargo, package)?;
    let on_record = folder.join("public-api.txt");
    if write {
        fs::write(&on_record, &api)?;
    }
    let expected = fs::read_to_string(&on_record).unwrap_or_default();
    let (before, now): (BTreeSet<_>, BTreeSet<_>) = (expected.lines().collect(), api.lines().collect());
    for gone in before.difference(&now) {
        println!("- {gone}");
    }
    for new in now.difference(&before) {
        println!("+ {new}");
    }
    if before != now {
        println!("{package}: the public API differs from {}", on_record.display());
        println!("if that is intended, run this with --write and add it to CHANGELOG.md");
    }
    let named = named(&fs::read_to_string(folder.join("src/lib.rs"))?);
    let foreign = foreign(&api);
    let unnamed: Vec<_> = foreign.difference(&named).collect();
    if !unnamed.is_empty() {
        println!(
            "{package}: signatures use types of {unnamed:?}; list them in the section \"Types of other crates\""
        );
    }
    Ok(before == now && unnamed.is_empty())
}

fn api(cargo: &[&str], package: &str) -> Result<String> {
    let rustdoc = root().join("tests/unstable_rustdoc.sh");
    let output = Command::new(cargo[0])
        .args(&cargo[1..])
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--all-features",
            "-p",
            package,
        ])
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .env("RUSTDOC", rustdoc)
        .current_dir(root())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let json = target()?.join("doc").join(package.replace('-', "_") + ".json");
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    Ok(api.to_string())
}

fn target() -> Result<std::path::PathBuf> {
    let metadata = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let target = metadata["target_directory"].as_str();
    Ok(target.ok_or("cargo metadata has no target_directory")?.into())
}

/// The foreign crates whose types are in these signatures, except the standard library.
fn foreign(api: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let words = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    for path in api.split(words).filter(|word| word.contains("::")) {
        let (root, _) = path.split_once("::").unwrap_or_default();
        let is_crate = root.starts_with(|c: char| c.is_ascii_lowercase());
        if is_crate && !root.starts_with("repass") && !["alloc", "core", "std"].contains(&root) {
            // The traits of `serde` are defined in `serde_core`.
            found.insert(root.replace("serde_core", "serde"));
        }
    }
    found
}

/// The crates that the documentation lists in its section about them.
fn named(lib: &str) -> BTreeSet<String> {
    let text: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let text = text.join("\n");
    let section = text
        .split("\n # ")
        .find(|it| it.starts_with("Types of other crates"));
    let code = section.unwrap_or_default().split('`').skip(1).step_by(2);
    code.map(str::to_owned).collect()
}
