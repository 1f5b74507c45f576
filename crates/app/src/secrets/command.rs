//! Programs that print secrets.

use std::fmt;
use std::io;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::bytes::read_at_most;
use super::reference::SecretError;

/// What a program prints, up to `most` bytes; the program is ended if it takes longer than `limit`.
///
/// It runs in a process group of its own, so that what it has started in turn ends with it.
pub(super) fn output(
    argv: &[String],
    most: usize,
    limit: Duration,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let [program, arguments @ ..] = argv else {
        return Err(SecretError::new(
            "the command is empty; give at least a program".to_owned(),
        ));
    };
    let shown = format_args!("the command `{program}`");
    let deadline = Instant::now() + limit;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut running = Running::start(command)
        .map_err(|error| SecretError::new(format!("{shown} cannot be run: {error}")))?;
    let late = || {
        let seconds = limit.as_secs_f64();
        SecretError::late(format!(
            "{shown} gave no secret within {seconds} s, so nothing was sent"
        ))
    };
    let cannot_read = |error: &dyn fmt::Display| SecretError::new(format!("cannot read {shown}: {error}"));
    let printed = match running.printed(most, deadline) {
        Ok(Some(printed)) => printed.map_err(|error| cannot_read(&error))?,
        Ok(None) => return Err(late()),
        Err(error) => return Err(cannot_read(&error)),
    };
    let Some(bytes) = printed else {
        return Err(SecretError::too_long(&shown, most));
    };
    match running.status(deadline) {
        Ok(Some(status)) if status.success() => Ok(bytes),
        Ok(Some(status)) => Err(SecretError::new(format!(
            "{shown} failed ({status}); run it by hand to see why"
        ))),
        Ok(None) => Err(late()),
        Err(error) => Err(SecretError::new(format!("{shown} was lost: {error}"))),
    }
}

/// Kills every program that is still printing a secret, and prevents further ones, because the process is about to
/// end.
pub fn kill_commands() {
    let mut all = all();
    all.is_over = true;
    for leader in &all.leaders {
        signal(*leader, Signal::Terminate);
    }
    let patience = Instant::now() + GRACE;
    while all.leaders.iter().any(|leader| is_alive(*leader)) && Instant::now() < patience {
        thread::sleep(PACE);
    }
    for leader in &all.leaders {
        signal(*leader, Signal::Kill);
    }
}

// How long a program may take to clean up, such as a terminal that it has changed.
const GRACE: Duration = Duration::from_millis(200);
const PACE: Duration = Duration::from_millis(5);

static ALL: Mutex<All> = Mutex::new(All {
    is_over: false,
    leaders: Vec::new(),
});

/// Programs that run, by their process ids, which are those of their groups too. One that was waited for is not here:
/// its id may be another's.
struct All {
    is_over: bool,
    leaders: Vec<u32>,
}

fn all() -> MutexGuard<'static, All> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl All {
    fn remove(&mut self, leader: u32) {
        self.leaders.retain(|known| *known != leader);
    }
}

/// A program that runs; ended when this is dropped.
struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    is_over: bool,
}

type Printed = io::Result<Option<Zeroizing<Vec<u8>>>>;

impl Running {
    fn start(mut command: Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut all = all();
        if all.is_over {
            return Err(io::Error::other("repass is about to end"));
        }
        let mut child = command.spawn()?;
        all.leaders.push(child.id());
        Ok(Self {
            stdout: child.stdout.take(),
            child,
            is_over: false,
        })
    }

    /// What it has printed when its output ends; `None` if that is not before the deadline.
    fn printed(&mut self, most: usize, deadline: Instant) -> io::Result<Option<Printed>> {
        let Some(mut stdout) = self.stdout.take() else {
            return Ok(None);
        };
        let (tell, reported) = sync_channel(1);
        // Reading a pipe cannot be bounded in time. The thread ends with the programs that hold the other end.
        thread::Builder::new()
            .name("secret".to_owned())
            .spawn(move || drop(tell.send(read_at_most(&mut stdout, most))))?;
        match reported.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(printed) => Ok(Some(printed)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("its reader ended")),
        }
    }

    /// What it has ended with; `None` if it has not before the deadline.
    fn status(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let status = {
                // NonexistentUser signals an id that is free.
                let mut all = all();
                let status = self.child.try_wait()?;
                if status.is_some() {
                    self.is_over = true;
                    all.remove(self.child.id());
                }
                status
            };
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            thread::sleep(PACE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let leader = self.child.id();
        signal(leader, Signal::Terminate);
        let patience = Instant::now() + GRACE;
        while !has_ended(&mut self.child) && Instant::now() < patience {
            thread::sleep(PACE);
        }
        {
            // Before it is waited for: until then the id is not free.
            let mut all = all();
            signal(leader, Signal::Kill);
            let _ = self.child.kill();
            all.remove(leader);
        }
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

#[cfg(unix)]
fn signal(leader: u32, signal: Signal) {
    use rustix::process::{Signal as Number, kill_process_group};

    if let Some(group) = group(leader) {
        let number = match signal {
            Signal::Terminate => Number::TERM,
            Signal::Kill => Number::KILL,
        };
        // It may have ended by now.
        let _ = kill_process_group(group, number);
    }
}

/// Whether it has ended, without taking its id from it.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};

    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    group(child.id())
        .is_none_or(|leader| matches!(waitid(WaitId::Pid(leader), options), Ok(Some(_)) | Err(_)))
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

#[cfg(unix)]
fn is_alive(leader: u32) -> bool {
    group(leader).is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
}

#[cfg(unix)]
fn group(leader: u32) -> Option<rustix::process::Pid> {
    i32::try_from(leader)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
}

// There are no groups; the program itself is ended by its handle.
#[cfg(not(unix))]
fn signal(_: u32, _: Signal) {}
