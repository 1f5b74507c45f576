//! The quick start, followed literally: a new project with the files that the page shows.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::pages::{read, root, samples};

/// What the page puts into a file.
fn shown(file: &str) -> String {
    let page = read("docs/guide/start.md");
    let named = format!("`{file}`");
    let found = samples(&page)
        .into_iter()
        .find(|sample| sample.before.contains(&named));
    found.unwrap_or_else(|| panic!("the page shows {file}")).text
}

fn cargo(project: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(project)
        // What this workspace has built already need not be built again: the same folder, the same profile.
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let reported = [output.stdout, output.stderr].concat();
    let reported = String::from_utf8_lossy(&reported).into_owned();
    assert!(output.status.success(), "cargo {arguments:?}:\n{reported}");
    reported
}

/// The folder that the binary under test was built in.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_repass"))
        .ancestors()
        .nth(2)
        .unwrap()
}

#[test]
fn quick_start_followed_literally_works() {
    let files = ["Cargo.toml", "repass.toml", "src/main.rs"];
    let lines: usize = files
        .iter()
        .map(|file| shown(file).lines().filter(|line| !line.trim().is_empty()).count())
        .sum();
    assert!(lines < 40, "the page takes {lines} lines of the user's own");

    let folder = tempfile::tempdir().unwrap();
    cargo(folder.path(), &["new", "--vcs", "none", "hello"]);
    let project = folder.path().join("hello");
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    let here = root().join("crates/app");
    let added = shown("Cargo.toml").replace("../repass/crates/app", here.to_str().unwrap());
    // A manifest in a parent directory must not become this project's workspace.
    let whole = format!("{}\n{added}\n[workspace]\n", manifest.trim_end());
    fs::write(project.join("Cargo.toml"), whole).unwrap();
    for file in &files[1..] {
        fs::write(project.join(file), shown(file)).unwrap();
    }
    // The versions that are here, so that nothing is fetched.
    fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();

    let reported = cargo(&project, &["test", "--offline"]);
    assert!(reported.contains("test result: ok. 2 passed"), "{reported}");
}
