//! `repass bulk`: many users, at the provider's speed, with nothing lost.

mod confirm;
mod progress;
mod providers;
mod report;
mod resume;
mod run;
mod run_options;
mod secrets;
mod secrets_options;
mod session;

use clap::Subcommand;
use repass_bulk::{BulkError, Tally};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

/// What to do with many users.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change the passwords of all users of a CSV or JSON lines file
    Run(Box<run::Args>),
    /// Go on with a run that was stopped, or settle what it left
    Resume(Box<resume::Args>),
    /// Tell where a run stands, also while it is under way
    Status(report::StatusArgs),
    /// Write what became of every row: CSV, JSON, and an HTML page to hand on
    Report(report::ReportArgs),
    /// Print the new passwords of a file of secrets, and what each is worth
    Secrets(secrets::Args),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Run(args) => args.run(context).await,
            Self::Resume(args) => args.run(context).await,
            Self::Status(args) => args.run(&context.output),
            Self::Report(args) => args.run(&context.output),
            Self::Secrets(args) => args.run(context).await,
        }
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

impl From<BulkError> for CliError {
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
) -> Result<T, CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| CliError::internal(error.to_string()))??)
}
