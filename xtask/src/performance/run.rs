//! Runs of the program `load`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use repass_sandbox::Sandbox;
use tempfile::TempDir;

/// What one run cost.
pub(crate) struct Cost {
    pub(crate) cpu_us: f64,
    pub(crate) rate: f64,
    pub(crate) peak_mib: f64,
}

/// A sandbox to run against, and what a run needs.
pub(crate) struct Load {
    pub(crate) changes: u32,
    pub(crate) tls: bool,
    programs: PathBuf,
    base_url: String,
    token: String,
    folder: TempDir,
    runs: Cell<u32>,
}

impl Load {
    pub(crate) fn new(built: &Path, sandbox: &Sandbox, changes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        if let Some(pem) = sandbox.ca_pem() {
            write(&folder.path().join("ca.pem"), pem);
        }
        Self {
            changes,
            tls: sandbox.ca_pem().is_some(),
            programs: built.to_owned(),
            base_url: sandbox.zoom_base_url().to_owned(),
            token: token(sandbox),
            folder,
            runs: Cell::new(0),
        }
    }

    pub(crate) fn run(&self, program: &str, stack: &str, concurrency: usize, changes: u32) -> Cost {
        let program = self.programs.join(program);
        let output = self.output(Command::new(program), stack, concurrency, changes);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let figure = |name: &str| told[name].as_f64().unwrap_or(f64::NAN);
        Cost {
            cpu_us: figure("cpu_us_per_change"),
            rate: figure("rate"),
            peak_mib: figure("peak_kib") / 1024.0,
        }
    }

    /// All instructions of a run, counted by callgrind: the same whatever else the machine does.
    pub(crate) fn instructions(&self, stack: &str, changes: u32) -> f64 {
        let mut valgrind = Command::new("valgrind");
        valgrind
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(self.programs.join("load"));
        let output = self.output(valgrind, stack, 16, changes);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = said.split_once("Collected :").map(|(_, count)| count.trim());
        let count = count.and_then(|count| count.split_whitespace().next()?.parse().ok());
        count.unwrap_or_else(|| panic!("callgrind has not counted: {said}"))
    }

    fn output(&self, mut command: Command, stack: &str, concurrency: usize, changes: u32) -> Output {
        // Nobody may take the password that they have.
        self.runs.set(self.runs.get() + 1);
        let mut rows = String::new();
        for number in 1..=changes {
            let run = self.runs.get();
            // Writing to a text cannot fail.
            let _ = writeln!(rows, "user{number:06}@example.com,-,Passw0rd-{run}-{number}");
        }
        let users = self.folder.path().join("users.csv");
        write(&users, &rows);
        command.args(["--provider", "zoom", "--json", "--stack", stack]);
        command.args(["--base-url", &self.base_url, "--token", &self.token]);
        command
            .args(["--concurrency", &concurrency.to_string()])
            .arg("--users")
            .arg(users);
        if self.tls {
            command.arg("--ca").arg(self.folder.path().join("ca.pem"));
        }
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
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
