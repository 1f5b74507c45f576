//! The CSV report.

use std::borrow::Cow;
use std::io::{self, Write};

use super::columns::{COLUMNS, Value};
use super::{rfc3339, write_error};
use crate::{BulkError, ReportRow, RunReader};

/// Writes every row of a run as CSV, in the order of the input; times as RFC 3339 in UTC.
///
/// Spreadsheets interpret a cell that begins with `=`, `+`, `-` or `@` as a formula. Such a cell, which could come from a
/// user id or a provider's message, is prefixed with an apostrophe, and so is one that begins with an apostrophe:
/// removing one leading apostrophe restores the text. The JSON report has the text unchanged.
///
/// # Errors
/// The run cannot be read, or the report cannot be written.
pub fn write_csv(run: &RunReader, out: &mut dyn Write) -> Result<(), BulkError> {
    let header = COLUMNS.map(|(name, _)| name).join(",");
    writeln!(out, "{header}").map_err(write_error)?;
    run.for_each_row(None, |row| write_row(&row, out).map_err(write_error))
}

fn write_row(row: &ReportRow, out: &mut dyn Write) -> io::Result<()> {
    for (index, (_, value)) in COLUMNS.iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        match value(row) {
            Value::Number(number) => write!(out, "{number}")?,
            Value::Text(text) => write!(out, "{}", cell(text.unwrap_or_default()))?,
            Value::Time(time) => write!(out, "{}", time.map(rfc3339).unwrap_or_default())?,
        }
    }
    writeln!(out)
}

fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    let safe = if formula {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    };
    if safe.contains([',', ';', '"', '\n', '\r', '\t']) || safe.trim() != safe {
        return Cow::Owned(format!("\"{}\"", safe.replace('"', "\"\"")));
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_is_never_a_formula_and_reads_back() {
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
