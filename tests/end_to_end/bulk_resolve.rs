//! Bulk runs against a portal that is slower than the attempt timeout, and against another system than before.

use std::fs;
use std::time::Duration;

use repass_sandbox::{Action, Fault, Options, Provider, RequestMatcher};
use serde_json::Value;

use crate::binary::{self, Run};
use crate::test_env::{ALICE_ID, TestEnv, json};

/// Delays the next change at the portal.
fn slow(test_env: &TestEnv, delay_ms: u64) {
    let matching = RequestMatcher {
        provider: Some(Provider::Identity),
        method: Some("PUT".to_owned()),
        ..RequestMatcher::default()
    };
    let action = Action {
        delay_ms,
        detach: true,
        ..Action::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
}

fn test_env() -> TestEnv {
    let test_env = TestEnv::with(Options::default());
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let config = config.replace(
        "kind = \"identity\"",
        "kind = \"identity\"\nattempt_timeout = \"300ms\"",
    );
    fs::write(test_env.path("repass.toml"), config).unwrap();
    test_env.secret("passphrase", "correct horse battery\n");
    fs::write(test_env.path("users.csv"), format!("user\n{ALICE_ID}\n")).unwrap();
    test_env
}

const GENERATE: [&str; 11] = [
    "-p",
    "portal",
    "bulk",
    "run",
    "users.csv",
    "--generate",
    "--secrets-out",
    "s.age",
    "--passphrase-file",
    "passphrase",
    "--run=run",
];

/// Runs the binary with another in-flight window.
fn run(test_env: &TestEnv, bound_ms: &str, arguments: &[&str], more: &[&str]) -> Run {
    let mut command = binary::command(test_env.folder());
    command
        .env("REPASS_TEST_IN_FLIGHT_MS", bound_ms)
        .args(arguments)
        .args(more);
    binary::finish(command, b"")
}

/// The states of the passwords in the file, and whether each is accepted.
fn secrets(test_env: &TestEnv, more: &[&str]) -> Vec<(String, bool)> {
    let arguments = [
        "--json",
        "bulk",
        "secrets",
        "s.age",
        "--passphrase-file",
        "passphrase",
        "--run=run",
    ];
    let opened = run(test_env, "0", &arguments, more);
    assert_eq!(opened.code, 0, "{opened:?}");
    let lines = opened.stdout.lines();
    lines
        .map(|line| {
            let secret: Value = serde_json::from_str(line).unwrap();
            let password = secret["new_password"].as_str().unwrap();
            let accepted = test_env.accepts(Provider::Identity, ALICE_ID, password);
            (secret["state"].as_str().unwrap().to_owned(), accepted)
        })
        .collect()
}

fn wait_for(test_env: &TestEnv, changes: usize) {
    while test_env.changes() < changes {
        std::thread::sleep(Duration::from_millis(10));
    }
}

const RESOLVE: [&str; 6] = [
    "bulk",
    "resume",
    "run",
    "--resolve",
    "--passphrase-file",
    "passphrase",
];

#[test]
fn change_applied_after_its_probe_is_never_not_applied() {
    let test_env = test_env();
    slow(&test_env, 8_000);
    let hour = "3600000";
    let begun = run(&test_env, hour, &GENERATE, &["--resolve"]);
    assert_eq!(begun.code, 8, "{begun:?}");
    assert!(
        begun.stderr.contains("--resolve --identity KEYFILE`"),
        "{begun:?}"
    );
    assert_eq!(secrets(&test_env, &[]), [("unknown".to_owned(), false)]);
    for arguments in [&["bulk", "resume", "run"][..], &RESOLVE] {
        let resumed = run(&test_env, hour, arguments, &[]);
        assert_eq!(resumed.code, 8, "{resumed:?}");
        let status = json(&test_env.run(&["--json", "bulk", "status", "run"], ""));
        assert_eq!(
            (&status["unknown"], &status["not_applied"]),
            (&1.into(), &0.into())
        );
    }
    assert_eq!(
        test_env.changes(),
        0,
        "it has not landed by now, and nothing else was sent"
    );
    let page = run(&test_env, hour, &["bulk", "report", "run", "--html", "-"], &[]);
    assert!(page.stdout.contains("--resolve --identity KEYFILE"), "{page:?}");
    wait_for(&test_env, 1);
    let settled = run(&test_env, hour, &RESOLVE, &[]);
    assert_eq!(settled.code, 0, "{settled:?}");
    assert_eq!(secrets(&test_env, &["--current"]), [("current".to_owned(), true)]);
    assert_eq!(
        test_env.changes(),
        2,
        "the portal counts a probe that changes the password to itself"
    );
}

#[test]
fn reissued_password_follows_the_late_one_and_a_probe_finds_the_current() {
    let test_env = test_env();
    slow(&test_env, 1_000);
    // The late one lands while the fresh one waits.
    let begun = run(&test_env, "3000", &GENERATE, &["--reissue"]);
    assert_eq!(begun.code, 0, "{begun:?}");
    assert!(
        begun.stderr.contains("1 user was sent a second password"),
        "{begun:?}"
    );
    assert_eq!(test_env.changes(), 2);
    let candidate = |holds| ("candidate".to_owned(), holds);
    assert_eq!(
        secrets(&test_env, &["--current"]),
        [candidate(false), candidate(true)]
    );
    let settled = run(&test_env, "3000", &RESOLVE, &[]);
    assert_eq!(settled.code, 0, "{settled:?}");
    let (superseded, current) = (("superseded".to_owned(), false), ("current".to_owned(), true));
    assert_eq!(secrets(&test_env, &[]), [superseded, current]);
}

#[test]
fn resume_at_another_system_is_rejected() {
    let test_env = test_env();
    slow(&test_env, 60_000);
    let begun = run(&test_env, "0", &GENERATE, &[]);
    assert_eq!(begun.code, 8, "{begun:?}");
    // Another one under the same name, with the same users.
    let other = TestEnv::new();
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let (here, there) = (
        test_env.sandbox.identity_base_url(),
        other.sandbox.identity_base_url(),
    );
    fs::write(test_env.path("repass.toml"), config.replace(here, there)).unwrap();
    for more in [&[][..], &["--reissue"]] {
        let refused = run(&test_env, "0", &RESOLVE[..3], more);
        assert_eq!(refused.code, 2, "{refused:?}");
        let reported = format!("its base URL is {there} and was {here}");
        assert!(
            refused.stderr.contains(&reported) && refused.stderr.contains("--provider-moved"),
            "{refused:?}"
        );
    }
    let refused = run(&test_env, "0", &RESOLVE, &[]);
    assert_eq!((refused.code, other.requests()), (2, 0), "{refused:?}");
    let typing_error = run(&test_env, "0", &RESOLVE, &["--provider-moved", "portl"]);
    assert_eq!(typing_error.code, 2, "{typing_error:?}");
    let moved = run(&test_env, "0", &RESOLVE, &["--provider-moved", "portal"]);
    assert!(moved.code != 2 && other.requests() > 0, "{moved:?}");
    // From then on it is that one.
    fs::write(test_env.path("repass.toml"), config).unwrap();
    let refused = run(&test_env, "0", &RESOLVE, &[]);
    assert_eq!(refused.code, 2, "{refused:?}");
}
