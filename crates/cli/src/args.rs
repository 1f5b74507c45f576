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
        "cli, http, identity, postgres, sandbox, zoom"
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
    3  rejected by the provider or your own rules
    4  not authenticated or not permitted
    5  no such user
    6  rate limited
    7  unavailable, not applied
    8  unknown outcome: resolve it with `repass resolve`
    9  partly applied: some rows of a bulk run were not applied
  130  interrupted, nothing sent

No configuration yet? Try `repass demo`.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Change a password, authorized by the current one
    Change(commands::change::Args),
    /// Set a new password, as an administrator
    Reset(commands::reset::Args),
    /// Find out whether a change with an unknown outcome took effect
    Resolve(commands::resolve::Args),
    /// Update a user's profile at the provider
    #[command(subcommand)]
    User(commands::user::Command),
    /// Show password rules, or check a password against them
    #[command(subcommand)]
    Policy(commands::policy::Command),
    /// Print new passwords that meet the rules
    Generate(commands::generate::Args),
    /// Change the passwords of many users; a run can be resumed after any interruption
    #[command(subcommand)]
    Bulk(commands::bulk::Command),
    /// List the configured providers and what they can do, or what is known of each kind
    Providers(commands::providers::Args),
    /// Diagnose the setup of all providers, or of -p, and suggest fixes. Changes nothing: the reset permission is
    /// probed with a user who cannot exist
    Doctor,
    /// Create, check or show the configuration
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Serve all configured providers over HTTP, for services in other languages
    Serve(Box<commands::serve::Args>),
    /// Set up the state that several processes share
    #[command(subcommand)]
    Shared(commands::shared::Command),
    /// Run emulated providers until interrupted
    Sandbox(Box<commands::sandbox::Args>),
    /// Show repass at work against emulated providers, without any configuration
    Demo,
    /// Print a shell completion script
    Completions(commands::completions::Args),
    /// Print the manual page, or write all manual pages to a directory
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
            Self::Providers(args) => args.run(context).await,
            Self::Doctor => commands::doctor::run(context).await,
            Self::Config(command) => command.run(context).await,
            Self::Serve(args) => args.run(context).await,
            Self::Shared(command) => command.run(context).await,
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

    /// One snapshot per command.
    fn assert_help(command: &mut clap::Command, name: &str) {
        let help = command.clone().term_width(100).render_long_help().to_string();
        insta::assert_snapshot!(format!("help_{}", name.replace([' ', '-'], "_")), help);
        for subcommand in command.get_subcommands_mut().filter(|it| it.get_name() != "help") {
            let name = format!("{name} {}", subcommand.get_name());
            assert_help(subcommand, &name);
        }
    }

    #[test]
    fn help_of_every_command_matches_its_snapshot() {
        let mut command = Args::command();
        command.build();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            assert_help(&mut command, "repass");
        });
    }
}
