//! `repass generate`: prints passwords that meet the rules.

use clap::value_parser;

use super::policy::RulesArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::password_rules::PasswordRules;
use repass::Password;

/// Passwords that meet the provider's rules and your own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints one password per line, and nothing else on standard output.")]
pub(crate) struct Args {
    /// The number of passwords
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=100_000))]
    count: u32,
    #[command(flatten)]
    rules: RulesArgs,
}

impl Args {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let rules = PasswordRules::load(self.rules.preset, context).await?;
        if context.output.json {
            let passwords: Result<Vec<Password>, CliError> =
                (0..self.count).map(|_| rules.generate()).collect();
            output::print_passwords(&passwords?)?;
            return Ok(Exit::Ok);
        }
        for _ in 0..self.count {
            match output::print_password(&rules.generate()?) {
                // The reader, such as `head`, has closed the pipe.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
                printed => {
                    printed
                        .map_err(|error| CliError::usage(format!("cannot print the password: {error}")))?;
                }
            }
        }
        Ok(Exit::Ok)
    }
}
