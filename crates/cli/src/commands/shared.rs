//! `repass shared`: the state that several processes share.

use clap::Subcommand;
use repass::{Config, Error, ErrorKind, SharedState};
use repass_postgres::DatabaseError;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;
use crate::output;
use crate::session_setup::Setup;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create the tables of `[shared]`, or bring them to this version. Needs the right to create a schema; safe to
    /// repeat
    Migrate,
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Migrate => migrate(context).await,
        }
    }
}

async fn migrate(context: &Context) -> Result<Exit, CliError> {
    let setup = Setup::load(&context.global).await?;
    let state = open(&setup.config, &context.global)?;
    let state = state.ok_or_else(|| CliError::config("the configuration has no section [shared]"))?;
    let (before, after) = state.database.migrate().await.map_err(unavailable)?;
    if context.output.json {
        output::print_json(&json!({ "from": before, "to": after }));
    } else if before == after {
        output::print_line(&format!("the shared state has version {after} already"));
    } else {
        output::print_line(&format!(
            "the shared state has version {after} now (before: {before})"
        ));
    }
    Ok(Exit::Ok)
}

/// The configured shared state, not connected yet; `None` if none is configured.
pub(crate) fn open(config: &Config, global: &GlobalOptions) -> Result<Option<SharedState>, CliError> {
    Ok(SharedState::open(config, global.secret_timeout())?)
}

/// The error of a database that cannot be used. Nothing was sent.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn unavailable(error: DatabaseError) -> CliError {
    CliError::Call {
        provider: "shared state".to_owned(),
        error: Error::not_applied(ErrorKind::Unreachable, error.to_string()),
    }
}
