//! The real binary during a bulk run: one row has no response yet, and no copy of any other row's password is left.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use crate::binary::{search, search_until_clean, wait_for, with_config};
use crate::calls::assert_clean;
use crate::needles::Needles;
use crate::secrets::{PasswordRole, password};
use crate::subject::{portal_user, zoom_user};
use crate::test_env::SEED;

const ROWS: u32 = 250;

fn leaves_nothing(tls: bool, provider: &str, user: fn(u32) -> String, old: bool) {
    let env = with_config(tls, ROWS + 1);
    let mut csv = String::from(if old {
        "user,new_password,current_password\n"
    } else {
        "user,new_password\n"
    });
    let mut needles = Needles::default();
    for number in 1..=ROWS + 1 {
        let quoted = |role| {
            let password = password(SEED, number, role);
            format!(",\"{}\"", password.replace('"', "\"\""))
        };
        csv.push_str(&user(number));
        csv.push_str(&quoted(PasswordRole::New));
        if old {
            csv.push_str(&quoted(PasswordRole::Old));
        }
        csv.push('\n');
        // The one without an answer is in use, and found.
        for role in [PasswordRole::Old, PasswordRole::New] {
            if number <= ROWS {
                needles.add(&format!("{role:?} {number}"), &password(SEED, number, role));
            }
        }
    }
    let input = env.folder.path().join("users.csv");
    fs::write(&input, csv).unwrap();
    fs::set_permissions(&input, fs::Permissions::from_mode(0o600)).unwrap();
    env.stall(&user(ROWS + 1));
    let mut child = Command::new(env!("CARGO_BIN_EXE_repass"))
        .env_clear()
        .current_dir(env.folder.path())
        .args([
            "-p",
            provider,
            "bulk",
            "run",
            "users.csv",
            "--run",
            "run",
            "--yes",
        ])
        .args(["--concurrency", "16"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("all but one change", || env.sandbox.changes() == ROWS as usize);
    let found = search_until_clean(child.id(), &needles);
    let mut in_use = Needles::default();
    in_use.add("in use", &password(SEED, ROWS + 1, PasswordRole::New));
    let control = search(child.id(), &in_use);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_clean(&found, &format!("bulk, {provider}"));
    assert!(
        !geteuid().is_root() || control.iter().any(|it| it.whole),
        "the control was not found: {control:?}"
    );
}

#[test]
fn bulk_run_leaves_no_password_in_memory() {
    for tls in [true, false] {
        leaves_nothing(tls, "form-data", zoom_user, false);
        leaves_nothing(tls, "json", zoom_user, false);
        leaves_nothing(tls, "portal", portal_user, true);
    }
}
