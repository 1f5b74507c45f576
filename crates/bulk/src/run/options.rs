//! The options of a session, the hooks to observe and stop it, and the reasons why it stops.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::UnknownOutcome;
use tokio::sync::watch;

use super::progress::{Progress, RowEvent};
use crate::{BulkError, Tally};

/// What a session does about an unknown outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// Reports the unknown outcome and leaves the row unknown.
    #[default]
    Leave,
    /// Resolves the unknown outcome with one probe, which may itself set the new password.
    Resolve,
    /// Sends the row again with a fresh password, when the first attempt can no longer be in flight. Only for
    /// generated passwords.
    Reissue,
}

/// How long a change may still take effect after its attempt has ended without a response:
/// [`UnknownOutcome::IN_FLIGHT_WINDOW`], 2 minutes. Until then a probe that does not find the new password in place proves
/// nothing, and a fresh password could be overwritten by the first one.
pub const IN_FLIGHT_WINDOW: Duration = UnknownOutcome::IN_FLIGHT_WINDOW;

/// The options of one session of a run.
pub struct SessionOptions {
    /// The maximum number of changes in flight. Fewer are started if they would only wait for a provider's rate limit.
    pub concurrency: usize,
    /// The time budget of each call, including the wait for the provider's rate limit.
    pub budget: Duration,
    /// The number of rows not applied in this session after which it stops.
    pub max_failures: Option<u64>,
    /// The number of unknown outcomes after which the session stops.
    pub max_unknown: Option<u64>,
    /// What the session does about unknown outcomes.
    pub on_unknown: OnUnknown,
    /// How long a change may still take effect after its attempt has ended: [`IN_FLIGHT_WINDOW`], except in tests.
    pub in_flight_window: Duration,
    /// The first rows, after which the session asks whether to continue.
    pub canary: Option<Canary>,
}

/// A trial with the first rows of a run, and a confirmation before the rest.
pub struct Canary {
    /// The number of first rows to process before the confirmation.
    pub rows: u64,
    /// The callback that is called when the first rows have ended; it returns whether to continue.
    pub confirm: Confirm,
}

/// A callback that decides by the tally so far whether a session continues.
pub type Confirm = Box<dyn FnOnce(Tally) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send>;

/// A caller's request to end a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// No request: the session continues.
    #[default]
    None,
    /// Start no more changes, and wait for those in flight.
    Drain,
    /// Do not wait: changes in flight become unknown.
    Abandon,
}

/// Why a session stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The session has processed all rows.
    Completed,
    /// The session was stopped by [`Shutdown::Drain`].
    Drained,
    /// The session was stopped by [`Shutdown::Abandon`].
    Abandoned,
    /// The canary was not confirmed.
    CanaryDeclined,
    /// [`SessionOptions::max_failures`] was reached.
    MaxFailures(u64),
    /// [`SessionOptions::max_unknown`] was reached.
    MaxUnknown(u64),
    /// This many consecutive rows failed for reasons independent of the row; with the last message.
    FailureStreak(u32, String),
    /// The input, the journal or the file of secrets failed.
    Error(BulkError),
}

/// The caller's hooks to observe and stop a session.
pub struct Hooks {
    /// The counters that the session updates; made from [`Run::tally`](crate::Run::tally) before it.
    pub progress: Arc<Progress>,
    /// The caller's request to end the session.
    pub shutdown: watch::Receiver<Shutdown>,
    /// The callback for each row's outcome, called as soon as it is known.
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
            .field("in_flight_window", &self.in_flight_window)
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
