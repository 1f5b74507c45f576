//! What became of every row: for programs (CSV, JSON) and for people (one HTML page).

mod csv;
mod format;
mod html;
mod json;
mod page;
mod rate;

use std::io;

use jiff::Timestamp;

pub use self::csv::write_csv;
pub use self::html::write_html;
pub use self::json::write_json;
use crate::BulkError;

/// A moment in milliseconds since 1970, as RFC 3339 in UTC.
fn moment(milliseconds: i64) -> String {
    let moment = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn unwritten(error: io::Error) -> BulkError {
    BulkError::usage(format!("cannot write the report: {error}"))
}
