//! `repass bulk status` and `repass bulk report`.

use std::io;
use std::path::{Path, PathBuf};

use repass_bulk::{Problem, Run, Tally};
use serde::Serialize;

use super::exit;
use super::going::sentence;
use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::private_file::PrivateFile;
use crate::cli::stop::Stop;

/// Where a run stands.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is that of the run: 0 all rows applied, 9 some were not, 8 any is unknown. In a script
with `set -e`, write `repass bulk status RUN || [ $? -ge 8 ]`.")]
pub(in crate::cli) struct StatusArgs {
    /// The run's folder
    run: PathBuf,
}

#[derive(Serialize)]
struct Status {
    run: String,
    under_way: bool,
    read_whole: bool,
    #[serde(flatten)]
    tally: Tally,
}

pub(super) fn status(args: &StatusArgs, output: &Output) -> Result<Exit, Stop> {
    let facts = Run::facts_of(&args.run)?;
    let under_way = Run::is_under_way(&args.run);
    if output.json {
        output::object(&Status {
            run: args.run.display().to_string(),
            under_way,
            read_whole: facts.read_whole,
            tally: facts.tally,
        });
    } else {
        output::line(&sentence(facts.tally));
        if under_way {
            output::line("under way");
        } else if !facts.read_whole {
            output::line("its input was not read to its end");
        }
    }
    Ok(exit(facts.tally))
}

/// What became of every row.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a file to write, CSV goes to standard output, or JSON with --json. The exit code is that of
the run: 0 all rows applied, 9 some were not, 8 any is unknown. In a script with `set -e`, write
`repass bulk report RUN --html FILE || [ $? -ge 8 ]`.")]
pub(in crate::cli) struct ReportArgs {
    /// The run's folder
    run: PathBuf,
    /// Write CSV: one fact a column, every row
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write one self-contained HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn report(args: &ReportArgs, output: &Output) -> Result<Exit, Stop> {
    let facts = Run::facts_of(&args.run)?;
    let files: [(&Option<PathBuf>, Writer); 2] = [
        (&args.csv, repass_bulk::write_csv),
        (&args.html, repass_bulk::write_html),
    ];
    for (file, write) in files {
        if let Some(file) = file {
            written(file, |out| write(&args.run, out))?;
            output.note(&format!("wrote {}", file.display()));
        }
    }
    let mut stdout = io::stdout().lock();
    if output.json {
        repass_bulk::write_json(&args.run, &mut stdout)?;
    } else if args.csv.is_none() && args.html.is_none() {
        repass_bulk::write_csv(&args.run, &mut stdout)?;
    }
    Ok(exit(facts.tally))
}

type Writer = fn(&Path, &mut dyn io::Write) -> Result<(), Problem>;

// For its owner alone: it names users.
fn written(
    file: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let cannot = |error: io::Error| Problem::Usage(format!("cannot write {}: {error}", file.display()));
    let mut out = PrivateFile::replace(file).map_err(cannot)?;
    write(&mut out)?;
    out.finish().map_err(cannot)
}
