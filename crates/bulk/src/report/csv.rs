//! CSV, one fact a column.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use super::{moment, unwritten};
use crate::{BulkError, ReportRow, Run};

/// The columns.
const HEADER: &str = "line,user,provider,outcome,kind,code,message,attempts,started,finished,tracking_id\n";

/// Writes every row of a run as CSV, in the order of the input; moments as RFC 3339 in UTC.
///
/// A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. Such a cell, which could come
/// from a user id or a provider's message, gets an apostrophe before it, and so does one that begins with an
/// apostrophe: taking one leading apostrophe away gives back what it was. The JSON report has it as it is.
///
/// # Errors
/// The run cannot be read, or the report not written.
pub fn write_csv(run: &Path, out: &mut dyn Write) -> Result<(), BulkError> {
    out.write_all(HEADER.as_bytes()).map_err(unwritten)?;
    Run::for_each_row(run, None, |record| row(&record, out).map_err(unwritten))
}

fn row(record: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
    let started = record.started.map(moment);
    let finished = record.finished.map(moment);
    write!(out, "{},", record.line)?;
    for text in [
        record.user.as_deref(),
        record.provider.as_deref(),
        Some(record.outcome.as_str()),
        record.kind.as_deref(),
        record.code.as_deref(),
        record.message.as_deref(),
    ] {
        write!(out, "{},", cell(text.unwrap_or_default()))?;
    }
    write!(out, "{},", record.attempts)?;
    writeln!(
        out,
        "{},{},{}",
        started.unwrap_or_default(),
        finished.unwrap_or_default(),
        cell(record.tracking_id.as_deref().unwrap_or_default())
    )
}

fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    let guarded = if formula {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    };
    if guarded.contains([',', ';', '"', '\n', '\r', '\t']) || guarded.trim() != guarded {
        return Cow::Owned(format!("\"{}\"", guarded.replace('"', "\"\"")));
    }
    guarded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_reads_back() {
        for text in [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@SUM(A1)",
            "'quoted",
            "plain",
            "a,b",
            "say \"x\"",
            "two\nlines",
            "",
            " x",
        ] {
            let cell = cell(text);
            let inner = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let inner = inner.map_or_else(|| cell.to_string(), |inner| inner.replace("\"\"", "\""));
            assert!(!inner.starts_with(['=', '+', '-', '@']), "{cell}");
            assert_eq!(inner.strip_prefix('\'').unwrap_or(&inner), text);
        }
    }
}
