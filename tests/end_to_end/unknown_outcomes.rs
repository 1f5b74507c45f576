//! Unknown outcomes on the command line: reported, resolved on request, and audited.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use repass_sandbox::{Action, Cut, CutKind, CutPoint, Fault, RequestMatcher, Timing};
use serde_json::{Value, json};

use crate::test_env::{ALICE, TestEnv, json};

/// Loses the response to Alice's next change, after or before Zoom applies it.
fn lose_the_answer(test_env: &TestEnv, when: Timing) {
    let matching = RequestMatcher {
        user: Some(ALICE.to_owned()),
        ..RequestMatcher::default()
    };
    let cut = Some(Cut {
        at: CutPoint::Answer,
        how: CutKind::Fin,
    });
    let action = Action {
        when,
        cut,
        ..Action::default()
    };
    test_env.sandbox.inject(Fault { matching, action }).unwrap();
}

fn configure(test_env: &TestEnv, line: &str) {
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    fs::write(test_env.path("repass.toml"), format!("{line}\n{config}")).unwrap();
}

fn reset(test_env: &TestEnv) -> (i32, Value) {
    let run = test_env.run(
        &["--json", "reset", ALICE, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    (run.code, json(&run))
}

#[test]
fn unknown_outcome_exits_8_and_resolve_finds_out() {
    for when in [Timing::AfterApply, Timing::BeforeApply] {
        let test_env = TestEnv::new();
        lose_the_answer(&test_env, when);
        let (exit, object) = reset(&test_env);
        assert_eq!((exit, &object["outcome"]), (8, &json!("unknown")));
        assert!(object["attempt"]["id"].is_string(), "{object}");
        // At Zoom the probe is the same change again, so it is in place afterwards either way.
        let run = test_env.run(
            &["--json", "resolve", ALICE, "--new-password-stdin"],
            "New-Passw0rd-1\n",
        );
        assert_eq!(
            (run.code, &json(&run)["resolution"]),
            (0, &json!("in_place")),
            "{run:?}"
        );
        assert!(run.stderr.contains("sets this password"), "{run:?}");
        assert!(
            json(&run)["message"]
                .as_str()
                .unwrap()
                .contains("the probe has set it"),
            "{run:?}"
        );
        assert!(
            object["attempt"]["at"].as_str().unwrap().ends_with('Z'),
            "{object}"
        );
        assert_eq!(test_env.changes(), 1);
    }
}

#[test]
fn resolve_without_a_probe_is_unknown_for_every_error() {
    let test_env = TestEnv::new();
    let with_stdin = ["resolve", ALICE, "--new-password-stdin"];
    let assert_unknown = |arguments: &[&str], stdin: &str| {
        let run = test_env.run(arguments, stdin);
        assert_eq!(run.code, 8, "{arguments:?} {run:?}");
        run
    };
    for (arguments, stdin) in [
        (
            &["resolve", "not an id", "--new-password-stdin"][..],
            "New-Passw0rd-1\n",
        ),
        (&["resolve", ALICE], ""),
        (&with_stdin, ""),
        (
            &["-p", "nope", "resolve", ALICE, "--new-password-stdin"],
            "New-Passw0rd-1\n",
        ),
        (
            &["-c", "nowhere.toml", "resolve", ALICE, "--new-password-stdin"],
            "New-Passw0rd-1\n",
        ),
        (&["resolve", ALICE, "--new-password-file", "nowhere"], ""),
    ] {
        let reported = [&["--json", "--no-input"], arguments].concat();
        let run = assert_unknown(&reported, stdin);
        assert_eq!(json(&run)["outcome"], "unknown", "{run:?}");
        let run = assert_unknown(arguments, stdin);
        assert!(run.stderr.contains("still unknown"), "{run:?}");
    }
    // Arguments that cannot be read.
    assert_unknown(&["resolve"], "");
    assert_unknown(&["resolve", ALICE, "--no-such"], "");
    assert_unknown(&["resolve", "-x", "--new-password-stdin"], "New-Passw0rd-1\n");
    // A token that others can read, and one that Zoom does not take.
    let token = test_env.path("token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let reported = [&["--json"], &with_stdin[..]].concat();
    let run = assert_unknown(&reported, "New-Passw0rd-1\n");
    assert_eq!(
        (&json(&run)["outcome"], &json(&run)["kind"]),
        (&json!("unknown"), &json!("config"))
    );
    assert_eq!(test_env.requests(), 0);
    test_env.secret("token", "canary-token-of-another");
    let run = assert_unknown(&reported, "New-Passw0rd-1\n");
    assert_eq!(json(&run)["kind"], "unauthenticated");
    configure(&test_env, "nonsense = 1");
    assert_eq!(
        json(&assert_unknown(&reported, "New-Passw0rd-1\n"))["outcome"],
        "unknown"
    );
}

#[test]
fn unknown_outcome_with_on_unknown_resolve_is_resolved_at_once() {
    let test_env = TestEnv::new();
    configure(&test_env, "on_unknown = \"resolve\"");
    lose_the_answer(&test_env, Timing::AfterApply);
    let (exit, object) = reset(&test_env);
    assert_eq!((exit, &object["outcome"]), (0, &json!("applied")), "{object}");
    assert_eq!(test_env.changes(), 1);
}

#[test]
fn audit_records_every_change() {
    let test_env = TestEnv::new();
    configure(&test_env, "audit = { file = \"audit.jsonl\" }");
    lose_the_answer(&test_env, Timing::AfterApply);
    assert_eq!(reset(&test_env).0, 8);
    assert_eq!(
        test_env
            .run(
                &["reset", "nobody@example.com", "--new-password-stdin"],
                "New-Passw0rd-1\n"
            )
            .code,
        5
    );
    let text = fs::read_to_string(test_env.path("audit.jsonl")).unwrap();
    assert!(!text.contains("Passw0rd"), "{text}");
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reported: Vec<_> = records
        .iter()
        .map(|record| (&record["event"], &record["outcome"]))
        .collect();
    let (intent, result) = (json!("intent"), json!("result"));
    let (none, unknown, refused) = (Value::Null, json!("unknown"), json!("not_applied"));
    assert_eq!(
        reported,
        [
            (&intent, &none),
            (&result, &unknown),
            (&intent, &none),
            (&result, &refused)
        ]
    );
    #[cfg(unix)]
    {
        let mode = fs::metadata(test_env.path("audit.jsonl"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
    }
}

#[test]
fn change_without_an_audit_record_is_not_sent() {
    let test_env = TestEnv::new();
    configure(&test_env, "audit = { file = \"no-such-folder/audit.jsonl\" }");
    let (exit, _) = reset(&test_env);
    assert_eq!((exit, test_env.requests()), (2, 0));
}
