//! `repass generate`: passwords that meet the rules.

use clap::value_parser;

use super::policy::Asked;
use crate::exit::Exit;
use crate::global::Global;
use crate::output::{self, Output};
use crate::rules::Rules;
use crate::stop::Stop;
use repass::Password;

/// Passwords that meet the provider's rules and your own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
One password a line, with nothing else on standard output.")]
pub(crate) struct Args {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=100_000))]
    count: u32,
    #[command(flatten)]
    rules: Asked,
}

pub(crate) async fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Stop> {
    let rules = Rules::asked(args.rules.preset, global, output).await?;
    if output.json {
        let passwords: Result<Vec<Password>, Stop> = (0..args.count).map(|_| rules.generate()).collect();
        output::passwords(&passwords?)?;
        return Ok(Exit::Ok);
    }
    for _ in 0..args.count {
        match output::password(&rules.generate()?) {
            // Whoever reads them, such as `head`, wants no more.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            printed => printed.map_err(|error| Stop::usage(format!("cannot print the password: {error}")))?,
        }
    }
    Ok(Exit::Ok)
}
