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

/// How the user wants to be told.
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

    /// Something good to know, on standard error.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            status(text);
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
    pub(super) fn error(&self, error: &CliError) -> Exit {
        if self.json {
            object(&error.report());
        } else {
            error.lines().iter().for_each(|line| self::error(line));
        }
        error.exit()
    }
}

/// One JSON object on standard output, on one line.
pub(super) fn object(value: &impl Serialize) {
    // Nothing that is printed here has keys that are no strings.
    if let Ok(json) = serde_json::to_string(value) {
        match json.strip_prefix('{') {
            Some(rest) if OBJECT_IS_OPEN.swap(false, Ordering::Relaxed) => line(rest),
            _ => line(&json),
        }
    }
}

/// One line of a result, on standard output.
pub(super) fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// Several lines of a result, on standard output.
pub(super) fn text(text: &str) {
    let mut stdout = anstream::stdout().lock();
    result(write!(stdout, "{text}").and_then(|()| stdout.flush()));
}

// The first result that could not be written, until somebody asks.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

// Whether the object of this run has been begun by its password.
static OBJECT_IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Takes note of a result that could not be written. A reader who went away, such as `head`, has what it wanted.
pub(super) fn result(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert(error);
    }
}

/// Why some of the results could not be written, if that is so.
pub(super) fn lost() -> Option<io::Error> {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether what is printed on standard output is lost: it is closed, which the standard library makes the null
/// device, or it is that device.
pub(super) fn is_discarded() -> bool {
    let stdout = io::stdout();
    let (Ok(stdout), Ok(null)) = (rustix::fs::fstat(stdout.as_fd()), rustix::fs::stat("/dev/null")) else {
        return true;
    };
    (stdout.st_dev, stdout.st_ino) == (null.st_dev, null.st_ino)
}

/// The generated password of one change: a line of its own, or with `json` the first member of the object that the
/// change's end completes. Either way it is out before it is sent.
///
/// # Errors
/// It was not printed whole; then it must not be used.
pub(super) fn generated(password: &Password, json: bool) -> Result<(), CliError> {
    let printed = if json {
        let mut begun = Zeroizing::new(Vec::with_capacity(6 * Password::MAX_BYTES + 32));
        begun.extend_from_slice(b"{\"password\":");
        #[expect(clippy::disallowed_methods, reason = "the user has asked to see it")]
        let written = serde_json::to_writer(&mut *begun, password.expose_secret());
        written.map_err(|error| CliError::internal(error.to_string()))?;
        begun.push(b',');
        unbuffered(&begun)
    } else {
        self::password(password)
    };
    OBJECT_IS_OPEN.store(json && printed.is_ok(), Ordering::Relaxed);
    printed
        .map_err(|error| CliError::usage(format!("cannot print the password, so nothing was sent: {error}")))
}

/// A password that was asked for, on a line of its own.
///
/// # Errors
/// It was not printed whole.
pub(super) fn password(password: &Password) -> io::Result<()> {
    let mut line = Zeroizing::new(Vec::with_capacity(Password::MAX_BYTES + 1));
    #[expect(clippy::disallowed_methods, reason = "the user has asked to see it")]
    line.extend_from_slice(password.expose_secret().as_bytes());
    line.push(b'\n');
    unbuffered(&line)
}

/// Passwords that were asked for, as one JSON object.
///
/// # Errors
/// They were not printed whole.
pub(super) fn passwords(passwords: &[Password]) -> Result<(), CliError> {
    #[expect(clippy::disallowed_methods, reason = "the user has asked to see them")]
    let texts: Vec<&str> = passwords.iter().map(ExposeSecret::expose_secret).collect();
    let room: usize = texts.iter().map(|text| 6 * text.len() + 3).sum();
    let mut line = Zeroizing::new(Vec::with_capacity(room + 32));
    let written = serde_json::to_writer(&mut *line, &BTreeMap::from([("passwords", texts)]));
    written.map_err(|error| CliError::internal(error.to_string()))?;
    line.push(b'\n');
    unbuffered(&line).map_err(|error| CliError::usage(format!("cannot print the passwords: {error}")))
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
pub(super) fn status(line: &str) {
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

/// Logs repass's own events. Those of the HTTP stack are left out at every level, because nobody here can
/// promise what they hold.
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
