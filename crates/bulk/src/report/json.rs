//! The JSON report.

use std::io::Write;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::columns::{COLUMNS, Value};
use super::{rfc3339, write_error};
use crate::{BulkError, ReasonCount, ReportRow, RunReader, Tally};

#[derive(serde::Serialize)]
struct Head<'a> {
    run: String,
    complete: bool,
    tally: Tally,
    providers: Vec<Provider<'a>>,
    sessions: Vec<Session>,
    reasons: &'a [ReasonCount],
}

#[derive(serde::Serialize)]
struct Provider<'a> {
    name: &'a str,
    allowed_per_second: Option<f64>,
}

#[derive(serde::Serialize)]
struct Session {
    started: String,
    ended: String,
    /// Whether it ended in an orderly way, and was not killed.
    clean: bool,
}

struct JsonRow<'a>(&'a ReportRow);

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for (name, value) in &COLUMNS {
            match value(self.0) {
                Value::Number(number) => map.serialize_entry(name, &number)?,
                Value::Text(text) => map.serialize_entry(name, &text)?,
                Value::Time(time) => map.serialize_entry(name, &time.map(rfc3339))?,
            }
        }
        map.end()
    }
}

/// Writes a run as one JSON object. Its members are `run`, `complete` (every row was read and has an outcome),
/// `tally`, `providers`, `sessions`, `reasons`, and `rows` with the columns of the CSV report.
///
/// # Errors
/// The run cannot be read, or the report not written.
pub fn write_json(run: &RunReader, out: &mut dyn Write) -> Result<(), BulkError> {
    let facts = run.summary()?;
    let reasons = run.reasons()?;
    let head = Head {
        run: run.name().to_string(),
        complete: facts.read_whole && facts.tally.pending == 0,
        tally: facts.tally,
        providers: facts
            .allowed
            .iter()
            .map(|(name, allowed)| Provider {
                name,
                allowed_per_second: *allowed,
            })
            .collect(),
        sessions: facts
            .sessions
            .iter()
            .map(|session| Session {
                started: rfc3339(session.started),
                ended: rfc3339(session.ended),
                clean: session.clean,
            })
            .collect(),
        reasons: &reasons,
    };
    let text = serde_json::to_string(&head).map_err(|error| write_error(error.into()))?;
    // Without the closing brace: the rows are streamed after it.
    write!(out, "{},\"rows\":[", text.strip_suffix('}').unwrap_or(&text)).map_err(write_error)?;
    let mut separator = "\n";
    run.for_each_row(None, |row| {
        let text = serde_json::to_string(&JsonRow(&row)).map_err(|error| write_error(error.into()))?;
        write!(out, "{separator}{text}").map_err(write_error)?;
        separator = ",\n";
        Ok(())
    })?;
    writeln!(out, "\n]}}").map_err(write_error)
}
