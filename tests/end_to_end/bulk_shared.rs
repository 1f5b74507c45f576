//! Bulk runs that several processes share, as far as they need no database: `cargo xtask real-servers postgres` has one.

use std::fs;

use crate::bulk::{RECIPIENT, users};
use crate::test_env::{ALICE, TestEnv, json};

/// A sandbox with three users, and a run without `[shared]`.
fn test_env() -> TestEnv {
    let test_env = TestEnv::new();
    users(&test_env, 3);
    test_env
}

/// Adds a `[shared]` whose database is at a port where nothing listens.
fn add_unreachable_database(test_env: &TestEnv) {
    test_env.secret("secret", "0123456789abcdef0123456789abcdef");
    test_env.secret("url", "postgresql://repass@127.0.0.1:1/repass?sslmode=disable");
    let shared = "[shared]\npostgres = { url = { file = \"url\" } }\nsecret = { file = \"secret\" }\n";
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    fs::write(test_env.path("repass.toml"), format!("{config}\n{shared}")).unwrap();
}

fn sealed<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "--shared",
        "--run",
        "breach",
        "--generate",
        "--recipient",
        RECIPIENT,
    ];
    arguments.extend(more);
    arguments
}

#[test]
fn bulk_shared_run_names_what_is_missing() {
    let test_env = test_env();
    test_env.secret("passphrase", "correct horse battery");
    let cases = [
        (
            vec!["--shared", "--generate", "--recipient", RECIPIENT],
            "pass --run NAME",
        ),
        (
            sealed(&["--secrets-out", "s.age"]),
            "keeps its encrypted passwords in the database, where every worker can write them; omit --secrets-out",
        ),
        (
            vec![
                "--shared",
                "--run",
                "breach",
                "--generate",
                "--passphrase-file",
                "passphrase",
            ],
            "encrypted to age recipients only",
        ),
        (
            vec!["--shared", "--run", "breach", "--generate"],
            "--shared needs a recipient of the passwords",
        ),
        (sealed(&["--concurrency", "8"]), "to `repass bulk work`"),
        (sealed(&["--canary", "1"]), "to `repass bulk work`"),
        (
            vec![
                "--shared",
                "--run",
                "./breach",
                "--generate",
                "--recipient",
                RECIPIENT,
            ],
            "has only letters, digits",
        ),
        (sealed(&[]), "has no section [shared]; set shared.postgres.url"),
    ];
    for (more, expected) in cases {
        let run = test_env.run(&[&["bulk", "run", "users.csv", "--yes"], &more[..]].concat(), "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
    }
    test_env.secret("given.csv", "user,new_password\nalice@example.com,Given-Pass-7\n");
    let given = ["bulk", "run", "given.csv", "--yes", "--shared", "--run", "breach"];
    for (more, expected) in [
        (&[][..], "--shared needs a recipient of the passwords"),
        (&["--recipient", RECIPIENT], "has no section [shared]"),
    ] {
        let run = test_env.run(&[&given, more].concat(), "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
    }
    for moved in [
        &["bulk", "import", "nowhere", "breach"][..],
        &["bulk", "export", "breach", "nowhere"],
    ] {
        let run = test_env.run(moved, "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("has no section [shared]"), "{run:?}");
    }
    let alone = test_env.run(
        &["bulk", "run", "users.csv", "--generate", "--recipient", RECIPIENT],
        "",
    );
    assert_eq!(alone.code, 2, "a recipient without a place for the passwords");
    assert!(alone.stderr.contains("--secrets-out"), "{alone:?}");
    assert!(!test_env.path("breach").exists() && !test_env.path("s.age").exists());
    assert_eq!(test_env.requests(), 0);
}

#[test]
fn bulk_shared_dry_run_needs_no_database() {
    let test_env = test_env();
    let run = test_env.run(
        &[&["bulk", "run", "users.csv", "--dry-run"], &sealed(&[])[..]].concat(),
        "",
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(test_env.changes(), 0);
}

#[test]
fn bulk_command_on_a_shared_run_needs_the_section_shared() {
    let test_env = test_env();
    test_env.secret("key", "not read");
    for command in [
        &["work", "breach"][..],
        &["resume", "breach", "--shared"],
        &["status", "breach", "--shared"],
        &["status", "--shared"],
        &["report", "breach", "--shared"],
    ] {
        let run = test_env.run(&[&["bulk"], command].concat(), "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("has no section [shared]"), "{run:?}");
    }
    // Without --shared they are about directories, as ever.
    for command in ["resume", "status", "report"] {
        let run = test_env.run(&["bulk", command, "breach"], "");
        assert!(run.stderr.contains("is not the directory of a run"), "{run:?}");
    }
}

#[test]
fn bulk_secrets_of_a_shared_run_are_not_in_a_file() {
    let test_env = test_env();
    test_env.secret("passphrase", "correct horse battery");
    let cases = [
        (vec!["--shared", "--identity", "key"], "pass --run NAME"),
        (
            vec!["s.age", "--shared", "--run", "breach", "--identity", "key"],
            "are in the database and not in a file; omit the file",
        ),
        (vec!["--run", "breach", "--identity", "key"], "<FILE>"),
        (
            vec!["--shared", "--run", "breach", "--passphrase-file", "passphrase"],
            "encrypted to age recipients only; pass --identity",
        ),
        (
            vec!["--shared", "--run", "breach"],
            "no key for the passwords of the run; pass --identity KEYFILE",
        ),
    ];
    for (more, expected) in cases {
        let run = test_env.run(&[&["bulk", "secrets"], &more[..]].concat(), "");
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(expected), "{expected}: {run:?}");
    }
}

#[test]
fn bulk_shared_run_without_its_database_is_unavailable_and_sends_nothing() {
    let test_env = test_env();
    add_unreachable_database(&test_env);
    for command in [
        &[&["run", "users.csv"], &sealed(&[])[..]].concat()[..],
        &["work", "breach"],
        &["resume", "breach", "--shared"],
        &["status", "breach", "--shared"],
        &["report", "breach", "--shared"],
    ] {
        let run = test_env.run(&[&["--json", "bulk"], command].concat(), "");
        assert_eq!(run.code, 7, "{run:?}");
        let report = json(&run);
        assert_eq!(
            (&report["outcome"], &report["kind"], &report["provider"]),
            (
                &"not_applied".into(),
                &"unreachable".into(),
                &"shared state".into()
            ),
            "{report}"
        );
    }
    assert!(!test_env.path("breach").exists());
    assert_eq!(test_env.requests(), 0, "{ALICE} and all others are as they were");
}
