//! Reports of a run: CSV and JSON for programs, an HTML page for people.

mod columns;
mod csv;
mod format;
mod html;
mod json;
mod rate;

use std::io;

use jiff::Timestamp;

pub use self::csv::write_csv;
pub use self::html::write_html;
pub use self::json::write_json;
use crate::BulkError;

/// A time in milliseconds since 1970, as RFC 3339 in UTC.
fn rfc3339(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` needs")]
fn write_error(error: io::Error) -> BulkError {
    BulkError::usage(format!("cannot write the report: {error}"))
}
