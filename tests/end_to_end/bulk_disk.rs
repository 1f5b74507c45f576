//! Bulk runs on a full disk: a file system of a few hundred kilobytes, in a separate mount namespace.

use std::process::Command;

use repass_sandbox::Options;

use crate::binary::{Run, finish};
use crate::bulk::{RECIPIENT, unlimited, users};
use crate::test_env::TestEnv;

/// Runs a script in which `small` is a file system of this size and `$REPASS` the binary.
fn on_a_small_disk(test_env: &TestEnv, kilobytes: u32, script: &str) -> Option<Run> {
    let probe = Command::new("unshare").args(["-rm", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: this system gives no mount namespace to its users");
        return None;
    }
    let mut command = Command::new("unshare");
    let mount = format!("set -u; mkdir small; mount -t tmpfs -o size={kilobytes}k tmpfs small\n{script}");
    command
        .args(["-rm", "sh", "-c", &mount])
        .current_dir(test_env.folder())
        .env("REPASS", env!("CARGO_BIN_EXE_repass"))
        .env("REPASS_TEST_IN_FLIGHT_MS", "0")
        .env("RECIPIENT", RECIPIENT);
    Some(finish(command, b""))
}

fn test_env() -> TestEnv {
    let test_env = TestEnv::with(Options {
        users: 3000,
        ..Options::default()
    });
    unlimited(&test_env);
    users(&test_env, 3000);
    test_env
}

#[test]
fn bulk_row_missing_from_the_journal_is_not_sent() {
    let test_env = test_env();
    let script = "$REPASS bulk run users.csv --generate --secrets-out s.age --recipient $RECIPIENT --run small/run; echo $?
        $REPASS --json bulk status small/run
        mount -o remount,size=50m small
        $REPASS bulk resume small/run --reissue; echo $?";
    let Some(run) = on_a_small_disk(&test_env, 500, script) else {
        return;
    };
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(["8", "9"].contains(&lines[0]), "{run:?}");
    assert!(
        run.stderr
            .contains("cannot write the journal: database or disk is full"),
        "{run:?}"
    );
    let status: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    let reported = status["applied"].as_u64().unwrap() + status["unknown"].as_u64().unwrap();
    assert!(reported < 3000, "the disk was full before the end: {status}");
    assert_eq!(lines[2], "0", "with room it goes on to its end: {run:?}");
    let ledger = test_env.sandbox.ledger();
    assert_eq!(ledger.totals.len(), 3000);
    assert!(ledger.totals.iter().all(|total| total.count <= 2));
}

#[test]
fn bulk_password_missing_from_the_secrets_file_is_not_sent() {
    let test_env = test_env();
    let script = "$REPASS bulk run users.csv --generate --secrets-out small/s.age --recipient $RECIPIENT --run run; echo $?
        $REPASS --json bulk status run";
    let Some(run) = on_a_small_disk(&test_env, 60, script) else {
        return;
    };
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "9", "{run:?}");
    assert!(
        run.stderr
            .contains("cannot write the file of secrets: No space left"),
        "{run:?}"
    );
    let status: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(status["unknown"], 0, "what was in flight has ended");
    assert_eq!(status["applied"], test_env.changes());
    assert!(test_env.changes() < 3000);
}
