//! Each exit code and outcome, from the real binary against the sandbox.

use repass_sandbox::Provider;
use serde_json::json;

use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv, json};

#[test]
fn reset_and_change_are_applied_once_and_exit_0() {
    let test_env = TestEnv::new();
    let reset = test_env.reset_alice("New-Passw0rd-1\n");
    assert_eq!(reset.code, 0, "{reset:?}");
    assert!(test_env.accepts(Provider::Zoom, ALICE, "New-Passw0rd-1"));
    let change = test_env.run(
        &[
            "-p",
            "portal",
            "change",
            ALICE_ID,
            "--current-password-stdin",
            "--new-password-stdin",
        ],
        format!("{ALICE_PASSWORD}\nNew-Passw0rd-2\n"),
    );
    assert_eq!(change.code, 0, "{change:?}");
    assert!(test_env.accepts(Provider::Identity, ALICE_ID, "New-Passw0rd-2"));
    let reset = test_env.run(
        &["-p", "portal", "reset", ALICE_ID, "--new-password-stdin"],
        "New-Passw0rd-3",
    );
    assert_eq!(reset.code, 0, "{reset:?}");
    assert_eq!(test_env.changes(), 3);
}

#[test]
fn change_with_json_reports_the_outcome() {
    let test_env = TestEnv::new();
    let run = test_env.run(
        &["--json", "reset", ALICE, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    let object = json(&run);
    assert_eq!(
        (&object["outcome"], &object["provider"]),
        (&json!("applied"), &json!("zoom"))
    );
    assert_eq!(object["violations"], json!([]));
    assert!(
        object["tracking_id"].as_str().unwrap().contains("rid=WEB_"),
        "{object}"
    );
}

#[test]
fn usage_and_configuration_errors_exit_2_and_send_nothing() {
    let test_env = TestEnv::new();
    for arguments in [
        &["frobnicate"][..],
        &["reset"],
        &["-p", "nope", "reset", ALICE, "--new-password-stdin"],
        &["-c", "missing.toml", "reset", ALICE, "--new-password-stdin"],
        &[
            "change",
            ALICE,
            "--current-password-stdin",
            "--new-password-stdin",
        ],
    ] {
        let run = test_env.run(arguments, "Old-Passw0rd-1\nNew-Passw0rd-1\n");
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
    }
    let unknown = test_env.run(
        &["-p", "zom", "reset", ALICE, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert!(
        unknown.stderr.contains("zoom") && unknown.stderr.contains("portal"),
        "{unknown:?}"
    );
    assert_eq!((test_env.changes(), test_env.requests()), (0, 0));
}

#[test]
fn rejected_password_exits_3_with_every_violation() {
    let test_env = TestEnv::new();
    let arguments = [
        "--json",
        "-p",
        "portal",
        "change",
        ALICE_ID,
        "--current-password-stdin",
        "--new-password-stdin",
    ];
    let weak = test_env.run(&arguments, format!("{ALICE_PASSWORD}\nWEAK\n"));
    let object = json(&weak);
    let codes: Vec<_> = object["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["code"].as_str().unwrap())
        .collect();
    assert_eq!((weak.code, codes), (3, vec!["min_length", "digit", "lowercase"]));
    assert_eq!(
        (&object["outcome"], &object["kind"]),
        (&json!("not_applied"), &json!("password_refused"))
    );
    let wrong = test_env.run(&arguments, "Wrong-Passw0rd\nNew-Passw0rd-1\n");
    assert_eq!(
        (wrong.code, &json(&wrong)["kind"]),
        (3, &json!("wrong_current_password"))
    );
    let ineligible = test_env.run(
        &["reset", "sso@example.com", "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert_eq!(ineligible.code, 3, "{ineligible:?}");
    assert_eq!(test_env.changes(), 0);
}

#[test]
fn rejected_credentials_exit_4() {
    let test_env = TestEnv::new();
    test_env.secret("token", "some-other-token");
    let run = test_env.reset_alice("New-Passw0rd-1\n");
    assert_eq!((run.code, test_env.changes()), (4, 0), "{run:?}");
}

#[test]
fn unknown_user_exits_5() {
    let test_env = TestEnv::new();
    let zoom = test_env.run(
        &["reset", "nobody@example.com", "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert_eq!(zoom.code, 5, "{zoom:?}");
    let nobody = "00000000-0000-4000-8000-999999999999";
    let portal = test_env.run(
        &["-p", "portal", "reset", nobody, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert_eq!((portal.code, test_env.changes()), (5, 0), "{portal:?}");
}

#[test]
fn unreachable_provider_exits_7() {
    let test_env = TestEnv::new();
    test_env.configure("http://127.0.0.1:1/v2", false);
    let run = test_env.run(
        &["--json", "reset", ALICE, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    let object = json(&run);
    assert_eq!(
        (run.code, &object["outcome"], &object["kind"]),
        (7, &json!("not_applied"), &json!("unreachable"))
    );
}

#[test]
fn default_provider_is_used_without_the_option() {
    let test_env = TestEnv::new();
    let config = std::fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let swapped = config.replace("default_provider = \"zoom\"", "default_provider = \"portal\"");
    std::fs::write(test_env.path("repass.toml"), swapped).unwrap();
    let run = test_env.run(&["reset", ALICE_ID, "--new-password-stdin"], "New-Passw0rd-1\n");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(test_env.accepts(Provider::Identity, ALICE_ID, "New-Passw0rd-1"));
}

#[test]
fn user_id_that_begins_with_a_dash_is_accepted_after_two_dashes() {
    let test_env = TestEnv::new();
    let run = test_env.run(
        &["reset", "--new-password-stdin", "--", "-x@example.com"],
        "New-Passw0rd-1\n",
    );
    assert_eq!(run.code, 5, "{run:?}");
}
