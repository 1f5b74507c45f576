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

/// Wipes all freed memory, of every crate. Embedders can use the same allocator.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    if let Err(error) = hardening::apply() {
        output::print_error(&format!("cannot protect this process's memory: {error}"));
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
    // A thread may still wait for a terminal or a program; do not wait for it, and end the program.
    repass::secrets::kill_commands();
    runtime.shutdown_background();
    finished(exit, is_outcome).into()
}

// A failed write to standard output is an error, but never changes the reported outcome.
fn finished(exit: Exit, is_outcome: bool) -> Exit {
    let Some(error) = output::take_write_error() else {
        return exit;
    };
    let what = if is_outcome && exit == Exit::Ok {
        "the change was applied, but its report is lost: "
    } else {
        ""
    };
    output::print_error(&format!("{what}cannot write to standard output: {error}"));
    match exit {
        Exit::Ok if is_outcome => Exit::Internal,
        Exit::Ok => Exit::Usage,
        other => other,
    }
}

// A client mostly waits for the provider, so one thread suffices. A server uses one thread per core.
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
