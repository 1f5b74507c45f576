//! Runs that several processes share, in the database that `[shared]` names.

use std::path::Path;

use repass::SharedState;
use repass_bulk::{Run, RunManifest, RunReader};
use repass_postgres::SharedRuns;

use super::blocking;
use crate::commands::shared;
use crate::context::Context;
use crate::error::CliError;
use crate::global_options::GlobalOptions;
use crate::session_setup::Setup;

/// The runs in the configured database, which was found usable.
pub(super) async fn open(setup: &Setup, global: &GlobalOptions) -> Result<SharedRuns, CliError> {
    let (config, timeout) = (setup.config.clone(), global.secret_timeout());
    let state = tokio::task::spawn_blocking(move || SharedState::open(&config, timeout));
    let state = state
        .await
        .map_err(|error| CliError::internal(error.to_string()))??;
    let state = state.ok_or_else(|| {
        CliError::config(
            "--shared and `repass bulk work` need a database, and the configuration has no section [shared]; set \
             shared.postgres.url and shared.secret, and run `repass shared migrate`",
        )
    })?;
    state.database.check().await.map_err(shared::unavailable)?;
    blocking(move || SharedRuns::new(&state.database)).await
}

/// Opens a run for a session of this process.
pub(super) async fn run(
    name: &str,
    setup: &Setup,
    context: &Context,
) -> Result<(Run, RunManifest), CliError> {
    let runs = open(setup, &context.global).await?;
    let name = name.to_owned();
    blocking(move || Run::open_in(name.clone(), runs.open(&name)?)).await
}

/// A view of the run in this directory, or of the shared run of this name.
pub(super) async fn reader(run: &Path, is_shared: bool, context: &Context) -> Result<RunReader, CliError> {
    if !is_shared {
        let folder = run.to_owned();
        return blocking(move || RunReader::open(&folder)).await;
    }
    let name = name(run)?;
    let setup = Setup::load(&context.global).await?;
    let runs = open(&setup, &context.global).await?;
    blocking(move || Ok(RunReader::new(name.clone(), runs.reader(&name)?))).await
}

/// The name of a shared run, which other commands take as a directory.
pub(super) fn name(run: &Path) -> Result<String, CliError> {
    let name = run.to_str().map(str::to_owned);
    name.ok_or_else(|| CliError::usage("the name of a shared run must be valid UTF-8; use another name"))
}

/// The name of a new shared run. People type it in commands.
pub(super) fn new_name(run: &Path) -> Result<String, CliError> {
    let name = name(run)?;
    let is_plain = |c: char| c.is_alphanumeric() || ['-', '_', '.'].contains(&c);
    if name.starts_with(char::is_alphanumeric) && name.chars().all(is_plain) {
        return Ok(name);
    }
    Err(CliError::usage(
        "the name of a shared run begins with a letter or digit and has only letters, digits, `-`, `_` and `.`; use \
         another name",
    ))
}
