//! `repass completions`: what a shell has to know to complete this command line.

use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::{self, Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut line: clap::Command, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut line, "repass", &mut script);
    let script = String::from_utf8_lossy(&script);
    if output.json {
        output::object(&serde_json::json!({ "script": script }));
    } else {
        output::text(&script);
    }
    Exit::Ok
}
