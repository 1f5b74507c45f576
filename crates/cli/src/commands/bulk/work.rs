//! `repass bulk work`: works on a shared run, together with other processes.

use repass_bulk::PasswordSource;

use super::progress::Screen;
use super::run::confirm_once;
use super::run_options::RunOptions;
use super::secrets_options::IdentityFile;
use super::session::{self, Session};
use super::{blocking, live_state, providers as run_providers, shared_runs};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session_setup::Setup;

/// The run to work on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Start it on as many machines as you like, each with the same [shared] and providers in its
configuration; together they stay below the provider's rate limit. A run whose passwords came with
its input needs --identity, the key of a recipient. A worker ends when no row is left for it. Limits such as --max-failures count the rows of this worker.
Exit code: 0 all rows applied, 9 some were not, 8 any is unknown.")]
pub(crate) struct Args {
    /// The name of the run, as in `repass bulk run --shared --run NAME`
    #[arg(value_name = "NAME")]
    run: String,
    #[command(flatten)]
    run_options: RunOptions,
    #[command(flatten)]
    identity: IdentityFile,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let setup = Setup::load(&context.global).await?;
        let (run, terms) = shared_runs::run(&self.run, &setup, context).await?;
        let screen = Screen::default();
        let controls =
            self.run_options
                .controls(terms.passwords, setup.config.on_unknown(), context, &screen)?;
        let (run, is_fully_read, names, before) = blocking(move || {
            let (is_fully_read, names, before) =
                (run.is_fully_read()?, run.providers()?, live_state::tally(&run)?);
            Ok((run, is_fully_read, names, before))
        })
        .await?;
        if !is_fully_read {
            return Err(CliError::usage(format!(
                "the input of the run {run} is not in the database completely; wait until `repass bulk run` has loaded \
                 it, or if that was stopped, load the rest with `repass bulk resume {run} INPUT --shared`",
                run = self.run
            )));
        }
        let rows = self.identity.shared_rows(terms.passwords, false).await?;
        let generate = terms.passwords == PasswordSource::Generated;
        let mut providers = Vec::new();
        for name in names {
            providers.push(run_providers::provider(&name, &setup, terms.passwords, generate, context).await?);
        }
        let run = confirm_once(run, before, &providers, context).await?;
        let session = Session {
            terms,
            before,
            providers,
            sources: vec![rows],
            controls,
            setup,
            context,
            screen,
        };
        session::execute(run, session).await
    }
}
