//! The only place that prints: results on standard output, all else on standard error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::exit::Exit;
use super::global::Global;
use super::stop::{Report, Stop};
use crate::Password;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// How the user wants to be told.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) json: bool,
    pub(super) quiet: bool,
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
        }
    }

    /// Something good to know, on standard error.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            aside(text);
        }
    }

    /// What became of a change that did not fail.
    pub(super) fn report(&self, report: &Report) {
        if self.json {
            object(report);
        } else {
            let provider = report.provider.as_deref().unwrap_or_default();
            self.note(&format!("{provider}: {}", report.message));
        }
    }

    /// Why a command did not do what it is for.
    pub(super) fn stop(&self, stop: &Stop) -> Exit {
        if self.json {
            object(&stop.report());
        } else {
            stop.lines().iter().for_each(|line| error(line));
        }
        stop.exit()
    }
}

/// One JSON object on standard output, on one line.
pub(super) fn object(value: &impl Serialize) {
    // Nothing that is printed here has keys that are no strings.
    if let Ok(json) = serde_json::to_string(value) {
        line(&json);
    }
}

/// One line of a result, on standard output.
pub(super) fn line(line: &str) {
    told(writeln!(anstream::stdout().lock(), "{line}"));
}

/// Several lines of a result, on standard output.
pub(super) fn text(text: &str) {
    told(write!(anstream::stdout().lock(), "{text}"));
}

/// A password that was asked for, on a line of its own.
///
/// # Errors
/// It was not printed whole; then it is better not used.
pub(super) fn password(password: &Password) -> Result<(), Stop> {
    let mut line = Zeroizing::new(Vec::with_capacity(Password::MAX_BYTES + 1));
    #[expect(clippy::disallowed_methods, reason = "the user has asked to see it")]
    line.extend_from_slice(password.expose_secret().as_bytes());
    line.push(b'\n');
    whole(&line)
}

/// Passwords that were asked for, as one JSON object.
///
/// # Errors
/// They were not printed whole.
pub(super) fn passwords(passwords: &[Password]) -> Result<(), Stop> {
    #[expect(clippy::disallowed_methods, reason = "the user has asked to see them")]
    let texts: Vec<&str> = passwords.iter().map(ExposeSecret::expose_secret).collect();
    let room: usize = texts.iter().map(|text| 6 * text.len() + 3).sum();
    let mut line = Zeroizing::new(Vec::with_capacity(room + 32));
    let written = serde_json::to_writer(&mut *line, &BTreeMap::from([("passwords", texts)]));
    written.map_err(|error| Stop::internal(error.to_string()))?;
    line.push(b'\n');
    whole(&line)
}

fn whole(line: &[u8]) -> Result<(), Stop> {
    let printed = unbuffered(line);
    printed.map_err(|error| Stop::usage(format!("cannot print the password, so nothing was sent: {error}")))
}

/// Bytes of a result, past the standard library's buffer, which is not wiped.
///
/// # Errors
/// They were not printed whole.
pub(super) fn unbuffered(bytes: &[u8]) -> io::Result<()> {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    stdout.and_then(|stdout| File::from(stdout).write_all(bytes))
}

/// One line that is no result, on standard error.
pub(super) fn aside(line: &str) {
    told(writeln!(anstream::stderr().lock(), "{line}"));
}

/// One line about what is wrong.
pub(super) fn error(line: &str) {
    told(writeln!(
        anstream::stderr().lock(),
        "{ERROR}error:{ERROR:#} {line}"
    ));
}

// A reader who has gone away is told by the exit code alone.
fn told(_: io::Result<()>) {}
