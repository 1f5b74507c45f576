//! `repass bulk`: changes the passwords of many users at the provider's rate, with every outcome recorded.

mod confirm;
mod live_state;
mod move_run;
mod progress;
mod providers;
mod report;
mod resume;
mod run;
mod run_options;
mod secrets;
mod secrets_options;
mod session;
mod shared_runs;
mod work;

use clap::Subcommand;
use repass_bulk::{BulkError, Tally};

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

/// The commands of a bulk run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change the passwords of all users of a CSV or JSON lines file
    Run(Box<run::Args>),
    /// Work on a run that several processes share, until no row is left
    Work(Box<work::Args>),
    /// Resume a stopped run, or resolve its unknown outcomes
    Resume(Box<resume::Args>),
    /// Show the progress of a run, also while it is running
    Status(report::StatusArgs),
    /// Write the outcome of every row: CSV, JSON, or an HTML page to share
    Report(report::ReportArgs),
    /// Move a run from its directory into the shared state, for workers on any machine
    Import(move_run::ImportArgs),
    /// Move a run from the shared state to a directory
    Export(move_run::ExportArgs),
    /// Print the new passwords of a secrets file, and whether each is set
    Secrets(secrets::Args),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Run(args) => args.run(context).await,
            Self::Work(args) => args.run(context).await,
            Self::Resume(args) => args.run(context).await,
            Self::Status(args) => args.run(context).await,
            Self::Report(args) => args.run(context).await,
            Self::Import(args) => args.run(context).await,
            Self::Export(args) => args.run(context).await,
            Self::Secrets(args) => args.run(context).await,
        }
    }
}

/// The exit code for the outcomes of all rows.
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

/// Runs blocking I/O off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BulkError> + Send + 'static,
) -> Result<T, CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| CliError::internal(error.to_string()))??)
}
