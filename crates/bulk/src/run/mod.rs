//! One run: its folder, what it was begun with, and going on with it.

mod accounts;
mod call;
mod controls;
mod folder;
mod gate;
mod go;
mod order;
mod pump;
mod session;
mod source;
mod stuck;
mod terms;
mod watch;
mod work;

pub use controls::{Canary, Confirm, Hooks, IN_FLIGHT, OnUnknown, SessionOptions, Shutdown, StopReason};
pub use folder::Run;
pub(crate) use folder::reader;
pub use source::RowSource;
pub use terms::{RunManifest, SecretsProtection};
pub use watch::{Progress, RowEvent};

/// The fact that the whole input is in the journal.
pub(crate) const READ_WHOLE: &str = "read_whole";

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
