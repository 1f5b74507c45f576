//! The command lines in the guide.

use std::process::Command;

use crate::pages::{all, root, samples};

fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_repass"))
        .args(words)
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "repass {} --help", words.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands before the first argument or option: `bulk run`.
fn commands<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut commands = Vec::new();
    for word in words {
        let offered = help(&commands);
        let is_command = offered.split("Commands:").nth(1).is_some_and(|list| {
            list.lines()
                .any(|line| line.split_whitespace().next() == Some(word))
        });
        if !is_command {
            break;
        }
        commands.push(*word);
    }
    commands
}

#[test]
fn every_command_and_option_exists() {
    let mut seen = 0;
    for (path, page) in all() {
        let shells = samples(&page)
            .into_iter()
            .filter(|sample| sample.language == "sh");
        for line in shells.flat_map(|sample| sample.text.lines().map(str::to_owned).collect::<Vec<_>>()) {
            let Some(line) = line.strip_prefix("repass ") else {
                continue;
            };
            let words: Vec<&str> = line
                .split_whitespace()
                .take_while(|word| !["#", "|"].contains(word))
                .collect();
            let commands = commands(&words);
            assert!(!commands.is_empty(), "{path}: repass {line}: no such command");
            let reported = help(&commands);
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(reported.contains(*option), "{path}: repass {line}: no {option}");
            }
            seen += 1;
        }
    }
    assert!(seen > 6, "the command lines were found");
}

#[test]
fn every_named_example_exists() {
    let mut seen = 0;
    for (path, page) in all() {
        for named in page.split("--example ").skip(1) {
            let name = named
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap();
            let file = root().join("crates/app/examples").join(name);
            assert!(
                file.is_dir() || file.with_extension("rs").is_file(),
                "{path}: {name}"
            );
            seen += 1;
        }
    }
    assert!(seen > 0, "the examples were found");
}

#[test]
fn examples_are_short_and_run_in_ci() {
    let gate = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let folder = root().join("crates/app/examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // Benchmarks, not usage examples.
        if name.starts_with("load") {
            continue;
        }
        let file = if path.is_dir() { path.join("main.rs") } else { path };
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines < 80, "{} has {lines} lines", file.display());
        assert!(gate.contains(&format!(" {name}")), "{name} is not run");
    }
}
