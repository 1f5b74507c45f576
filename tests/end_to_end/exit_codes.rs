//! Each exit code and outcome, from the real binary against the sandbox.

use repass_sandbox::Provider;
use serde_json::json;

use crate::test_env::{ALICE, ALICE_ID, ALICE_PASSWORD, TestEnv, json};

#[test]
fn reset_and_change_are_applied_once_and_exit_0() {
    let world = TestEnv::new();
    let reset = world.reset_alice("New-Passw0rd-1\n");
    assert_eq!(reset.code, 0, "{reset:?}");
    assert!(world.accepts(Provider::Zoom, ALICE, "New-Passw0rd-1"));
    let change = world.run(
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
    assert!(world.accepts(Provider::Identity, ALICE_ID, "New-Passw0rd-2"));
    let reset = world.run(
        &["-p", "portal", "reset", ALICE_ID, "--new-password-stdin"],
        "New-Passw0rd-3",
    );
    assert_eq!(reset.code, 0, "{reset:?}");
    assert_eq!(world.changes(), 3);
}

#[test]
fn change_with_json_reports_the_outcome() {
    let world = TestEnv::new();
    let run = world.run(
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
    let world = TestEnv::new();
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
        let run = world.run(arguments, "Old-Passw0rd-1\nNew-Passw0rd-1\n");
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
    }
    let unknown = world.run(
        &["-p", "zom", "reset", ALICE, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert!(
        unknown.stderr.contains("zoom") && unknown.stderr.contains("portal"),
        "{unknown:?}"
    );
    assert_eq!((world.changes(), world.requests()), (0, 0));
}

#[test]
fn rejected_password_exits_3_with_every_violation() {
    let world = TestEnv::new();
    let arguments = [
        "--json",
        "-p",
        "portal",
        "change",
        ALICE_ID,
        "--current-password-stdin",
        "--new-password-stdin",
    ];
    let weak = world.run(&arguments, format!("{ALICE_PASSWORD}\nWEAK\n"));
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
    let wrong = world.run(&arguments, "Wrong-Passw0rd\nNew-Passw0rd-1\n");
    assert_eq!(
        (wrong.code, &json(&wrong)["kind"]),
        (3, &json!("wrong_current_password"))
    );
    let ineligible = world.run(
        &["reset", "sso@example.com", "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert_eq!(ineligible.code, 3, "{ineligible:?}");
    assert_eq!(world.changes(), 0);
}

#[test]
fn rejected_credentials_exit_4() {
    let world = TestEnv::new();
    world.secret("token", "some-other-token");
    let run = world.reset_alice("New-Passw0rd-1\n");
    assert_eq!((run.code, world.changes()), (4, 0), "{run:?}");
}

#[test]
fn unknown_user_exits_5() {
    let world = TestEnv::new();
    let zoom = world.run(
        &["reset", "nobody@example.com", "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert_eq!(zoom.code, 5, "{zoom:?}");
    let nobody = "00000000-0000-4000-8000-999999999999";
    let portal = world.run(
        &["-p", "portal", "reset", nobody, "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert_eq!((portal.code, world.changes()), (5, 0), "{portal:?}");
}

#[test]
fn unreachable_provider_exits_7() {
    let world = TestEnv::new();
    world.configure("http://127.0.0.1:1/v2", false);
    let run = world.run(
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
    let world = TestEnv::new();
    let config = std::fs::read_to_string(world.path("repass.toml")).unwrap();
    let swapped = config.replace("default_provider = \"zoom\"", "default_provider = \"portal\"");
    std::fs::write(world.path("repass.toml"), swapped).unwrap();
    let run = world.run(&["reset", ALICE_ID, "--new-password-stdin"], "New-Passw0rd-1\n");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(world.accepts(Provider::Identity, ALICE_ID, "New-Passw0rd-1"));
}

#[test]
fn user_id_that_begins_with_a_dash_is_accepted_after_two_dashes() {
    let world = TestEnv::new();
    let run = world.run(
        &["reset", "--new-password-stdin", "--", "-x@example.com"],
        "New-Passw0rd-1\n",
    );
    assert_eq!(run.code, 5, "{run:?}");
}
