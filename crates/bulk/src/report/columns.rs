//! The columns of the CSV report, which are also the keys of the rows of the JSON report.

use crate::ReportRow;

/// One column: its name, and its value in a row.
pub(super) type Column = (&'static str, fn(&ReportRow) -> Value<'_>);

/// Every column, in the order of both reports.
pub(super) const COLUMNS: [Column; 11] = [
    ("line", |row| Value::Number(row.line)),
    ("user", |row| Value::text(row.user.as_ref())),
    ("provider", |row| Value::text(row.provider.as_ref())),
    ("outcome", |row| Value::Text(Some(row.outcome.as_str()))),
    ("kind", |row| Value::text(row.kind.as_ref())),
    ("code", |row| Value::text(row.code.as_ref())),
    ("message", |row| Value::text(row.message.as_ref())),
    ("attempts", |row| Value::Number(row.attempts)),
    ("started", |row| Value::Time(row.started)),
    ("finished", |row| Value::Time(row.finished)),
    ("tracking_id", |row| Value::text(row.tracking_id.as_ref())),
];

/// The value of a column.
pub(super) enum Value<'a> {
    Number(u64),
    Text(Option<&'a str>),
    /// In milliseconds since 1970.
    Time(Option<i64>),
}

impl<'a> Value<'a> {
    fn text(text: Option<&'a String>) -> Self {
        Self::Text(text.map(String::as_str))
    }
}
