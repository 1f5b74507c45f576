//! All printing: results on standard output, everything else on standard error.

pub(super) mod private_file;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::{CliError, Report};
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use repass::Password;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// How to print.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) json: bool,
    pub(super) quiet: bool,
}

impl Output {
    pub(super) fn new(global: &GlobalOptions) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
        }
    }

    /// A note on standard error, unless `--quiet`.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            print_status(text);
        }
    }

    /// The report of a change that succeeded.
    pub(super) fn report(&self, report: &Report) {
        if self.json {
            print_json(report);
        } else {
            let provider = report.provider.as_deref().unwrap_or_default();
            self.note(&format!("{provider}: {}", report.message));
        }
    }

    /// Why a command failed.
    pub(super) fn error(&self, error: &CliError) -> Exit {
        if self.json {
            print_json(&error.report());
        } else {
            error.lines().iter().for_each(|line| print_error(line));
        }
        error.exit()
    }
}

/// One JSON object on standard output, on one line.
pub(super) fn print_json(value: &impl Serialize) {
    // Serialization fails only for map keys that are not strings, which do not occur here.
    if let Ok(json) = serde_json::to_string(value) {
        match json.strip_prefix('{') {
            Some(rest) if OBJECT_IS_OPEN.swap(false, Ordering::Relaxed) => print_line(rest),
            _ => print_line(&json),
        }
    }
}

/// One line of a result, on standard output.
pub(super) fn print_line(line: &str) {
    print_text(&format!("{line}\n"));
}

/// Several lines of a result, on standard output.
pub(super) fn print_text(text: &str) {
    let mut stdout = anstream::stdout().lock();
    record_write(write!(stdout, "{text}").and_then(|()| stdout.flush()));
}

// The first failed write of a result, until `lost` returns it.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

// Whether `generated` has opened the JSON object of this run.
static OBJECT_IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Records a failed write of a result. A reader that has closed the pipe, such as `head`, is not an error.
pub(super) fn record_write(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert(error);
    }
}

/// The first failed write of a result, if any.
pub(super) fn take_write_error() -> Option<io::Error> {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether standard output is discarded: it is the null device, or closed, which the standard library turns into
/// the null device.
pub(super) fn is_discarded() -> bool {
    let stdout = io::stdout();
    let (Ok(stdout), Ok(null)) = (rustix::fs::fstat(stdout.as_fd()), rustix::fs::stat("/dev/null")) else {
        return true;
    };
    (stdout.st_dev, stdout.st_ino) == (null.st_dev, null.st_ino)
}

/// Prints the generated password of a change before it is sent: on its own line, or with `json` as the first member
/// of the object that the final report completes.
///
/// # Errors
/// It was not printed completely; it must not be used then.
pub(super) fn print_generated_password(password: &Password, json: bool) -> Result<(), CliError> {
    let printed = if json {
        let mut begun = Zeroizing::new(Vec::with_capacity(6 * Password::MAX_BYTES + 32));
        begun.extend_from_slice(b"{\"password\":");
        #[expect(clippy::disallowed_methods, reason = "the user requested it")]
        let written = serde_json::to_writer(&mut *begun, password.expose_secret());
        written.map_err(|error| CliError::internal(error.to_string()))?;
        begun.push(b',');
        write_unbuffered(&begun)
    } else {
        print_password(password)
    };
    OBJECT_IS_OPEN.store(json && printed.is_ok(), Ordering::Relaxed);
    printed.map_err(|error| CliError::usage(format!("cannot print the password: {error}; nothing was sent")))
}

/// Prints a password on its own line.
///
/// # Errors
/// It was not printed completely.
pub(super) fn print_password(password: &Password) -> io::Result<()> {
    let mut line = Zeroizing::new(Vec::with_capacity(Password::MAX_BYTES + 1));
    #[expect(clippy::disallowed_methods, reason = "the user requested it")]
    line.extend_from_slice(password.expose_secret().as_bytes());
    line.push(b'\n');
    write_unbuffered(&line)
}

/// Prints passwords as one JSON object.
///
/// # Errors
/// They were not printed completely.
pub(super) fn print_passwords(passwords: &[Password]) -> Result<(), CliError> {
    #[expect(clippy::disallowed_methods, reason = "the user requested them")]
    let texts: Vec<&str> = passwords.iter().map(ExposeSecret::expose_secret).collect();
    let room: usize = texts.iter().map(|text| 6 * text.len() + 3).sum();
    let mut line = Zeroizing::new(Vec::with_capacity(room + 32));
    let written = serde_json::to_writer(&mut *line, &BTreeMap::from([("passwords", texts)]));
    written.map_err(|error| CliError::internal(error.to_string()))?;
    line.push(b'\n');
    write_unbuffered(&line).map_err(|error| CliError::usage(format!("cannot print the passwords: {error}")))
}

/// Prints bytes without the standard library's buffer, which is not wiped.
///
/// # Errors
/// They were not printed completely.
pub(super) fn write_unbuffered(bytes: &[u8]) -> io::Result<()> {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    stdout.and_then(|stdout| File::from(stdout).write_all(bytes))
}

/// One status line, on standard error.
pub(super) fn print_status(line: &str) {
    ignore(writeln!(anstream::stderr().lock(), "{line}"));
}

/// One error line, on standard error.
pub(super) fn print_error(line: &str) {
    ignore(writeln!(
        anstream::stderr().lock(),
        "{ERROR}error:{ERROR:#} {line}"
    ));
}

// Without a reader of standard error the exit code alone reports the failure.
fn ignore(_: io::Result<()>) {}

/// Logs repass's own events. Events of the HTTP stack are never logged, because they might contain secrets.
pub(super) fn start_logging(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false);
    let ours = Targets::new().with_target("repass", level);
    tracing_subscriber::registry().with(lines).with(ours).init();
}
