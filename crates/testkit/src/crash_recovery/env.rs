//! A sandbox in this process, and the binary beside it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_sandbox::{Action, Fault, Options, Provider, RequestMatcher, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Campaign, ProviderSetup, UnknownRowAction};

/// What opens the file of secrets.
const PASSPHRASE: &str = "campaign-passphrase-5521";
const TOKEN: &str = "campaign-token-7204";
/// How long an attempt may take at a slow provider.
const ATTEMPT: Duration = Duration::from_millis(700);
/// By when a slow provider has made every change, counted from its request.
pub(super) const LATEST: Duration = Duration::from_secs(2);
/// For how long repass takes a change at a slow provider to be in flight: longer than it is, on a busy machine too.
const IN_FLIGHT: Duration = Duration::from_secs(4);

pub(super) struct TestEnv {
    pub(super) sandbox: Sandbox,
    pub(super) killed_in_flight: u32,
    campaign: Campaign,
    binary: PathBuf,
    folder: TempDir,
    // Carries the sandbox; dropped last.
    _runtime: Runtime,
}

impl TestEnv {
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
        let env = Self {
            sandbox,
            killed_in_flight: 0,
            campaign,
            binary: binary.to_owned(),
            folder,
            _runtime: runtime,
        };
        env.private("repass.toml", &env.config());
        if campaign.setup.is_slow() {
            env.slow_down();
        }
        env.private("token", TOKEN);
        env.private("passphrase", PASSPHRASE);
        let rows: Vec<String> = (1..=campaign.users).map(|n| env.user(n)).collect();
        env.private("users.csv", &format!("user\n{}\n", rows.join("\n")));
        env
    }

    fn config(&self) -> String {
        let kind = match self.campaign.setup {
            ProviderSetup::Zoom | ProviderSetup::SlowZoom => {
                let url = self.sandbox.zoom_base_url();
                format!("kind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"{url}\"\n")
            }
            ProviderSetup::SlowPortal => {
                let url = self.sandbox.identity_base_url();
                format!("kind = \"identity\"\nbase_url = \"{url}\"\n")
            }
        };
        let mut config = format!("[providers.{}]\n{kind}", self.provider());
        config.push_str("auth = { kind = \"bearer\", token = { file = \"token\" } }\n");
        if self.campaign.setup.is_slow() {
            let _ = writeln!(config, "attempt_timeout = \"{}ms\"", ATTEMPT.as_millis());
        }
        config
    }

    /// A third of the users are changed late, whether or not the client still waits.
    fn slow_down(&self) {
        let mut random = StdRng::seed_from_u64(self.campaign.seed);
        for number in 1..=self.campaign.users {
            if !random.random_ratio(1, 3) {
                continue;
            }
            let latest = LATEST.as_millis().try_into().unwrap_or(u64::MAX);
            let action = Action {
                delay_ms: random.random_range(1..latest),
                detach: true,
                ..Action::default()
            };
            let matching = RequestMatcher {
                provider: Some(self.at()),
                user: Some(self.user(number)),
                // Sometimes the next sending or probe too.
                times: random.random_range(1..3),
                ..RequestMatcher::default()
            };
            let armed = self.sandbox.inject(Fault { matching, action });
            armed.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    fn at(&self) -> Provider {
        match self.campaign.setup {
            ProviderSetup::Zoom | ProviderSetup::SlowZoom => Provider::Zoom,
            ProviderSetup::SlowPortal => Provider::Identity,
        }
    }

    /// How the provider is called.
    pub(super) fn provider(&self) -> &'static str {
        match self.at() {
            Provider::Zoom => "zoom",
            Provider::Identity => "portal",
        }
    }

    /// The user on row `n`.
    pub(super) fn user(&self, n: u32) -> String {
        match self.at() {
            Provider::Zoom => format!("user{n:06}@example.com"),
            Provider::Identity => format!("00000000-0000-4000-8000-{n:012}"),
        }
    }

    pub(super) fn accepts(&self, user: &str, password: &str) -> bool {
        self.sandbox.accepts(self.at(), user, password)
    }

    /// Begins the run, or goes on with it, and does this about unknown rows.
    pub(super) fn start(&self, resume: bool, unknown_rows: UnknownRowAction) -> Child {
        let mut arguments = vec!["-vvv", "bulk"];
        if resume {
            arguments.extend(["resume", "run"]);
            match unknown_rows {
                UnknownRowAction::Leave | UnknownRowAction::Mixed => {}
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
                _ if !self.campaign.setup.is_slow() => {}
                UnknownRowAction::Leave | UnknownRowAction::Mixed => {}
                // The moment in which an attempt times out is the worst one to settle it.
                UnknownRowAction::Resolve => arguments.push("--resolve"),
                UnknownRowAction::Reissue => arguments.push("--reissue"),
            }
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
        let enough = self.changes() + more;
        while self.changes() < enough && matches!(child.try_wait(), Ok(None)) {
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

    pub(super) fn changes(&self) -> u64 {
        u64::try_from(self.sandbox.changes()).unwrap_or(u64::MAX)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let in_flight = if self.campaign.setup.is_slow() {
            IN_FLIGHT
        } else {
            Duration::from_millis(200)
        };
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
