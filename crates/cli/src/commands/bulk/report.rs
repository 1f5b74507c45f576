//! `repass bulk status` and `repass bulk report`.

use std::io;
use std::path::{Path, PathBuf};

use repass_bulk::{BulkError, RunReader, Tally};
use serde::Serialize;

use super::exit;
use super::session::summary;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::private_file::PrivateFile;
use crate::output::{self, Output};

/// The progress of a run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is that of the run: 0 all rows applied, 9 some were not, 8 any is unknown. In a script
with `set -e`, write `repass bulk status RUN || [ $? -ge 8 ]`.")]
pub(crate) struct StatusArgs {
    /// The run's directory
    run: PathBuf,
}

#[derive(Serialize)]
struct Status {
    run: String,
    under_way: bool,
    read_whole: bool,
    /// Rows being sent; their outcomes become unknown if the process dies.
    in_flight: u64,
    #[serde(flatten)]
    tally: Tally,
}

impl StatusArgs {
    /// Runs the command.
    pub(crate) fn run(&self, output: &Output) -> Result<Exit, CliError> {
        // In this order: a run that ends in between has recorded its outcomes by then.
        let run = RunReader::open(&self.run)?;
        let under_way = run.is_active()?;
        let mut facts = run.summary()?;
        let in_flight = if under_way { facts.in_flight } else { 0 };
        facts.tally.unknown -= in_flight;
        if output.json {
            output::print_json(&Status {
                run: run.name().to_owned(),
                under_way,
                read_whole: facts.read_whole,
                in_flight,
                tally: facts.tally,
            });
        } else {
            output::print_line(&summary(facts.tally));
            if under_way {
                output::print_line(&format!("running, {in_flight} in flight"));
            } else if !facts.read_whole {
                output::print_line("its input was not read completely");
            }
        }
        Ok(exit(facts.tally))
    }
}

/// The outcome of every row.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --csv or --html, CSV is printed on standard output, or JSON with --json. The exit code is
that of the run: 0 all rows applied, 9 some were not, 8 any is unknown. In a script with `set -e`,
write `repass bulk report RUN --html FILE || [ $? -ge 8 ]`.")]
pub(crate) struct ReportArgs {
    /// The run's directory
    run: PathBuf,
    /// Write all rows as CSV; - for standard output
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a self-contained HTML page; - for standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl ReportArgs {
    /// Runs the command.
    pub(crate) fn run(&self, output: &Output) -> Result<Exit, CliError> {
        let run = RunReader::open(&self.run)?;
        let facts = run.summary()?;
        let files: [(&Option<PathBuf>, Writer); 2] = [
            (&self.csv, repass_bulk::write_csv),
            (&self.html, repass_bulk::write_html),
        ];
        for (file, write) in files {
            if let Some(file) = file {
                if file.as_os_str() == "-" {
                    printed(|out| write(&run, out))?;
                    continue;
                }
                written(file, |out| write(&run, out))?;
                output.note(&format!("wrote {}", file.display()));
            }
        }
        if output.json {
            printed(|out| repass_bulk::write_json(&run, out))?;
        } else if self.csv.is_none() && self.html.is_none() {
            printed(|out| repass_bulk::write_csv(&run, out))?;
        }
        Ok(exit(facts.tally))
    }
}

/// Standard output whose reader may close the pipe, as `head` does.
struct PipeWriter<W: io::Write> {
    out: io::BufWriter<W>,
    gone: bool,
}

impl<W: io::Write> PipeWriter<W> {
    fn noted<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        self.gone |= written
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }
}

impl<W: io::Write> io::Write for PipeWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.noted(flushed)
    }
}

fn printed(write: impl FnOnce(&mut dyn io::Write) -> Result<(), BulkError>) -> Result<(), BulkError> {
    use io::Write as _;

    let mut out = PipeWriter {
        out: io::BufWriter::new(io::stdout().lock()),
        gone: false,
    };
    let cannot = |error: io::Error| BulkError::Usage(format!("cannot print the report: {error}"));
    let written = write(&mut out).and_then(|()| out.flush().map_err(cannot));
    if out.gone { Ok(()) } else { written }
}

type Writer = fn(&RunReader, &mut dyn io::Write) -> Result<(), BulkError>;

// Readable by its owner only, because it names users.
fn written(
    file: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<(), BulkError>,
) -> Result<(), BulkError> {
    let cannot = |error: io::Error| BulkError::Usage(format!("cannot write {}: {error}", file.display()));
    let mut out = PrivateFile::replace(file).map_err(cannot)?;
    write(&mut out)?;
    out.finish().map_err(cannot)
}
