//! Output: one JSON object on success and on failure, and an error if it cannot be written.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::binary::{command, finish};
use crate::test_env::{ALICE, TestEnv, json};

const PASSWORDS: &str = "New-Passw0rd-1\n";

/// Exit code and standard error of a run whose standard output is on a full disk.
fn on_a_full_disk(test_env: &TestEnv, arguments: &[&str], stdin: &str) -> (i32, String) {
    let mut command = command(test_env.folder());
    command.args(arguments).stdout(File::create("/dev/full").unwrap());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), stderr)
}

#[test]
fn result_write_failure_is_an_error_in_every_command() {
    let test_env = TestEnv::new();
    for arguments in [
        &["config", "show"][..],
        &["config", "init"],
        &["config", "check"],
        &["config", "check", "--json"],
        &["providers"],
        &["providers", "--json"],
        &["policy", "show"],
        &["policy", "show", "--json"],
        &["policy", "check", "--new-password-stdin"],
        &["doctor"],
        &["generate"],
        &["man"],
        &["completions", "bash"],
        &["demo"],
        &["--help"],
        &["reset", "--help"],
        &["--version"],
        &["--json", "--version"],
        &["--json", "--help"],
        &["--json", "frobnicate"],
    ] {
        let (code, stderr) = on_a_full_disk(&test_env, arguments, PASSWORDS);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains("cannot "), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("No space left on device"),
            "{arguments:?}: {stderr}"
        );
    }
    assert_eq!(test_env.changes(), 0);
}

#[test]
fn outcome_write_failure_is_an_error_and_keeps_the_outcome() {
    let test_env = TestEnv::new();
    let reset = ["--json", "reset", ALICE, "--new-password-stdin"];
    let (code, stderr) = on_a_full_disk(&test_env, &reset, PASSWORDS);
    // 2 to 7 would say that nothing was changed.
    assert_eq!((code, test_env.changes()), (1, 1), "{stderr}");
    assert!(
        stderr.contains("the change was applied, but its report is lost"),
        "{stderr}"
    );
    // The same again is refused, and the exit code goes on saying so.
    let (code, stderr) = on_a_full_disk(&test_env, &reset, PASSWORDS);
    assert_eq!((code, test_env.changes()), (3, 1), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
}

#[test]
fn generated_password_that_cannot_be_printed_is_not_sent() {
    let test_env = TestEnv::new();
    for json in [&[][..], &["--json"]] {
        let arguments = [json, &["reset", ALICE, "--generate", "--print"]].concat();
        let (code, stderr) = on_a_full_disk(&test_env, &arguments, "");
        assert_eq!(
            (code, test_env.requests() > 0, test_env.changes()),
            (2, true, 0),
            "{stderr}"
        );
        let mut nowhere = command(test_env.folder());
        nowhere
            .args(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let output = nowhere.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), test_env.changes()),
            (Some(2), 0),
            "{stderr}"
        );
        assert!(
            stderr.contains("would be lost") || output.stdout.is_empty(),
            "{stderr}"
        );
    }
    // Closed, as by `>&-`.
    let mut shell = std::process::Command::new("sh");
    let line = format!(
        "'{}' reset {ALICE} --generate --print >&-",
        env!("CARGO_BIN_EXE_repass")
    );
    shell
        .env_clear()
        .current_dir(test_env.folder())
        .args(["-c", &line]);
    let run = finish(shell, b"");
    assert_eq!((run.code, test_env.changes()), (2, 0), "{run:?}");
    assert!(run.stderr.contains("standard output is closed"), "{run:?}");
}

#[test]
fn closed_output_pipe_is_not_an_error() {
    let test_env = TestEnv::new();
    let mut generate = command(test_env.folder());
    generate.args(["generate", "-n", "100000", "--preset", "zoom-default"]);
    let mut child = generate
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty() && first.len() > 8, "{output:?}");
}

/// The object of a usage error.
fn usage(test_env: &TestEnv, arguments: &[&str]) -> Value {
    let run = test_env.run(arguments, "");
    assert_eq!((run.code, run.stderr.as_str()), (2, ""), "{arguments:?}: {run:?}");
    let object = json(&run);
    assert_eq!(object["outcome"], "not_applied", "{arguments:?}: {object}");
    assert_eq!(object["kind"], "usage", "{arguments:?}: {object}");
    assert!(object["message"].as_str().unwrap().len() > 10, "{object}");
    object
}

#[test]
fn usage_errors_with_json_are_json() {
    let test_env = TestEnv::new();
    for arguments in [
        &["--json", "foo"][..],
        &["--json", "reset"],
        &["reset", "--json"],
        &["--json"],
        &["--json", "bulk"],
        &["--json", "--timeout", "x", "providers"],
        &["--json", "sandbox", "--listen", "nope"],
        &["--json", "reset", "a", "b"],
        &["providers", "--json", "--no-such-option"],
        &["reset", "a", "--json", "--new-password", "Canary-Passw0rd-1"],
        &["reset", "a/b", "--json", "--new-password-stdin"],
        &["generate", "--json", "-n", "0"],
    ] {
        let object = usage(&test_env, arguments);
        assert!(!object.to_string().contains("Canary"), "{object}");
    }
    // After `--` it is a user of that name.
    let run = test_env.run(&["reset", "a", "b", "--", "--json"], "");
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
}

#[test]
fn text_output_with_json_is_one_object() {
    let test_env = TestEnv::new();
    for (arguments, key) in [
        (&["--json", "--help"][..], "help"),
        (&["reset", "--json", "--help"], "help"),
        (&["--json", "--version"], "version"),
        (&["--json", "man"], "page"),
        (&["--json", "completions", "zsh"], "script"),
        (&["--json", "config", "init"], "toml"),
    ] {
        let run = test_env.run(arguments, "");
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        assert!(!json(&run)[key].as_str().unwrap().is_empty(), "{arguments:?}");
    }
    assert_eq!(
        json(&test_env.run(&["--json", "man", "pages"], ""))["folder"],
        "pages"
    );
}

#[test]
fn generated_password_with_json_is_a_member_of_the_report() {
    let test_env = TestEnv::new();
    let run = test_env.run(&["--json", "reset", ALICE, "--generate", "--print"], "");
    assert_eq!(run.code, 0, "{run:?}");
    let object = json(&run);
    assert_eq!(
        (&object["outcome"], &object["provider"]),
        (&json!("applied"), &json!("zoom"))
    );
    let password = object["password"].as_str().unwrap();
    assert!(
        test_env.accepts(repass_sandbox::Provider::Zoom, ALICE, password),
        "{object}"
    );
    // It is printed before the outcome is known.
    let refused = json(&test_env.run(
        &["reset", "nobody@example.com", "--json", "--generate", "--print"],
        "",
    ));
    assert_eq!(
        (&refused["kind"], refused["password"].is_string()),
        (&json!("user_not_found"), true)
    );
    assert_eq!(test_env.changes(), 1);
}

#[test]
fn invalid_configuration_report_has_the_keys_of_a_valid_one() {
    let test_env = TestEnv::new();
    let check = || json(&test_env.run(&["config", "check", "--json"], ""));
    let good = check();
    fs::write(
        test_env.path("repass.toml"),
        "[providers.zoom]\nkind = \"zoom\"\n",
    )
    .unwrap();
    let bad = check();
    assert_eq!((&good["ok"], &bad["ok"]), (&json!(true), &json!(false)));
    for key in good.as_object().unwrap().keys() {
        assert!(bad.get(key).is_some(), "{key} in {bad}");
    }
    assert_eq!(bad["file"], "repass.toml");
    assert_eq!(
        (&bad["kind"], &bad["outcome"]),
        (&json!("config"), &json!("not_applied"))
    );
    assert_eq!(bad["problems"].as_array().unwrap().len(), 1, "{bad}");
}
