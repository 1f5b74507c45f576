//! Bulk against a portal that is slower than an attempt may take, and against another system than before.

use std::fs;
use std::time::Duration;

use repass_sandbox::{Action, Fault, Options, Provider, RequestMatcher};
use serde_json::Value;

use crate::binary::{self, Run};
use crate::test_env::{ALICE_ID, TestEnv, json};

/// The next change at the portal is made so late.
fn slow(world: &TestEnv, delay_ms: u64) {
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
    world.sandbox.inject(Fault { matching, action }).unwrap();
}

fn world() -> TestEnv {
    let world = TestEnv::with(Options::default());
    let config = fs::read_to_string(world.path("repass.toml")).unwrap();
    let config = config.replace(
        "kind = \"identity\"",
        "kind = \"identity\"\nattempt_timeout = \"300ms\"",
    );
    fs::write(world.path("repass.toml"), config).unwrap();
    world.secret("passphrase", "correct horse battery\n");
    fs::write(world.path("users.csv"), format!("user\n{ALICE_ID}\n")).unwrap();
    world
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

/// Runs the binary with another bound on what is in flight.
fn run(world: &TestEnv, bound_ms: &str, arguments: &[&str], more: &[&str]) -> Run {
    let mut command = binary::command(world.folder());
    command
        .env("REPASS_TEST_IN_FLIGHT_MS", bound_ms)
        .args(arguments)
        .args(more);
    binary::finish(command, b"")
}

/// The states of the passwords in the file, and whether each is accepted.
fn secrets(world: &TestEnv, more: &[&str]) -> Vec<(String, bool)> {
    let arguments = [
        "--json",
        "bulk",
        "secrets",
        "s.age",
        "--passphrase-file",
        "passphrase",
        "--run=run",
    ];
    let opened = run(world, "0", &arguments, more);
    assert_eq!(opened.code, 0, "{opened:?}");
    let lines = opened.stdout.lines();
    lines
        .map(|line| {
            let secret: Value = serde_json::from_str(line).unwrap();
            let password = secret["new_password"].as_str().unwrap();
            let accepted = world.accepts(Provider::Identity, ALICE_ID, password);
            (secret["state"].as_str().unwrap().to_owned(), accepted)
        })
        .collect()
}

fn wait_for(world: &TestEnv, changes: usize) {
    while world.changes() < changes {
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
    let world = world();
    slow(&world, 8_000);
    let hour = "3600000";
    let begun = run(&world, hour, &GENERATE, &["--resolve"]);
    assert_eq!(begun.code, 8, "{begun:?}");
    assert!(
        begun.stderr.contains("--resolve --identity KEYFILE`"),
        "{begun:?}"
    );
    assert_eq!(secrets(&world, &[]), [("unknown".to_owned(), false)]);
    for arguments in [&["bulk", "resume", "run"][..], &RESOLVE] {
        let resumed = run(&world, hour, arguments, &[]);
        assert_eq!(resumed.code, 8, "{resumed:?}");
        let status = json(&world.run(&["--json", "bulk", "status", "run"], ""));
        assert_eq!(
            (&status["unknown"], &status["not_applied"]),
            (&1.into(), &0.into())
        );
    }
    assert_eq!(
        world.changes(),
        0,
        "it has not landed by now, and nothing else was sent"
    );
    let page = run(&world, hour, &["bulk", "report", "run", "--html", "-"], &[]);
    assert!(page.stdout.contains("--resolve --identity KEYFILE"), "{page:?}");
    wait_for(&world, 1);
    let settled = run(&world, hour, &RESOLVE, &[]);
    assert_eq!(settled.code, 0, "{settled:?}");
    assert_eq!(secrets(&world, &["--current"]), [("current".to_owned(), true)]);
    assert_eq!(
        world.changes(),
        2,
        "the portal counts a probe that changes the password to itself"
    );
}

#[test]
fn reissued_password_follows_the_late_one_and_a_probe_finds_the_current() {
    let world = world();
    slow(&world, 1_000);
    // The late one lands while the fresh one waits.
    let begun = run(&world, "3000", &GENERATE, &["--reissue"]);
    assert_eq!(begun.code, 0, "{begun:?}");
    assert!(
        begun.stderr.contains("1 user was sent a second password"),
        "{begun:?}"
    );
    assert_eq!(world.changes(), 2);
    let candidate = |holds| ("candidate".to_owned(), holds);
    assert_eq!(
        secrets(&world, &["--current"]),
        [candidate(false), candidate(true)]
    );
    let settled = run(&world, "3000", &RESOLVE, &[]);
    assert_eq!(settled.code, 0, "{settled:?}");
    let (superseded, current) = (("superseded".to_owned(), false), ("current".to_owned(), true));
    assert_eq!(secrets(&world, &[]), [superseded, current]);
}

#[test]
fn resume_at_another_system_is_rejected() {
    let world = world();
    slow(&world, 60_000);
    let begun = run(&world, "0", &GENERATE, &[]);
    assert_eq!(begun.code, 8, "{begun:?}");
    // Another one under the same name, with the same users.
    let other = TestEnv::new();
    let config = fs::read_to_string(world.path("repass.toml")).unwrap();
    let (here, there) = (
        world.sandbox.identity_base_url(),
        other.sandbox.identity_base_url(),
    );
    fs::write(world.path("repass.toml"), config.replace(here, there)).unwrap();
    for more in [&[][..], &["--reissue"]] {
        let refused = run(&world, "0", &RESOLVE[..3], more);
        assert_eq!(refused.code, 2, "{refused:?}");
        let told = format!("its base URL is {there} and was {here}");
        assert!(
            refused.stderr.contains(&told) && refused.stderr.contains("--provider-moved"),
            "{refused:?}"
        );
    }
    let refused = run(&world, "0", &RESOLVE, &[]);
    assert_eq!((refused.code, other.requests()), (2, 0), "{refused:?}");
    let typing_error = run(&world, "0", &RESOLVE, &["--provider-moved", "portl"]);
    assert_eq!(typing_error.code, 2, "{typing_error:?}");
    let moved = run(&world, "0", &RESOLVE, &["--provider-moved", "portal"]);
    assert!(moved.code != 2 && other.requests() > 0, "{moved:?}");
    // From then on it is that one.
    fs::write(world.path("repass.toml"), config).unwrap();
    let refused = run(&world, "0", &RESOLVE, &[]);
    assert_eq!(refused.code, 2, "{refused:?}");
}
