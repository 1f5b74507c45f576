//! `repass completions`: what a shell has to know to complete this command line.

use clap_complete::Shell;

use crate::cli::exit::Exit;
use crate::cli::output;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The shell
    shell: Shell,
}

pub(in crate::cli) fn run(args: &Args, mut line: clap::Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut line, "repass", &mut script);
    output::text(&String::from_utf8_lossy(&script));
    Exit::Ok
}
