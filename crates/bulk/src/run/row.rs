//! One row of a session, and what is to be done for it.

use repass_domain::{Password, PriorState, UserId};
use tokio::time::Instant;

use crate::RowStatus;
use crate::input::InvalidRow;

/// A row to send or to probe.
#[derive(Debug)]
pub(super) struct PendingRow {
    pub(super) line: u64,
    pub(super) user: UserId,
    /// The index of its provider among the session's.
    pub(super) provider: usize,
    pub(super) new: Option<Password>,
    pub(super) current: Option<Password>,
    /// How many times it was sent before.
    pub(super) attempts: u64,
    /// Its status before.
    pub(super) before: RowStatus,
    pub(super) task: Task,
    /// The batch in which the password to probe was sealed.
    pub(super) batch: u64,
    /// What was read before the attempt to probe.
    pub(super) prior_state: PriorState,
    /// Whether a password that was sent before the one to probe is unknown too.
    pub(super) more_unknown: bool,
    /// How long before it was read from its source the last request for it had ended, in milliseconds.
    pub(super) quiet_for: i64,
    /// When nothing of it can be in flight any more: from then on a probe is proof, and a fresh password may follow.
    pub(super) due: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Send it for the first time in this session.
    Send,
    /// The same, for a row that is not in the journal yet.
    SendNew,
    /// Send it again with a fresh password, because its outcome is unknown.
    Reissue,
    /// Resolve its unknown outcome.
    Probe,
}

/// What a source yields.
#[derive(Debug)]
pub(super) enum SourceItem {
    Row(PendingRow),
    Invalid(InvalidRow),
    /// The end of an input that was not ingested before.
    End,
}
