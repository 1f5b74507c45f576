//! A run: its directory or name, its manifest, and the sessions that execute it.

mod accounts;
mod change;
mod execute;
mod failure_streak;
mod journal_writer;
mod manifest;
mod moved_run;
mod opened_run;
mod options;
mod password_sealer;
mod progress;
mod row;
mod row_source;
mod run_dir;
mod run_name;
mod run_reader;
mod scheduling;
mod send_gate;
mod session;

pub use manifest::{RunManifest, SecretsPlace, SecretsProtection};
pub use opened_run::Run;
pub use options::{
    Canary, Confirm, Hooks, IN_FLIGHT_WINDOW, OnUnknown, SessionOptions, Shutdown, StopReason,
};
pub use progress::{Progress, RowEvent};
pub use row_source::RowSource;
pub use run_name::RunName;
pub use run_reader::RunReader;

/// The current time in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
