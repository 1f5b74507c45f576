//! The names that programs depend on: exit codes, error kinds, the keys of JSON, metrics with their labels, the
//! sidecar's API and the keys of the configuration.
//!
//! `stable_names.txt` holds them as they were before names inside the code changed. A name may be added to it;
//! removing or changing one breaks somebody's program.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "shared with the end-to-end tests")]
#[path = "end_to_end/binary.rs"]
mod binary;
#[path = "guide/configuration_keys.rs"]
mod configuration_keys;
#[expect(dead_code, reason = "shared with the guide's tests")]
#[path = "guide/pages.rs"]
mod pages;
#[expect(dead_code, reason = "shared with the end-to-end tests")]
#[path = "end_to_end/test_env.rs"]
mod test_env;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use repass_sandbox::{Action, Cut, CutKind, CutPoint, Fault, RequestMatcher, Timing};
use serde_json::Value;

use crate::pages::{read, root};
use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv};

const LIST: &str = include_str!("stable_names.txt");

/// Compares the names of one section of the list with the present ones. `UPDATE=1` rewrites the section.
fn assert_stable(section: &str, names: &BTreeSet<String>) {
    assert!(!names.is_empty(), "{section}: names were found");
    let header = format!("# {section}\n");
    if std::env::var_os("UPDATE").is_some() {
        let path = root().join("tests/stable_names.txt");
        let list = fs::read_to_string(&path).unwrap();
        let mut sections: Vec<String> = list
            .split("\n\n")
            .map(|it| it.trim().to_owned())
            .filter(|it| !it.is_empty() && !format!("{it}\n").starts_with(&header))
            .collect();
        let lines: Vec<&str> = names.iter().map(String::as_str).collect();
        sections.push(format!("{header}{}", lines.join("\n")));
        sections.sort();
        fs::write(path, sections.join("\n\n") + "\n").unwrap();
        return;
    }
    let listed: BTreeSet<String> = LIST
        .split("\n\n")
        .find_map(|it| it.strip_prefix(&header))
        .unwrap_or_else(|| panic!("stable_names.txt has no section {section}"))
        .lines()
        .map(str::to_owned)
        .collect();
    let removed: Vec<_> = listed.difference(names).collect();
    let added: Vec<_> = names.difference(&listed).collect();
    assert!(
        removed.is_empty() && added.is_empty(),
        "{section}: removed {removed:#?}, added {added:#?}; removing a name breaks programs, an added one belongs in \
         tests/stable_names.txt"
    );
}

/// The rows of the tables of a page, cell by cell.
fn table_rows(page: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells = row.trim_matches('|').split(" |");
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

/// The words in a cell that are code.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

// A test beside the code keeps `docs/errors.md` equal to the code.
#[test]
fn exit_codes_error_kinds_and_rule_codes_are_stable() {
    let page = read("docs/errors.md");
    let (mut exits, mut kinds, mut rules) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in table_rows(&page) {
        match &row[..] {
            [kind, outcome, exit, _] if kind.starts_with('`') => {
                kinds.insert(format!("{} {} {exit}", code(kind)[0], code(outcome)[0]));
            }
            [name, _] if name.starts_with('`') => {
                rules.insert(code(name)[0].to_owned());
            }
            [number, _] if number.parse::<u8>().is_ok() => {
                exits.insert(number.clone());
            }
            _ => {}
        }
    }
    assert_stable("exit codes", &exits);
    assert_stable("error kinds", &kinds);
    assert_stable("rule codes", &rules);
}

// A test of the library keeps `docs/observability.md` equal to the code.
#[test]
fn metrics_and_their_labels_are_stable() {
    let page = read("docs/observability.md");
    let metrics: BTreeSet<String> = table_rows(pages::section(&page, "metrics").unwrap())
        .iter()
        .filter(|row| row[0].starts_with('`'))
        .map(|row| format!("{} {} {}", code(&row[0])[0], row[1], code(&row[2]).join(" ")))
        .collect();
    assert_stable("metrics", &metrics);
    let sidecar = page.split('`').filter(|word| {
        word.starts_with("repass_sidecar_") && word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
    });
    assert_stable("metrics of the sidecar", &sidecar.map(str::to_owned).collect());
}

#[test]
fn configuration_keys_are_stable() {
    assert_stable(
        "configuration keys",
        &configuration_keys::all().into_iter().collect(),
    );
}

#[test]
fn openapi_paths_statuses_and_properties_are_stable() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["serve", "--print-openapi"], "");
    let api: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut names = BTreeSet::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            names.insert(format!("{method} {path}"));
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let (name, place) = (&parameter["name"], &parameter["in"]);
                names.insert(format!(
                    "{method} {path} {} {}",
                    place.as_str().unwrap(),
                    name.as_str().unwrap()
                ));
            }
            for status in operation["responses"].as_object().unwrap().keys() {
                names.insert(format!("{method} {path} {status}"));
            }
        }
    }
    properties("", &api["components"]["schemas"], &mut names);
    assert_stable("openapi", &names);
}

/// The properties and enumerated words of every schema below a value.
fn properties(path: &str, value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for property in object
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                names.insert(format!("{path}.{}", property.0));
            }
            for word in object.get("enum").and_then(Value::as_array).into_iter().flatten() {
                names.insert(format!("{path} = {word}"));
            }
            for (key, value) in object {
                let is_structure = ["properties", "items", "oneOf", "anyOf", "allOf"].contains(&key.as_str());
                let below = match (is_structure, path) {
                    (true, _) => path.to_owned(),
                    (false, "") => key.clone(),
                    (false, _) => format!("{path}.{key}"),
                };
                properties(&below, value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(path, item, names)),
        _ => {}
    }
}

/// The paths of all keys in a JSON value; `[]` stands for the items of an array.
fn key_paths(path: &str, value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = format!("{path}.{key}");
                names.insert(path.clone());
                key_paths(&path, value, names);
            }
        }
        Value::Array(items) => {
            for item in items {
                key_paths(&format!("{path}[]"), item, names);
            }
        }
        _ => {}
    }
}

/// The keys of each JSON value that a command prints, below its name; events of a bulk run by the event.
fn keys_of(command: &str, text: &str, names: &mut BTreeSet<String>) {
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.unwrap_or_else(|_| panic!("{command} prints JSON: {text}"));
        let name = match value["event"].as_str() {
            Some(event) => format!("{command} {event}"),
            None => command.to_owned(),
        };
        key_paths(&name, &value, names);
    }
}

/// The next answer about Alice is lost.
fn lose_next_answer(test_env: &TestEnv) {
    let matching = RequestMatcher {
        user: Some(ALICE.to_owned()),
        ..RequestMatcher::default()
    };
    let cut = Some(Cut {
        at: CutPoint::Answer,
        how: CutKind::Fin,
    });
    let action = Action {
        when: Timing::AfterApply,
        cut,
        ..Action::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
}

#[test]
fn json_keys_of_every_command_are_stable() {
    let test_env = TestEnv::new();
    let mut names = BTreeSet::new();
    let mut run = |arguments: &[&str], stdin: &str, expected: i32| {
        let words: Vec<&str> = [&["--json", "--yes", "--no-input"], arguments].concat();
        let run = test_env.run(&words, stdin);
        assert_eq!(run.code, expected, "{arguments:?}: {run:?}");
        let commands = arguments.iter().filter(|word| !word.starts_with('-'));
        let depth = if ["bulk", "config", "policy", "user"].contains(&arguments[0]) {
            2
        } else {
            1
        };
        let command: Vec<&str> = commands.take(depth).copied().collect();
        keys_of(&command.join(" "), &run.stdout, &mut names);
    };
    let new = "New-Passw0rd-1\n";
    run(
        &[
            "change",
            ALICE_ID,
            "-p=portal",
            "--current-password-stdin",
            "--new-password-stdin",
        ],
        &format!("{ALICE_PASSWORD}\n{new}"),
        0,
    );
    run(&["reset", ALICE, "--new-password-stdin"], "weak\n", 3);
    run(&["reset", ALICE, "--generate", "--print"], "", 0);
    run(&["reset", ALICE], "", 2);
    lose_next_answer(&test_env);
    run(&["reset", ALICE, "--new-password-stdin"], new, 8);
    run(&["resolve", ALICE, "--new-password-stdin"], new, 0);
    run(&["user", "update", ALICE, "--first-name", "Ann"], "", 0);
    run(&["user", "update", ALICE, "--set", "pmi=123"], "", 2);
    run(&["config", "show"], "", 0);
    run(&["policy", "show"], "", 0);
    run(&["policy", "check", "--new-password-stdin"], "weak\n", 3);
    run(&["generate"], "", 0);
    run(&["providers"], "", 0);
    run(&["doctor"], "", 0);
    run(&["config", "init"], "", 0);
    run(&["config", "init", "new.toml"], "", 0);
    run(&["config", "check"], "", 0);
    run(&["demo"], "", 0);
    run(&["completions", "bash"], "", 0);
    run(&["man"], "", 0);
    run(&["man", "pages"], "", 0);
    run(&["unknown-command"], "", 2);
    test_env.secret(
        "users.csv",
        format!("user,new_password\n{ALICE},New-Passw0rd-2\nnobody@example.com,{new}bob@example.com,weak\n"),
    );
    run(&["bulk", "run", "users.csv", "--dry-run", "--preflight"], "", 9);
    run(&["bulk", "run", "users.csv", "--run", "run"], "", 9);
    for command in ["status", "report"] {
        run(&["bulk", command, "run"], "", 9);
    }
    run(&["bulk", "resume", "run", "users.csv"], "", 9);
    assert_stable("json keys", &names);
}

#[test]
fn json_keys_of_bulk_secrets_are_stable() {
    let test_env = TestEnv::new();
    test_env.secret("passphrase", "correct horse battery\n");
    fs::write(test_env.path("users.csv"), format!("user\n{ALICE}\n")).unwrap();
    let sealed = [
        "--generate",
        "--secrets-out",
        "s.age",
        "--passphrase-file",
        "passphrase",
    ];
    let run = test_env.run(
        &[&["bulk", "run", "users.csv", "--run", "run"][..], &sealed].concat(),
        "",
    );
    assert_eq!(run.code, 0, "{run:?}");
    let mut names = BTreeSet::new();
    let open = [
        "--json",
        "bulk",
        "secrets",
        "s.age",
        "--run",
        "run",
        "--passphrase-file",
        "passphrase",
    ];
    keys_of("bulk secrets", &test_env.run(&open, "").stdout, &mut names);
    let run = test_env.run(&[&open[..], &["--out", "out.json"]].concat(), "");
    keys_of("bulk secrets --out", &run.stdout, &mut names);
    let header = test_env.run(&open[1..], "").stdout;
    names.insert(format!("bulk secrets csv {}", header.lines().next().unwrap()));
    let report = test_env.run(&["bulk", "report", "run"], "").stdout;
    names.insert(format!("bulk report csv {}", report.lines().next().unwrap()));
    assert_stable("bulk files", &names);
}

#[test]
fn json_keys_at_the_start_of_a_server_are_stable() {
    let test_env = TestEnv::new();
    let mut names = BTreeSet::new();
    test_env.secret("sidecar", "0123456789abcdef0123456789abcdef\n");
    for (command, more) in [
        ("sandbox", &[][..]),
        ("serve", &["--listen", "127.0.0.1:0", "--token-file", "sidecar"]),
    ] {
        let mut child = binary::command(test_env.folder())
            .args(["--json", command])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        keys_of(command, &line, &mut names);
    }
    assert_stable("json keys of servers", &names);
}
