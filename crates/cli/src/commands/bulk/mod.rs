//! `repass bulk`: many users, at the provider's speed, with nothing lost.

mod going;
mod questions;
mod resume;
mod run;
mod sealing;
mod secrets;
mod services;
mod show;
mod steering;
mod watching;

use clap::Subcommand;
use repass_bulk::{BulkError, Tally};

use crate::exit::Exit;
use crate::global::Global;
use crate::output::Output;
use crate::signals::Signals;
use crate::stop::Stop;

/// What to do with many users.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change the passwords of all users of a CSV or JSON lines file
    Run(Box<run::Args>),
    /// Go on with a run that was stopped, or settle what it left
    Resume(Box<resume::Args>),
    /// Tell where a run stands, also while it is under way
    Status(show::StatusArgs),
    /// Write what became of every row: CSV, JSON, and an HTML page to hand on
    Report(show::ReportArgs),
    /// Print the new passwords of a file of secrets, and what each is worth
    Secrets(secrets::Args),
}

pub(crate) async fn run(
    command: Command,
    global: &Global,
    output: &Output,
    signals: &Signals,
) -> Result<Exit, Stop> {
    match command {
        Command::Run(args) => run::run(*args, global, output, signals).await,
        Command::Resume(args) => resume::run(*args, global, output, signals).await,
        Command::Status(args) => show::status(&args, output),
        Command::Report(args) => show::report(&args, output),
        Command::Secrets(args) => secrets::run(&args, global, output).await,
    }
}

/// What the process ends with, by what is known of the rows.
fn exit(tally: Tally) -> Exit {
    match tally {
        Tally { unknown: 1.., .. } => Exit::Unknown,
        Tally { rows, applied, .. } if rows == applied => Exit::Ok,
        _ => Exit::Partly,
    }
}

impl From<BulkError> for Stop {
    fn from(problem: BulkError) -> Self {
        match problem {
            BulkError::Usage(message) => Self::usage(message),
            BulkError::Internal(message) => Self::internal(message),
        }
    }
}

/// Does what may wait for a disk or a pipe where nothing else waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BulkError> + Send + 'static,
) -> Result<T, Stop> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Stop::internal(error.to_string()))??)
}
