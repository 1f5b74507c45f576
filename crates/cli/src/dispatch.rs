//! From what was typed to the command that does it.

use clap::CommandFactory as _;

use super::args::{Args, Command};
use super::commands::{
    bulk, change, completions, config, demo, doctor, generate, man, policy, providers, reset, resolve,
    sandbox, serve, user,
};
use super::exit::Exit;
use super::output::Output;
use super::signals::Signals;
use super::stop::Stop;

/// Does what was asked for.
pub(super) async fn run(args: Args, output: &Output, signals: &Signals) -> Result<Exit, Stop> {
    let global = &args.global;
    match args.command {
        Command::Change(args) => change::run(&args, global, output, signals).await,
        Command::Reset(args) => reset::run(&args, global, output, signals).await,
        Command::Resolve(args) => resolve::run(&args, global, output, signals).await,
        Command::User(command) => user::run(&command, global, output, signals).await,
        Command::Policy(command) => policy::run(&command, global, output).await,
        Command::Generate(args) => generate::run(&args, global, output).await,
        Command::Bulk(command) => bulk::run(command, global, output, signals).await,
        Command::Providers => providers::run(global, output).await,
        Command::Doctor => doctor::run(global, output).await,
        Command::Config(command) => config::run(&command, global, output).await,
        Command::Serve(args) => serve::run(*args, global, output, signals).await,
        Command::Sandbox(args) => sandbox::run(*args, output, signals).await,
        Command::Demo => demo::run(output, signals).await,
        Command::Completions(args) => Ok(completions::run(&args, Args::command(), output)),
        Command::Man(args) => man::run(&args, Args::command(), output),
    }
}
