//! The real binary, searched after the call and before it exits.

use std::fs;
use std::io::{ErrorKind, PipeReader, Read as _, Write as _, pipe};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use repass_sandbox::{Cut, CutKind, CutPoint};
use rustix::process::geteuid;

use crate::calls::assert_clean;
use crate::needles::Needles;
use crate::scan::{self, Finding};
use crate::secrets::{PasswordRole, password};
use crate::subject::{portal_user, zoom_user};
use crate::test_env::{SEED, TOKEN, TestEnv};

// More than a pipe holds.
const FILLING: usize = 2 << 20;

/// A run that cannot end, because it cannot print: its standard output is full.
struct BlockedRun {
    child: Child,
    stdout: PipeReader,
    needles: Needles,
}

impl BlockedRun {
    fn start(env: &TestEnv, number: u32, arguments: &[&str], stdin: &[u8]) -> Self {
        let (stdout, writer) = pipe().unwrap();
        let mut filler = writer.try_clone().unwrap();
        spawn(move || filler.write_all(&vec![b'.'; FILLING]));
        let mut command = Command::new(env!("CARGO_BIN_EXE_repass"));
        command
            .env_clear()
            .current_dir(env.folder.path())
            .arg("--json")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(writer);
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let mut needles = Needles::default();
        for role in [PasswordRole::Old, PasswordRole::New] {
            needles.add(&format!("{role:?}"), &password(SEED, number, role));
        }
        Self {
            child,
            stdout,
            needles,
        }
    }

    fn search(&self) -> Vec<Finding> {
        search(self.child.id(), &self.needles)
    }

    fn search_when_settled(&self) -> Vec<Finding> {
        search_until_clean(self.child.id(), &self.needles)
    }

    fn core_limit(&self) -> String {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size"));
        line.unwrap()
            .split_whitespace()
            .skip(4)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Lets it end, and returns its exit code and what it printed.
    fn finish(mut self) -> (Option<i32>, String) {
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, printed.replace('.', ""))
    }
}

pub(crate) fn search(process: u32, needles: &Needles) -> Vec<Finding> {
    match scan::process(process, needles) {
        // Only root may read its memory; everything else is still tested.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && !geteuid().is_root() => {
            eprintln!("not searched: it takes root to look into the binary");
            Vec::new()
        }
        found => found.unwrap(),
    }
}

/// Searches until nothing is found any more, and returns what is found then: a call may have a step
/// to go when the provider has made its change.
pub(crate) fn search_until_clean(process: u32, needles: &Needles) -> Vec<Finding> {
    let start = Instant::now();
    loop {
        let findings = search(process, needles);
        if findings.is_empty() || start.elapsed() > Duration::from_secs(5) {
            return findings;
        }
        sleep(Duration::from_millis(20));
    }
}

/// A world with a configuration that leads there, in its folder.
pub(crate) fn with_config(tls: bool, calls: u32) -> TestEnv {
    let env = TestEnv::new(tls, calls);
    let path = |name: &str| env.folder.path().join(name);
    fs::write(path("repass.toml"), env.config()).unwrap();
    fs::write(path("token"), TOKEN).unwrap();
    fs::set_permissions(path("token"), fs::Permissions::from_mode(0o600)).unwrap();
    env
}

pub(crate) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} never came");
        sleep(Duration::from_millis(10));
    }
}

fn leaves_nothing(tls: bool, number: u32, arguments: &[&str], stdin: &[u8]) {
    let env = with_config(tls, 2);
    let run = BlockedRun::start(&env, number, arguments, stdin);
    wait_for("the change", || env.sandbox.changes() == 1);
    assert_clean(&run.search_when_settled(), &arguments.join(" "));
    assert_eq!(run.core_limit(), "0 0 bytes");
    let (code, printed) = run.finish();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("\"outcome\":\"applied\""), "{printed}");
}

fn lines(number: u32, role: &[PasswordRole]) -> Vec<u8> {
    let lines = role
        .iter()
        .map(|role| format!("{}\n", *password(SEED, number, *role)));
    lines.collect::<String>().into_bytes()
}

#[test]
fn cli_reset_leaves_no_password_in_memory() {
    for tls in [true, false] {
        for provider in ["form-data", "json"] {
            let arguments = ["-p", provider, "reset", &zoom_user(1), "--new-password-stdin"];
            leaves_nothing(tls, 1, &arguments, &lines(1, &[PasswordRole::New]));
        }
        let arguments = ["-p", "portal", "reset", &portal_user(1), "--new-password-stdin"];
        leaves_nothing(tls, 1, &arguments, &lines(1, &[PasswordRole::New]));
    }
}

#[test]
fn cli_change_leaves_no_password_in_memory() {
    for tls in [true, false] {
        let user = portal_user(2);
        let arguments = [
            "-p",
            "portal",
            "change",
            &user,
            "--current-password-stdin",
            "--new-password-stdin",
        ];
        leaves_nothing(
            tls,
            2,
            &arguments,
            &lines(2, &[PasswordRole::Old, PasswordRole::New]),
        );
    }
}

// The control: what is in use is found, in the same process by the same search.
#[test]
fn scan_finds_a_password_in_use() {
    let env = with_config(false, 2);
    let silence = Cut {
        at: CutPoint::Answer,
        how: CutKind::Stall,
    };
    env.fail(None, Some(silence));
    let arguments = [
        "-p",
        "portal",
        "reset",
        &portal_user(1),
        "--timeout",
        "2s",
        "--new-password-stdin",
    ];
    let run = BlockedRun::start(&env, 1, &arguments, &lines(1, &[PasswordRole::New]));
    wait_for("the request", || env.sandbox.requests().total == 1);
    let found = run.search();
    assert!(
        !geteuid().is_root() || found.iter().any(|it| it.whole && it.encoding == "raw"),
        "{found:?}"
    );
    // The same process, when the call has ended without an answer.
    assert_clean(&run.search_when_settled(), "silence");
    let (code, printed) = run.finish();
    assert_eq!(code, Some(8), "{printed}");
}
