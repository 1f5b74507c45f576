//! `repass completions`: what a shell has to know to complete this command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli;
use crate::cli::exit::Exit;
use crate::cli::output;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::args::Args::command(), "repass", &mut script);
    output::text(&String::from_utf8_lossy(&script));
    Exit::Ok
}
