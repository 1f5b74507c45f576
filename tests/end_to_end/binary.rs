//! The real binary, run as a process.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The result of a run of the binary.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code; -1 if a signal ended it.
    pub(crate) code: i32,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error.
    pub(crate) stderr: String,
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
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repass"));
    command.env_clear().current_dir(folder);
    command
}

/// Runs the binary in `folder` with these arguments and this standard input.
pub(crate) fn run<A: AsRef<OsStr>>(folder: &Path, arguments: &[A], stdin: &[u8]) -> Run {
    let mut command = command(folder);
    command.args(arguments);
    finish(command, stdin)
}

/// Starts a prepared command, feeds its standard input and waits for its end.
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Run {
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
