//! What the end-to-end tests share: the real binary, run as a process.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The workspace's root folder.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The real binary, built once in the profile of the tests: Cargo hands a binary's path only to
/// tests of its own package.
///
/// # Panics
/// If it does not build.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args([
                "build",
                "--package=repass",
                "--bin=repass",
                "--message-format=json",
            ])
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output();
        let build = build.unwrap_or_else(|error| panic!("cargo does not start: {error}"));
        let messages = String::from_utf8_lossy(&build.stdout);
        let reports = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let path = reports
            .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
            .next_back();
        path.unwrap_or_else(|| panic!("the binary does not build"))
    })
}

/// What a run of the binary left.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The binary with a clean environment, in a folder without a config file.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().current_dir(folder);
    command
}

/// Runs the binary in `folder` with these arguments and this standard input.
///
/// # Panics
/// If it does not start.
pub fn run<A: AsRef<OsStr>>(folder: &Path, arguments: &[A], stdin: &[u8]) -> Run {
    let mut command = command(folder);
    command.args(arguments);
    finish(command, stdin)
}

/// Starts a prepared command, feeds its standard input and waits for its end.
///
/// # Panics
/// If it does not start.
pub fn finish(mut command: Command, stdin: &[u8]) -> Run {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("the binary does not start: {error}"));
    if let Some(mut pipe) = child.stdin.take() {
        // A run that refuses its arguments closes the pipe without reading it.
        let _ = pipe.write_all(stdin);
    }
    let output = child.wait_with_output();
    output
        .unwrap_or_else(|error| panic!("the binary does not end: {error}"))
        .into()
}
