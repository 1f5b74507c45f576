//! Asking a person at the terminal, without echo.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::Password;
use crate::cli::stop::Stop;

/// Asks for the password that is valid now. `whose` says for whom and where, as ` for alice at zoom`.
pub(super) fn current(whose: &str) -> Result<Password, Stop> {
    password(&format!("Current password{whose}: "), "current password")
}

/// Asks for a new password, twice.
pub(super) fn new(whose: &str) -> Result<Password, Stop> {
    twice(&format!("New password{whose}"), "new password")
}

/// Asks for a passphrase; for a new one twice.
pub(super) fn passphrase(new: bool) -> Result<Password, Stop> {
    if new {
        return twice("New passphrase", "passphrase");
    }
    let line = ask("Passphrase: ").map_err(|error| failed(&error))?;
    checked(&line, "passphrase")
}

fn twice(prompt: &str, what: &str) -> Result<Password, Stop> {
    let line = ask(&format!("{prompt}: ")).map_err(|error| failed(&error))?;
    // Before it is typed once more.
    let password = checked(&line, what)?;
    let again = ask(&format!("{prompt} again: ")).map_err(|error| failed(&error))?;
    if *line != *again {
        return Err(Stop::usage(format!(
            "the {what} was not typed the same way twice; nothing was sent"
        )));
    }
    Ok(password)
}

/// Puts the terminal's echo back if a prompt that is not coming back has switched it off.
pub(in crate::cli) fn restore_terminal() {
    if let Some((terminal, original)) = saved().take() {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&terminal, OptionalActions::Flush, &original);
        let _ = writeln!(&terminal);
    }
}

// How the terminal was, while a prompt has changed it.
static SAVED: Mutex<Option<(File, Termios)>> = Mutex::new(None);

fn saved() -> std::sync::MutexGuard<'static, Option<(File, Termios)>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn password(prompt: &str, what: &str) -> Result<Password, Stop> {
    checked(&ask(prompt).map_err(|error| failed(&error))?, what)
}

fn checked(line: &[u8], what: &str) -> Result<Password, Stop> {
    Password::from_utf8(line).map_err(|invalid| Stop::usage(format!("the {what} {invalid}")))
}

fn failed(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Stop::usage("nothing was typed; nothing was sent");
    }
    Stop::usage(format!("cannot ask at the terminal: {error}"))
}

// One line, without its newline. The terminal edits the line itself, so nothing of it is ever elsewhere.
fn ask(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let original = tcgetattr(&terminal)?;
    let mut silent = original.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    *saved() = Some((terminal.try_clone()?, original));
    let line = tcsetattr(&terminal, OptionalActions::Flush, &silent)
        .map_err(io::Error::from)
        .and_then(|()| terminal.write_all(prompt.as_bytes()))
        .and_then(|()| read_line(&mut terminal));
    if let Some((terminal, original)) = saved().take() {
        tcsetattr(&terminal, OptionalActions::Flush, &original)?;
    }
    line
}

fn read_line(terminal: &mut File) -> io::Result<Zeroizing<Vec<u8>>> {
    // More than a terminal's line can hold.
    let mut buffer = Zeroizing::new(vec![0; 8192]);
    let mut length = 0;
    while length < buffer.len() {
        let read = match terminal.read(&mut buffer[length..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        length += read;
        if length == 0 {
            // Ctrl-D, or the terminal is gone.
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
