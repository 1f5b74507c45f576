//! `repass completions`: shell completion scripts.

use clap_complete::Shell;

use crate::exit::Exit;
use crate::output::{self, Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

impl Args {
    /// Runs the command.
    pub(crate) fn run(&self, mut line: clap::Command, output: &Output) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut line, "repass", &mut script);
        let script = String::from_utf8_lossy(&script);
        if output.json {
            output::print_json(&serde_json::json!({ "script": script }));
        } else {
            output::print_text(&script);
        }
        Exit::Ok
    }
}
