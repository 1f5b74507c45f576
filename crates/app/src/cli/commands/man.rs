//! `repass man`: the manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::stop::Stop;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A folder for all pages, one for each command; it is made if need be [else: the first page, on standard
    /// output]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &Args, line: clap::Command, output: &Output) -> Result<Exit, Stop> {
    // As the pages in a folder have it.
    let command = line.disable_help_subcommand(true);
    if let Some(folder) = &args.folder {
        write(command, folder, output)?;
    } else {
        let mut page = Vec::new();
        // A vector takes whatever is written.
        let _ = Man::new(command).render(&mut page);
        output::text(&String::from_utf8_lossy(&page));
    }
    Ok(Exit::Ok)
}

fn write(command: clap::Command, folder: &Path, output: &Output) -> Result<(), Stop> {
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| Stop::usage(format!("cannot write to {}: {error}", folder.display())))?;
    output.note(&format!(
        "the pages are in {}; read one with `man -l FILE`",
        folder.display()
    ));
    Ok(())
}
