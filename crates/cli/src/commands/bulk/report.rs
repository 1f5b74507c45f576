//! `repass bulk status` and `repass bulk report`.

use std::io;
use std::path::{Path, PathBuf};

use repass_bulk::{BulkError, RunReader, Tally};
use serde::Serialize;

use super::live_state::LiveState;
use super::session::summary;
use super::{blocking, exit, shared_runs};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::private_file::PrivateFile;
use crate::output::{self, Output};
use crate::session_setup::Setup;

/// The progress of a run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The exit code is that of the run: 0 all rows applied, 9 some were not, 8 any is unknown. In a script
with `set -e`, write `repass bulk status RUN || [ $? -ge 8 ]`.")]
pub(crate) struct StatusArgs {
    /// The run's directory, or its name with --shared
    #[arg(required_unless_present = "shared")]
    run: Option<PathBuf>,
    /// The run is in the database that `[shared]` of the configuration names; without RUN, list the names of all runs
    /// there
    #[arg(long)]
    shared: bool,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
}

impl StatusArgs {
    /// Runs the command.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let Some(run) = &self.run else {
            return list(context).await;
        };
        let run = shared_runs::reader(run, self.shared, context).await?;
        let (name, state, moved) =
            blocking(move || Ok((run.name().to_string(), LiveState::of(&run)?, run.moved_to()?))).await?;
        let LiveState {
            tally,
            in_flight,
            is_active,
            is_fully_read,
        } = state;
        let output = &context.output;
        if output.json {
            output::print_json(&Status {
                run: name,
                under_way: is_active,
                read_whole: is_fully_read,
                in_flight,
                tally,
                moved_to: moved,
            });
        } else {
            output::print_line(&summary(tally));
            if is_active {
                output::print_line(&format!("running, {in_flight} in flight"));
            } else if !is_fully_read {
                output::print_line("its input was not read completely");
            }
            note_moved(moved.as_deref(), output);
        }
        Ok(exit(tally))
    }
}

/// Notes that what is shown is how the run was before it moved.
pub(super) fn note_moved(place: Option<&str>, output: &Output) {
    if let Some(place) = place {
        output.note(&format!("it has moved to {place}; see how it goes on there"));
    }
}

async fn list(context: &Context) -> Result<Exit, CliError> {
    let setup = Setup::load(&context.global).await?;
    let runs = shared_runs::open(&setup, &context.global).await?;
    let names = blocking(move || runs.names()).await?;
    if context.output.json {
        output::print_json(&serde_json::json!({ "runs": names }));
    } else {
        for name in &names {
            output::print_line(name);
        }
    }
    Ok(Exit::Ok)
}

/// The outcome of every row.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --csv or --html, CSV is printed on standard output, or JSON with --json. The exit code is
that of the run: 0 all rows applied, 9 some were not, 8 any is unknown. In a script with `set -e`,
write `repass bulk report RUN --html FILE || [ $? -ge 8 ]`.")]
pub(crate) struct ReportArgs {
    /// The run's directory, or its name with --shared
    run: PathBuf,
    /// The run is in the database that `[shared]` of the configuration names
    #[arg(long)]
    shared: bool,
    /// Write all rows as CSV; - for standard output
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a self-contained HTML page; - for standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl ReportArgs {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let run = shared_runs::reader(&self.run, self.shared, context).await?;
        let output = context.output.clone();
        blocking(move || self.write(&run, &output)).await
    }

    fn write(&self, run: &RunReader, output: &Output) -> Result<Exit, BulkError> {
        let facts = run.summary()?;
        note_moved(run.moved_to()?.as_deref(), output);
        let files: [(&Option<PathBuf>, Writer); 2] = [
            (&self.csv, repass_bulk::write_csv),
            (&self.html, repass_bulk::write_html),
        ];
        for (file, write) in files {
            if let Some(file) = file {
                if file.as_os_str() == "-" {
                    printed(|out| write(run, out))?;
                    continue;
                }
                written(file, |out| write(run, out))?;
                output.note(&format!("wrote {}", file.display()));
            }
        }
        if output.json {
            printed(|out| repass_bulk::write_json(run, out))?;
        } else if self.csv.is_none() && self.html.is_none() {
            printed(|out| repass_bulk::write_csv(run, out))?;
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
