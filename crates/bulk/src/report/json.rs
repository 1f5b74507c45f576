//! JSON, as one object.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::{moment, unwritten};
use crate::{BulkError, ReasonCount, RowStatus, Run, Tally};

#[derive(Serialize)]
struct Head<'a> {
    run: String,
    complete: bool,
    tally: Tally,
    providers: Vec<Provider<'a>>,
    sessions: Vec<Session>,
    reasons: &'a [ReasonCount],
}

#[derive(Serialize)]
struct Provider<'a> {
    name: &'a str,
    allowed_per_second: Option<f64>,
}

#[derive(Serialize)]
struct Session {
    started: String,
    ended: String,
    /// Whether it came to an end by itself, and was not killed.
    clean: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    line: u64,
    user: Option<&'a str>,
    provider: Option<&'a str>,
    outcome: RowStatus,
    kind: Option<&'a str>,
    code: Option<&'a str>,
    message: Option<&'a str>,
    attempts: u64,
    started: Option<String>,
    finished: Option<String>,
    tracking_id: Option<&'a str>,
}

/// Writes a run as one JSON object: `run`, `complete` (every row was read and has an outcome), `tally`,
/// `providers`, `sessions`, `reasons`, and `rows` with the columns of the CSV report.
///
/// # Errors
/// The run cannot be read, or the report not written.
pub fn write_json(run: &Path, out: &mut dyn Write) -> Result<(), BulkError> {
    let facts = Run::summary(run)?;
    let reasons = Run::reasons(run)?;
    let head = Head {
        run: run.display().to_string(),
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
                started: moment(session.started),
                ended: moment(session.ended),
                clean: session.clean,
            })
            .collect(),
        reasons: &reasons,
    };
    let text = serde_json::to_string(&head).map_err(|error| unwritten(error.into()))?;
    // All of it but the closing brace; the rows follow one by one, however many there are.
    write!(out, "{},\"rows\":[", text.strip_suffix('}').unwrap_or(&text)).map_err(unwritten)?;
    let mut separator = "\n";
    Run::for_each_row(run, None, |record| {
        let row = Row {
            line: record.line,
            user: record.user.as_deref(),
            provider: record.provider.as_deref(),
            outcome: record.outcome,
            kind: record.kind.as_deref(),
            code: record.code.as_deref(),
            message: record.message.as_deref(),
            attempts: record.attempts,
            started: record.started.map(moment),
            finished: record.finished.map(moment),
            tracking_id: record.tracking_id.as_deref(),
        };
        let text = serde_json::to_string(&row).map_err(|error| unwritten(error.into()))?;
        write!(out, "{separator}{text}").map_err(unwritten)?;
        separator = ",\n";
        Ok(())
    })?;
    writeln!(out, "\n]}}").map_err(unwritten)
}
