//! How a session goes about it, how it is steered, and why it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::UnknownOutcome;
use tokio::sync::watch;

use super::progress::{Progress, RowEvent};
use crate::{BulkError, Tally};

/// What to do about a change whose outcome is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// Tell it.
    #[default]
    Leave,
    /// Settle it with one probe, which may itself set the new password.
    Resolve,
    /// Send the row once more, with a fresh password, when nothing of the first one can be in flight any more. Only
    /// where passwords are made.
    Reissue,
}

/// How long a change may still take effect at the provider after the attempt that sent it has ended without an
/// answer, as everywhere: [`UnknownOutcome::IN_FLIGHT_WINDOW`], 2 minutes. Until then a probe that does not find the new password in
/// place proves nothing, and a fresh password could be overtaken by the first.
pub const IN_FLIGHT: Duration = UnknownOutcome::IN_FLIGHT_WINDOW;

/// How a session goes about it.
pub struct SessionOptions {
    /// How many changes are under way at once, at most. Fewer are, where a provider's allowed rate is so low that
    /// they would only wait for it.
    pub concurrency: usize,
    /// How long each call may take in all, waiting for the provider's rate included.
    pub budget: Duration,
    /// Stop after so many rows that were not applied in this session.
    pub max_failures: Option<u64>,
    /// Stop after so many unknown ones.
    pub max_unknown: Option<u64>,
    /// What to do about unknown ones.
    pub on_unknown: OnUnknown,
    /// How long what was sent may still take effect at the provider after its attempt has ended:
    /// [`IN_FLIGHT`], but in tests.
    pub in_flight: Duration,
    /// After so many rows, wait for what they have become, and go on only if the answer is yes.
    pub canary: Option<Canary>,
}

/// So many rows first, and a question about them.
pub struct Canary {
    /// How many.
    pub rows: u64,
    /// Asks whether to go on, when they have ended.
    pub confirm: Confirm,
}

/// A question about the outcomes until now.
pub type Confirm = Box<dyn FnOnce(Tally) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send>;

/// How much of a hurry its hooks is in to end a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// Go on.
    #[default]
    None,
    /// Begin nothing more, and wait for what is under way.
    Drain,
    /// Wait for nothing: what is under way is unknown.
    Abandon,
}

/// Why a session came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// There was nothing left to do.
    Completed,
    /// The hooks asked for it.
    Drained,
    /// The hooks did not wait for what was under way.
    Abandoned,
    /// The canary's question was answered with no.
    CanaryDeclined,
    /// As many rows were not applied as were allowed.
    MaxFailures(u64),
    /// As many are unknown as were allowed.
    MaxUnknown(u64),
    /// Nothing came through for so many rows in a row; the last one's message.
    FailureStreak(u32, String),
    /// The input, the journal or the file of secrets.
    Error(BulkError),
}

/// The ways between a session and its hooks.
pub struct Hooks {
    /// Kept up to date by the session; made of what [`Run::tally`](crate::Run::tally) told before it.
    pub progress: Arc<Progress>,
    /// Obeyed by the session.
    pub shutdown: watch::Receiver<Shutdown>,
    /// Told each row's outcome as soon as it is known.
    pub on_row: Box<dyn FnMut(&RowEvent<'_>) + Send>,
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionOptions")
            .field("concurrency", &self.concurrency)
            .field("budget", &self.budget)
            .field("max_failures", &self.max_failures)
            .field("max_unknown", &self.max_unknown)
            .field("on_unknown", &self.on_unknown)
            .field("in_flight", &self.in_flight)
            .field("canary", &self.canary)
            .finish()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("shutdown", &*self.shutdown.borrow())
            .finish_non_exhaustive()
    }
}
