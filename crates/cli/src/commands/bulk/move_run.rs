//! `repass bulk import` and `repass bulk export`: move a run between its directory and the shared state.

use std::path::PathBuf;

use repass_bulk::{PasswordSource, Run, Tally};

use super::session::summary;
use super::{blocking, shared_runs};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{self, Output};
use crate::session_setup::Setup;

/// The run to move into the shared state.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The run must not be executed meanwhile. Afterwards `repass bulk work NAME` sends the rest, on any
machine; the directory stays for reports and is resumed no more. If this is interrupted, repeat it.")]
pub(crate) struct ImportArgs {
    /// The run's directory
    directory: PathBuf,
    /// The name that the run gets
    name: PathBuf,
}

/// The run to move out of the shared state.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
No worker may be at work meanwhile. Afterwards `repass bulk resume DIRECTORY` sends the rest, on this
machine; the shared run stays for reports. If this is interrupted, repeat it.")]
pub(crate) struct ExportArgs {
    /// The name of the run
    name: PathBuf,
    /// The directory that the run gets, which must not exist yet
    directory: PathBuf,
    /// Write the generated passwords to this new file, encrypted as they are
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
}

impl ImportArgs {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let name = shared_runs::new_name(&self.name)?;
        let setup = Setup::load(&context.global).await?;
        let runs = shared_runs::open(&setup, &context.global).await?;
        let target = name.clone();
        let tally =
            blocking(move || Run::import(&self.directory, &target, |mark| runs.copy(&target, mark))).await?;
        let next = format!("repass bulk work {name}");
        print_moved(&name, tally, &next, &context.output);
        Ok(Exit::Ok)
    }
}

impl ExportArgs {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let name = shared_runs::name(&self.name)?;
        let setup = Setup::load(&context.global).await?;
        let runs = shared_runs::open(&setup, &context.global).await?;
        let shown = self.directory.display().to_string();
        let (tally, passwords) = blocking(move || {
            let mut journal = runs.open(&name)?;
            let start = || runs.start_move(&name);
            Run::export(&name, &mut *journal, start, &self.directory, self.secrets_out)
        })
        .await?;
        let input = match passwords {
            PasswordSource::Input => " INPUT",
            PasswordSource::Generated => "",
        };
        let next = format!("repass bulk resume {shown}{input}");
        print_moved(&shown, tally, &next, &context.output);
        Ok(Exit::Ok)
    }
}

fn print_moved(run: &str, tally: Tally, next: &str, output: &Output) {
    if output.json {
        let mut moved = serde_json::json!(tally);
        moved["run"] = run.into();
        output::print_json(&moved);
        return;
    }
    output.note(&summary(tally));
    output.note(&format!("the run has moved to {run}; to continue: `{next}`"));
}
