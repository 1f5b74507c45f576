//! Looking for passwords where none may be.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::compare::opened;
use super::env::TestEnv;

/// No password that was ever made is in the journal, a report, an output, a log or, in clear, the file of secrets.
pub(super) fn nothing_in_clear(env: &TestEnv) {
    env.output(&[
        "bulk",
        "report",
        "run",
        "--csv",
        "report.csv",
        "--html",
        "report.html",
    ]);
    let json = env.output(&["--json", "bulk", "report", "run"]);
    let passwords: Vec<String> = opened(env)
        .iter()
        .filter_map(|secret| secret["new_password"].as_str().map(str::to_owned))
        .collect();
    let mut needles: BTreeMap<usize, HashSet<&[u8]>> = BTreeMap::new();
    for password in &passwords {
        needles
            .entry(password.len())
            .or_default()
            .insert(password.as_bytes());
    }
    let mut files: Vec<(String, Vec<u8>)> = vec![("report.json".to_owned(), json.into_bytes())];
    let in_run = fs::read_dir(env.path("run")).into_iter().flatten().flatten();
    let names = [
        "report.csv",
        "report.html",
        "stdout.log",
        "stderr.log",
        "secrets.age",
    ];
    let paths: Vec<PathBuf> = in_run
        .map(|entry| entry.path())
        .chain(names.map(|name| env.path(name)))
        .collect();
    for path in paths {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        files.push((path.display().to_string(), bytes));
    }
    assert!(files.len() > 6, "there is something to look through");
    for (name, bytes) in &files {
        for (length, passwords) in &needles {
            let found = bytes.windows(*length).any(|window| passwords.contains(window));
            assert!(!found, "a password is in {name}");
        }
    }
    // The search finds what is there.
    let control = passwords
        .first()
        .map(|password| format!("x{password}y"))
        .unwrap_or_default();
    let found = needles.iter().any(|(length, passwords)| {
        control
            .as_bytes()
            .windows(*length)
            .any(|window| passwords.contains(window))
    });
    assert!(found, "a password that is there is found");
}
