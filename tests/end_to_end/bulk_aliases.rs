//! One account under several names in one bulk run.

use std::fs;

use repass_sandbox::Provider;
use serde_json::Value;

use crate::test_env::{ALICE, ALICE_ID, TestEnv};

#[test]
fn bulk_aliases_of_one_portal_account_are_changed_once() {
    let test_env = TestEnv::new();
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let organization = &test_env.sandbox.startup_info().identity.partition;
    let portal = format!("kind = \"identity\"\norganization = \"{organization}\"");
    let config = config.replace("kind = \"identity\"", &portal);
    fs::write(test_env.path("repass.toml"), config).unwrap();
    let digits = ALICE_ID.replace('-', "");
    let upper = ALICE_ID.to_uppercase();
    let names = [
        ALICE_ID,
        ALICE,
        &format!("{{{upper}}}"),
        &format!("({ALICE_ID})"),
        &digits,
        "ALICE@example.com",
        // Another account.
        "Bob@example.com",
        "{B0B00000-0000-4000-8000-000000000002}",
    ];
    let rows = names
        .iter()
        .zip(1..)
        .map(|(name, n)| format!("{name},New-Passw0rd-{n}\n"));
    let text = format!("user,new_password\n{}", rows.collect::<String>());
    let arguments = [
        "-p", "portal", "--json", "bulk", "run", "-", "--yes", "--run", "run",
    ];
    let run = test_env.run(&arguments, text);
    assert_eq!(run.code, 9, "{run:?}");
    assert_eq!(test_env.changes(), 2, "{run:?}");
    assert!(
        test_env.accepts(Provider::Identity, ALICE_ID, "New-Passw0rd-1"),
        "{run:?}"
    );
    assert!(
        test_env.accepts(Provider::Identity, names[7], "New-Passw0rd-7"),
        "{run:?}"
    );
    let events = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let reported: Vec<(u64, String)> = events
        .filter(|event| event["kind"] == "duplicate_row")
        .map(|event| {
            let message = event["message"].as_str().unwrap();
            (
                event["line"].as_u64().unwrap(),
                message.split(':').next().unwrap().to_owned(),
            )
        })
        .collect();
    let mut duplicates: Vec<(u64, &str)> = reported.iter().map(|(line, of)| (*line, &**of)).collect();
    duplicates.sort_unstable();
    let alice = [3, 4, 5, 6, 7].map(|line| {
        (
            line,
            if line == 7 {
                "duplicate of line 3"
            } else {
                "duplicate of line 2"
            },
        )
    });
    assert_eq!(duplicates, [&alice[..], &[(9, "duplicate of line 8")]].concat());
}
