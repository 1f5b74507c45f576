//! The binary, its folder, and the system whose users it changes.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::system::System;
use super::{Kills, UnknownRowAction};

/// What opens the file of secrets.
const PASSPHRASE: &str = "campaign-passphrase-5521";

pub(super) struct TestEnv {
    pub(super) system: Box<dyn System>,
    pub(super) killed_in_flight: u32,
    binary: PathBuf,
    folder: TempDir,
}

impl TestEnv {
    pub(super) fn new(binary: &Path, system: Box<dyn System>, kills: Kills) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
        let env = Self {
            system,
            killed_in_flight: 0,
            binary: binary.to_owned(),
            folder,
        };
        let config = format!("[providers.{}]\n{}", env.system.provider(), env.system.section());
        env.private("repass.toml", &config);
        for (name, secret) in env.system.secrets() {
            env.private(name, secret);
        }
        env.private("passphrase", PASSPHRASE);
        let rows: Vec<String> = (1..=kills.users).map(|n| env.system.user(n)).collect();
        env.private("users.csv", &format!("user\n{}\n", rows.join("\n")));
        env
    }

    /// Begins the run, or goes on with it, and does this about unknown rows.
    pub(super) fn start(&self, resume: bool, unknown_rows: UnknownRowAction) -> Child {
        let mut arguments = vec!["-vvv", "bulk"];
        if resume {
            arguments.extend(["resume", "run"]);
            match unknown_rows {
                UnknownRowAction::Leave | UnknownRowAction::Mixed | UnknownRowAction::ResolveAtEnd => {}
                UnknownRowAction::Resolve => {
                    arguments.extend(["--resolve", "--passphrase-file", "passphrase"]);
                }
                UnknownRowAction::Reissue => arguments.push("--reissue"),
            }
        } else {
            // A run that was killed before it began has left nothing that counts.
            let _ = fs::remove_file(self.path("secrets.age"));
            let _ = fs::remove_dir_all(self.path("run"));
            arguments.extend(["run", "users.csv", "--generate", "--run", "run"]);
            arguments.extend(["--secrets-out", "secrets.age", "--passphrase-file", "passphrase"]);
            match unknown_rows {
                _ if self.system.latest().is_zero() => {}
                UnknownRowAction::Leave | UnknownRowAction::Mixed | UnknownRowAction::ResolveAtEnd => {}
                // The moment in which an attempt times out is the worst one to settle it.
                UnknownRowAction::Resolve => arguments.push("--resolve"),
                UnknownRowAction::Reissue => arguments.push("--reissue"),
            }
        }
        let concurrency = self.system.concurrency().map(|most| most.to_string());
        if let Some(most) = &concurrency {
            arguments.extend(["--concurrency", most]);
        }
        let mut command = self.command(&arguments);
        command
            .stdout(self.append("stdout.log"))
            .stderr(self.append("stderr.log"));
        command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.binary.display()))
    }

    /// Ends it as no one can defend against.
    pub(super) fn kill(&mut self, mut child: Child) {
        if matches!(child.try_wait(), Ok(None)) {
            self.killed_in_flight += 1;
        }
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits for a number of changes more, or for the end of the run.
    pub(super) fn wait_for_changes(&self, more: u64, child: &mut Child) {
        let enough = self.system.changes() + more;
        while self.system.changes() < enough && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Goes on to the end. The exit code.
    pub(super) fn finish(&self, begun: bool, unknown_rows: UnknownRowAction) -> i32 {
        let ended = self.start(begun, unknown_rows).wait();
        let ended = ended.unwrap_or_else(|error| panic!("it does not end: {error}"));
        ended.code().unwrap_or(-1)
    }

    pub(super) fn has_journal(&self) -> bool {
        // It is one when a status can be reported.
        let status = self.command(&["bulk", "status", "run"]).output();
        status.is_ok_and(|status| status.status.code() != Some(2))
    }

    /// What a command prints.
    pub(super) fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{arguments:?} does not start: {error}"));
        assert!(
            output.status.code() != Some(2),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // Twice as long as it is, for a busy machine.
        let in_flight = (self.system.latest() * 2).max(Duration::from_millis(200));
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            // So that a fresh password need not wait for a minute each time.
            .env("REPASS_TEST_IN_FLIGHT_MS", in_flight.as_millis().to_string())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn append(&self, name: &str) -> File {
        let mut options = File::options();
        let opened = options.append(true).create(true).open(self.path(name));
        opened.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn private(&self, name: &str, text: &str) {
        let path = self.path(name);
        let mode = fs::Permissions::from_mode(0o600);
        let written = fs::write(&path, text).and_then(|()| fs::set_permissions(&path, mode));
        written.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
