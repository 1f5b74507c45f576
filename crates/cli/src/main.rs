//! The command line: `repass --help`.
//!
//! `args` and `global` say what can be typed, `dispatch` finds the command, and `commands` has a file for each. A
//! command ends well with an `exit` code, or else with a `stop` that says why; `output` is the only place that
//! prints.

mod args;
mod call;
mod commands;
mod dispatch;
#[cfg(test)]
mod errors_page;
mod exit;
mod global;
mod hardening;
mod logging;
mod lookup;
mod output;
mod password;
mod private_file;
mod rules;
mod setup;
mod signals;
mod stop;
mod usage;
mod version;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use args::{Args, Command};
use exit::Exit;
use output::Output;
use signals::Signals;
use stop::Stop;

#[cfg(not(unix))]
compile_error!("the command line needs Unix; the library `repass` does not");

/// Wipes all memory that any crate frees. An embedder can have the same by this line.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    if let Err(error) = hardening::apply() {
        output::error(&format!("cannot keep this process's memory to itself: {error}"));
        return Exit::Internal.into();
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return finished(usage::answer(&error, std::env::args_os().skip(1)), false).into(),
    };
    logging::start(args.global.verbose);
    let output = Output::new(&args.global);
    let runtime = match runtime(&args.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            return output
                .stop(&Stop::internal(format!("cannot start: {error}")))
                .into();
        }
    };
    let is_outcome = args.command.ends_with_an_outcome();
    let exit = runtime.block_on(run(args, &output));
    // A thread may still wait for a terminal or a program; the process does not wait for it, and takes the program
    // along.
    repass::secrets::kill_commands();
    runtime.shutdown_background();
    finished(exit, is_outcome).into()
}

// What is lost on its way to standard output is an error, but never turns an outcome into another one.
fn finished(exit: Exit, is_outcome: bool) -> Exit {
    let Some(error) = output::lost() else {
        return exit;
    };
    let what = if is_outcome && exit == Exit::Ok {
        "it was done, but its result is lost: "
    } else {
        ""
    };
    output::error(&format!("{what}cannot write to standard output: {error}"));
    match exit {
        Exit::Ok if is_outcome => Exit::Internal,
        Exit::Ok => Exit::Usage,
        other => other,
    }
}

// A client mostly waits for the provider: one thread does, and spares every call its way between threads. A
// server has one for each core.
fn runtime(command: &Command) -> io::Result<Runtime> {
    let mut builder = match command {
        Command::Serve(_) | Command::Sandbox(_) | Command::Demo => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

// A sidecar reads its configuration again at SIGHUP.
fn listen(command: &Command) -> io::Result<Signals> {
    let signals = Signals::listen()?;
    signals.count_quits()?;
    if !matches!(command, Command::Serve(_)) {
        signals.count_hangups()?;
    }
    Ok(signals)
}

async fn run(args: Args, output: &Output) -> Exit {
    let signals = match listen(&args.command) {
        Ok(signals) => signals,
        Err(error) => return output.stop(&Stop::internal(format!("cannot listen for signals: {error}"))),
    };
    let is_resolve = matches!(args.command, Command::Resolve(_));
    let ended = tokio::select! {
        ended = dispatch::run(args, output, &signals) => ended,
        () = signals.unclaimed() => {
            password::restore_terminal();
            Err(if is_resolve { Stop::Interrupted.unprobed() } else { Stop::Interrupted })
        }
    };
    ended.unwrap_or_else(|stop| output.stop(&stop))
}
