//! Runs of the program `load`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use repass_sandbox::Sandbox;
use repass_testkit::ZOOM_TABLE;
use tempfile::TempDir;

/// What one run cost.
pub(crate) struct Cost {
    pub(crate) cpu_us: f64,
    pub(crate) rate: f64,
    pub(crate) peak_mib: f64,
}

/// A client to measure: a program that was built, and which of its stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) program: &'static str,
    /// `repass`, `json` and `table` are configurations: Zoom's adapter, the same with JSON bodies, and a table that
    /// sends the same request as that.
    pub(crate) stack: &'static str,
}

/// A sandbox to run against, and what a run needs.
pub(crate) struct Load {
    pub(crate) changes: u32,
    pub(crate) tls: bool,
    target: PathBuf,
    base_url: String,
    token: String,
    folder: TempDir,
    runs: Cell<u32>,
}

impl Load {
    pub(crate) fn new(target: &Path, sandbox: &Sandbox, changes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let tls = sandbox.ca_pem().map_or_else(String::new, |pem| {
            write(&folder.path().join("ca.pem"), pem);
            "tls = { ca_file = \"ca.pem\" }\n".to_owned()
        });
        let base_url = sandbox.zoom_base_url();
        let head = format!(
            "[providers.zoom]\nbase_url = \"{base_url}\"\n\
             auth = {{ kind = \"bearer\", token = {{ file = \"token\" }} }}\n{tls}"
        );
        let zoom = "kind = \"zoom\"\nplan = \"unlimited\"\n";
        for (name, text) in [
            ("token", token(sandbox)),
            ("repass.toml", format!("{head}{zoom}")),
            ("json.toml", format!("{head}{zoom}body = \"json\"\n")),
            ("table.toml", format!("{head}{ZOOM_TABLE}")),
        ] {
            write(&folder.path().join(name), &text);
        }
        Self {
            changes,
            tls: sandbox.ca_pem().is_some(),
            target: target.to_owned(),
            base_url: base_url.to_owned(),
            token: token(sandbox),
            folder,
            runs: Cell::new(0),
        }
    }

    pub(crate) fn run(&self, client: Client, concurrency: usize, changes: u32) -> Cost {
        let output = self.output(Command::new(self.program(client)), client, concurrency, changes);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let figure = |name: &str| report[name].as_f64().unwrap_or(f64::NAN);
        Cost {
            cpu_us: figure("cpu_us_per_change"),
            rate: figure("rate"),
            peak_mib: figure("peak_kib") / 1024.0,
        }
    }

    /// All instructions of a run, counted by callgrind: the same whatever else the machine does.
    pub(crate) fn instructions(&self, client: Client, changes: u32) -> f64 {
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(self.program(client));
        let output = self.output(valgrind, client, 16, changes);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = stderr.split_once("Collected :").map(|(_, count)| count.trim());
        let count = count.and_then(|count| count.split_whitespace().next()?.parse().ok());
        count.unwrap_or_else(|| panic!("callgrind printed no count: {stderr}"))
    }

    fn program(&self, client: Client) -> PathBuf {
        self.target.join("release").join(client.program)
    }

    fn output(&self, mut command: Command, client: Client, concurrency: usize, changes: u32) -> Output {
        // No user may be given the password that is valid already.
        self.runs.set(self.runs.get() + 1);
        let mut rows = String::new();
        for number in 1..=changes {
            let run = self.runs.get();
            // Writing to a text cannot fail.
            let _ = writeln!(rows, "user{number:06}@example.com,-,Passw0rd-{run}-{number}");
        }
        let users = self.folder.path().join("users.csv");
        write(&users, &rows);
        command.args(["--provider", "zoom", "--json"]);
        let config = self.folder.path().join(format!("{}.toml", client.stack));
        if config.exists() {
            command.arg("--config").arg(config);
        } else {
            command.args(["--stack", client.stack, "--base-url", &self.base_url]);
            command.args(["--token", &self.token]);
            if self.tls {
                command.arg("--ca").arg(self.folder.path().join("ca.pem"));
            }
        }
        command
            .args(["--concurrency", &concurrency.to_string()])
            .arg("--users")
            .arg(users);
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's own token, made for this run"
)]
pub(crate) fn token(sandbox: &Sandbox) -> String {
    use secrecy::ExposeSecret as _;
    sandbox.token().expose_secret().to_owned()
}

pub(crate) fn write(path: &Path, text: &str) {
    let owner_only = fs::Permissions::from_mode(0o600);
    let written = fs::write(path, text).and_then(|()| fs::set_permissions(path, owner_only));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
