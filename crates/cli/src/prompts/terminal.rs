//! ActivePrompt a person at the terminal, without echo.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::sync::{Mutex, PoisonError};

use rustix::process::Signal;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::error::CliError;
use repass::secrets::{remove_paste_marks, without_byte_order_mark};
use repass::{Error, Password};

/// Prompts for the current password. `whose` names user and provider, such as ` for alice at zoom`.
pub(super) fn current(whose: &str) -> Result<Password, CliError> {
    password(&format!("Current password{whose}: "), "current password")
}

/// Prompts for a new password, twice.
pub(super) fn new(whose: &str) -> Result<Password, CliError> {
    twice(&format!("New password{whose}"), "new password")
}

/// Prompts for a passphrase; twice for a new one.
pub(super) fn passphrase(new: bool) -> Result<Password, CliError> {
    if new {
        return twice("New passphrase", PASSPHRASE);
    }
    password("Passphrase: ", PASSPHRASE)
}

const PASSPHRASE: &str = "passphrase";

// Attempts to type the same password twice.
const TRIES: u32 = 3;

fn twice(prompt: &str, what: &str) -> Result<Password, CliError> {
    for _ in 0..TRIES {
        let line = typed(&format!("{prompt}: "), what)?;
        let password = checked(&line, what)?;
        if let Err(refused) = password.check_typeable() {
            return unless_checked(password, &refused, what);
        }
        if *line == *typed(&format!("{prompt} again: "), what)? {
            return Ok(password);
        }
        say("The passwords do not match; try again.").map_err(|error| failed(&error, what))?;
    }
    Err(CliError::usage(format!(
        "the two entries of the {what} did not match {TRIES} times; nothing was sent"
    )))
}

// The call rejects a password with all reasons; typing it again would not help. A passphrase is used without a
// call, so it is rejected here.
fn unless_checked(password: Password, refused: &Error, what: &str) -> Result<Password, CliError> {
    match refused.violations() {
        [first, ..] if what == PASSPHRASE => Err(CliError::usage(format!("the {what} may hold {first}"))),
        _ => Ok(password),
    }
}

/// Restores the terminal's echo if an interrupted prompt has switched it off.
pub(crate) fn restore_terminal() {
    if let Some(ActivePrompt {
        terminal, original, ..
    }) = active_prompt().take()
    {
        // Nothing to restore if the terminal is gone.
        let _ = tcsetattr(&terminal, OptionalActions::Flush, &original);
        let _ = writeln!(&terminal);
    }
}

/// A prompt that has switched the terminal's echo off.
struct ActivePrompt {
    terminal: File,
    original: Termios,
    silent: Termios,
    prompt: String,
}

static ACTIVE_PROMPT: Mutex<Option<ActivePrompt>> = Mutex::new(None);

fn active_prompt() -> std::sync::MutexGuard<'static, Option<ActivePrompt>> {
    ACTIVE_PROMPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prompts again each time the process continues after a stop: the shell has restored its own terminal settings,
/// echo included, and the input typed so far is lost.
struct ResumeListener(JoinHandle<()>);

impl ResumeListener {
    // `None` without a Tokio runtime, as in tests.
    fn watch() -> io::Result<Option<Self>> {
        let Ok(runtime) = Handle::try_current() else {
            return Ok(None);
        };
        let mut resumed = {
            let _inside = runtime.enter();
            signal(SignalKind::from_raw(Signal::CONT.as_raw()))?
        };
        Ok(Some(Self(runtime.spawn(async move {
            while resumed.recv().await.is_some() {
                if let Some(prompt) = &*active_prompt() {
                    // In the background this stops the process again until it is in the foreground.
                    let _ = tcsetattr(&prompt.terminal, OptionalActions::Flush, &prompt.silent);
                    let _ = (&prompt.terminal).write_all(prompt.prompt.as_bytes());
                }
            }
        }))))
    }
}

impl Drop for ResumeListener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn password(prompt: &str, what: &str) -> Result<Password, CliError> {
    checked(&typed(prompt, what)?, what)
}

fn typed(prompt: &str, what: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut line = ask(prompt).map_err(|error| failed(&error, what))?;
    remove_paste_marks(&mut line);
    Ok(line)
}

fn checked(line: &[u8], what: &str) -> Result<Password, CliError> {
    Password::from_utf8(without_byte_order_mark(line))
        .map_err(|invalid| CliError::usage(format!("the {what} {}; nothing was sent", invalid.reason())))
}

fn failed(error: &io::Error, what: &str) -> CliError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return CliError::usage(format!("no input for the {what}; nothing was sent"));
    }
    CliError::usage(format!("cannot prompt at the terminal: {error}"))
}

fn say(line: &str) -> io::Result<()> {
    let mut terminal = OpenOptions::new().write(true).open("/dev/tty")?;
    writeln!(terminal, "{line}")
}

// One line, without its newline. The terminal does the line editing, so no other buffer holds the input.
fn ask(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let original = tcgetattr(&terminal)?;
    let mut silent = original.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    let _resuming = ResumeListener::watch()?;
    *active_prompt() = Some(ActivePrompt {
        terminal: terminal.try_clone()?,
        original,
        silent: silent.clone(),
        prompt: prompt.to_owned(),
    });
    let line = tcsetattr(&terminal, OptionalActions::Flush, &silent)
        .map_err(io::Error::from)
        .and_then(|()| terminal.write_all(prompt.as_bytes()))
        .and_then(|()| read_line(&mut terminal));
    if let Some(prompt) = active_prompt().take() {
        tcsetattr(&prompt.terminal, OptionalActions::Flush, &prompt.original)?;
    }
    line
}

fn read_line(terminal: &mut File) -> io::Result<Zeroizing<Vec<u8>>> {
    // Longer than any line a terminal can return.
    let mut buffer = Zeroizing::new(vec![0; 8192]);
    let mut length = 0;
    while length < buffer.len() {
        let read = match terminal.read(&mut buffer[length..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        length += read;
        // Ctrl-D or a closed terminal, not an empty line.
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if read == 0 || buffer[length - 1] == b'\n' {
            break;
        }
    }
    let end = buffer[..length]
        .strip_suffix(b"\n")
        .unwrap_or(&buffer[..length])
        .len();
    buffer.truncate(end);
    Ok(buffer)
}
