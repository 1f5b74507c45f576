//! The command line's arguments.

use clap::{CommandFactory as _, Parser, Subcommand};
use serde_json::{Value, json};

use crate::commands;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global_options::GlobalOptions;

/// Change a user's password at any provider, and know for certain whether it happened.
#[derive(Debug, Parser)]
#[command(name = "repass", version, long_version = LONG_VERSION, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: GlobalOptions,
    #[command(subcommand)]
    pub(super) command: Command,
}

// The features of the library that are compiled in.
macro_rules! features {
    () => {
        "cli, identity, sandbox, zoom"
    };
}

/// Version, commit and features, one per line.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("REPASS_BUILT_FROM"),
    "\nfeatures: ",
    features!(),
);

/// Version, commit and features as a JSON object.
pub(super) fn version_object() -> Value {
    let features: Vec<&str> = features!().split(", ").collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "commit": env!("REPASS_BUILT_FROM"), "features": features })
}

const EXIT_CODES: &str = "\
Exit codes:
    0  applied, or done
    1  internal error
    2  usage or configuration
    3  refused by the provider or your own rules
    4  not authenticated or not permitted
    5  no such user
    6  rate limited
    7  unavailable, not applied
    8  unknown outcome: settle it with `repass resolve`
    9  partly done: some rows of a bulk run were not applied
  130  interrupted, nothing sent

Nothing set up yet? Try `repass demo`.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Change a password, proved by the current one
    Change(commands::change::Args),
    /// Set a new password, as an administrator
    Reset(commands::reset::Args),
    /// Find out whether a change with an unknown outcome took effect
    Resolve(commands::resolve::Args),
    /// Change what a provider knows of a user besides the password
    #[command(subcommand)]
    User(commands::user::Command),
    /// Show password rules, or check a password against them
    #[command(subcommand)]
    Policy(commands::policy::Command),
    /// Print new passwords that meet the rules
    Generate(commands::generate::Args),
    /// Change the passwords of many users, and go on with it after any interruption
    #[command(subcommand)]
    Bulk(commands::bulk::Command),
    /// List the configured providers and what they can do
    Providers,
    /// Diagnose the setup of all providers, or of -p, and suggest fixes. Changes nothing: whether resets are
    /// permitted is tried with a user who cannot exist
    Doctor,
    /// Start, check or show the configuration
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Serve all configured providers over HTTP, for services in other languages
    Serve(Box<commands::serve::Args>),
    /// Serve both providers, emulated, until interrupted
    Sandbox(Box<commands::sandbox::Args>),
    /// See it work from start to end, with nothing set up
    Demo,
    /// Print what a shell needs to complete this command line
    Completions(commands::completions::Args),
    /// Print the manual, or write all of its pages
    Man(commands::man::Args),
}

impl Command {
    /// Runs the command.
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self {
            Self::Change(args) => args.run(context).await,
            Self::Reset(args) => args.run(context).await,
            Self::Resolve(args) => args.run(context).await,
            Self::User(command) => command.run(context).await,
            Self::Policy(command) => command.run(context).await,
            Self::Generate(args) => args.run(context).await,
            Self::Bulk(command) => command.run(context).await,
            Self::Providers => commands::providers::run(context).await,
            Self::Doctor => commands::doctor::run(context).await,
            Self::Config(command) => command.run(context).await,
            Self::Serve(args) => args.run(context).await,
            Self::Sandbox(args) => args.run(context).await,
            Self::Demo => commands::demo::run(context).await,
            Self::Completions(args) => Ok(args.run(Args::command(), &context.output)),
            Self::Man(args) => args.run(Args::command(), &context.output),
        }
    }

    /// Whether exit code 0 reports a change.
    pub(super) fn reports_outcome(&self) -> bool {
        matches!(
            self,
            Self::Change(_) | Self::Reset(_) | Self::Resolve(_) | Self::User(_) | Self::Bulk(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_definition_of_every_argument() {
        Args::command().debug_assert();
    }
}
