//! A sandbox in this process, and the binary beside it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use repass_sandbox::{Options, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Campaign, Settle};

/// What opens the file of secrets.
const PASSPHRASE: &str = "campaign-passphrase-5521";
const TOKEN: &str = "campaign-token-7204";

pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) killed_under_way: u32,
    campaign: Campaign,
    binary: PathBuf,
    folder: TempDir,
    // Carries the sandbox; dropped last.
    _runtime: Runtime,
}

impl World {
    pub(super) fn new(binary: &Path, campaign: Campaign) -> Self {
        let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
        let options = Options {
            users: campaign.users,
            token: Some(TOKEN.into()),
            ..Options::default()
        };
        let sandbox = runtime
            .block_on(Sandbox::start_with(options))
            .unwrap_or_else(|error| panic!("no sandbox: {error}"));
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
        let world = Self {
            sandbox,
            killed_under_way: 0,
            campaign,
            binary: binary.to_owned(),
            folder,
            _runtime: runtime,
        };
        let config = format!(
            "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"{}\"\n\
             auth = {{ kind = \"bearer\", token = {{ file = \"token\" }} }}\n",
            world.sandbox.zoom_base_url()
        );
        world.private("repass.toml", &config);
        world.private("token", TOKEN);
        world.private("passphrase", PASSPHRASE);
        let rows: Vec<String> = (1..=campaign.users).map(user).collect();
        world.private("users.csv", &format!("user\n{}\n", rows.join("\n")));
        world
    }

    /// Begins the run, or goes on with it.
    pub(super) fn start(&self, resume: bool) -> Child {
        let mut arguments = vec!["-vvv", "bulk"];
        if resume {
            arguments.extend(["resume", "run"]);
            match self.campaign.settle {
                Settle::Leave => {}
                Settle::Resolve => arguments.extend(["--resolve", "--passphrase-file", "passphrase"]),
                Settle::Reissue => arguments.push("--reissue"),
            }
        } else {
            // A run that was killed before it began has left nothing that counts.
            let _ = fs::remove_file(self.path("secrets.age"));
            let _ = fs::remove_dir_all(self.path("run"));
            arguments.extend(["run", "users.csv", "--generate", "--run", "run"]);
            arguments.extend(["--secrets-out", "secrets.age", "--passphrase-file", "passphrase"]);
        }
        let mut command = self.command(&arguments);
        command
            .stdout(self.append("stdout.log"))
            .stderr(self.append("stderr.log"));
        command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.binary.display()))
    }

    /// Ends it as nobody can defend against.
    pub(super) fn kill(&mut self, mut child: Child) {
        if matches!(child.try_wait(), Ok(None)) {
            self.killed_under_way += 1;
        }
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits for so many changes more, or for the end of the run.
    pub(super) fn wait_for_changes(&self, more: u64, child: &mut Child) {
        let enough = self.changes() + more;
        while self.changes() < enough && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Goes on to the end. The exit code.
    pub(super) fn finish(&self, begun: bool) -> i32 {
        let ended = self.start(begun).wait();
        let ended = ended.unwrap_or_else(|error| panic!("it does not end: {error}"));
        ended.code().unwrap_or(-1)
    }

    pub(super) fn has_journal(&self) -> bool {
        // It is one when a status can be told.
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

    pub(super) fn changes(&self) -> u64 {
        u64::try_from(self.sandbox.changes()).unwrap_or(u64::MAX)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            // So that a fresh password need not wait for a minute each time.
            .env("REPASS_TEST_IN_FLIGHT_MS", "200")
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

/// The user on row `n`.
pub(super) fn user(n: u32) -> String {
    format!("user{n:06}@example.com")
}
