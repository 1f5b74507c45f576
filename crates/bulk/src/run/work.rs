//! What is to be done for one row.

use repass_domain::{Password, UserId};
use tokio::time::Instant;

use crate::RowStatus;
use crate::input::BadRow;

/// One row that is to be sent or probed.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) line: u64,
    pub(super) user: UserId,
    /// The place of its provider among the session's.
    pub(super) provider: usize,
    pub(super) new: Option<Password>,
    pub(super) current: Option<Password>,
    /// How often it was sent before.
    pub(super) attempts: u64,
    /// What was known of it before.
    pub(super) before: RowStatus,
    pub(super) task: Task,
    /// With which the password of a probe was sealed.
    pub(super) batch: u64,
    /// Whether another password was sent before the one of a probe, and is unknown too.
    pub(super) more_unknown: bool,
    /// For how long nothing that was sent for it can have been on its way when it was fed, in milliseconds.
    pub(super) quiet_for: i64,
    /// From when on nothing of it can be in flight: then a probe is proof, and a fresh password may follow.
    pub(super) due: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Send it, for the first time in this session.
    Send,
    /// The same, and it is not in the journal yet.
    SendFresh,
    /// Send it again, because its outcome is unknown.
    SendAgain,
    /// Settle its unknown outcome.
    Probe,
}

/// What a source finds.
#[derive(Debug)]
pub(super) enum Feed {
    Work(Work),
    Bad(BadRow),
    /// The end of an input that was not taken in before.
    Whole,
}
