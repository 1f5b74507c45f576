//! What is to be done for one row.

use repass_domain::{Password, UserId};

use crate::Outcome;
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
    pub(super) before: Outcome,
    pub(super) task: Task,
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
