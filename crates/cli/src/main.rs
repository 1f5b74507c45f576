//! The command line: `repass --help`.
//!
//! `args` defines the arguments and selects the command; `commands` has one module per command, run with a
//! `Context`. A command ends with an `exit` code or an `error`; `output` is the only module that prints.

mod args;
mod change_flow;
mod clap_errors;
mod commands;
mod config_path;
mod context;
mod error;
#[cfg(test)]
mod errors_page;
mod exit;
mod global_options;
mod hardening;
mod output;
mod password_rules;
mod prompts;
mod session_setup;
mod signals;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use args::{Args, Command};
use context::Context;
use error::CliError;
use exit::Exit;
use output::Output;

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
        Err(error) => return finished(clap_errors::print(&error, std::env::args_os().skip(1)), false).into(),
    };
    output::start_logging(args.global.verbose);
    let output = Output::new(&args.global);
    let runtime = match runtime(&args.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            return output
                .error(&CliError::internal(format!("cannot start: {error}")))
                .into();
        }
    };
    let is_outcome = args.command.reports_outcome();
    let exit = runtime.block_on(run(args, output));
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

async fn run(args: Args, output: Output) -> Exit {
    let Args { global, command } = args;
    let context = match Context::new(global, output.clone(), &command) {
        Ok(context) => context,
        Err(error) => {
            return output.error(&CliError::internal(format!("cannot listen for signals: {error}")));
        }
    };
    let is_resolve = matches!(command, Command::Resolve(_));
    let result = tokio::select! {
        result = command.run(&context) => result,
        () = context.signals.unclaimed() => {
            prompts::restore_terminal();
            Err(if is_resolve { CliError::Interrupted.without_probe() } else { CliError::Interrupted })
        }
    };
    result.unwrap_or_else(|error| output.error(&error))
}
