//! Statuses, tallies and summaries of a journal.

use std::ops::AddAssign;

use serde::Serialize;

/// The phase of a row in the journal, as stored in the column `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPhase {
    /// The row is to be sent.
    Pending = 0,
    /// The row's attempt has begun and has no outcome.
    Sending = 1,
    /// The row's last attempt was applied.
    Applied = 2,
    /// The row's last attempt was not applied.
    NotApplied = 3,
    /// The outcome of the row's last attempt is unknown.
    Unknown = 4,
    /// The row is invalid and never sent.
    Invalid = 5,
}

impl RowPhase {
    /// The phase with this number; unknown for any other number.
    pub fn of(number: i64) -> Self {
        match number {
            0 => Self::Pending,
            1 => Self::Sending,
            2 => Self::Applied,
            3 => Self::NotApplied,
            5 => Self::Invalid,
            // A number that cannot be read proves nothing.
            _ => Self::Unknown,
        }
    }
}

/// The status of one row's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    /// The change was applied: the provider confirmed the new password.
    Applied,
    /// The change was not applied: the old password certainly still works.
    NotApplied,
    /// The change was sent, and may have been applied.
    Unknown,
    /// The change has not been sent yet.
    Pending,
}

impl RowStatus {
    /// The stable code of the status: `applied`, `not_applied`, `unknown`, `pending`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
        }
    }

    /// The status of a row in this phase. `unsettled` if an attempt before the last one is still unknown.
    pub fn of(state: RowPhase, unsettled: bool) -> Self {
        match state {
            RowPhase::Applied => Self::Applied,
            _ if unsettled => Self::Unknown,
            RowPhase::Sending | RowPhase::Unknown => Self::Unknown,
            RowPhase::NotApplied | RowPhase::Invalid => Self::NotApplied,
            RowPhase::Pending => Self::Pending,
        }
    }
}

/// The number of rows per status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The number of all rows that were read.
    pub rows: u64,
    /// The number of applied rows.
    pub applied: u64,
    /// The number of rows not applied, including invalid rows.
    pub not_applied: u64,
    /// The number of rows whose outcome is unknown.
    pub unknown: u64,
    /// The number of rows that are not sent yet.
    pub pending: u64,
}

impl Tally {
    /// Adds this many rows of one status.
    pub fn add(&mut self, outcome: RowStatus, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.rows += count;
        *match outcome {
            RowStatus::Applied => &mut self.applied,
            RowStatus::NotApplied => &mut self.not_applied,
            RowStatus::Unknown => &mut self.unknown,
            RowStatus::Pending => &mut self.pending,
        } += count;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.rows += more.rows;
        self.applied += more.applied;
        self.not_applied += more.not_applied;
        self.unknown += more.unknown;
        self.pending += more.pending;
    }
}

/// A reason why rows are not applied or unknown, with the number of rows that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// The status of the rows with this reason.
    pub outcome: RowStatus,
    /// The error kind of the rows with this reason.
    pub kind: Option<String>,
    /// The provider's own code, or the codes of the violated rules, of the rows with this reason.
    pub code: Option<String>,
    /// The message of one of the rows with this reason.
    pub message: Option<String>,
    /// The number of rows with this reason.
    pub count: u64,
}

/// A session of a run: its start, its end, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSummary {
    /// When the session started, in milliseconds since 1970.
    pub started: i64,
    /// When the session, or its last row, ended, in milliseconds since 1970.
    pub ended: i64,
    /// Whether the session ended in an orderly way, and was not killed.
    pub clean: bool,
}

/// The state of a whole run: its tally, options and sessions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSummary {
    /// Whether the whole input was read into the journal.
    pub read_whole: bool,
    /// The number of rows per status. Rows that are being sent count as unknown, as they would after a crash.
    pub tally: Tally,
    /// The number of unknown rows that are being sent, if a process is working on the run.
    pub in_flight: u64,
    /// The number of applied rows that were sent another password before, whose outcome is unknown.
    pub candidates: u64,
    /// Whether the passwords are generated, not read from the input.
    pub generated: bool,
    /// The allowed rates by provider, in changes per second, if known.
    pub allowed: Vec<(String, Option<f64>)>,
    /// Every session of the run.
    pub sessions: Vec<SessionSummary>,
}

/// A row in the journal, as a resumed run needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The line in the input where the row starts, counted from 1.
    pub line: u64,
    /// The user; empty if the row has no valid user id.
    pub user: String,
    /// The id of the row's provider in the journal.
    pub provider: u64,
    /// The phase of the row.
    pub state: RowPhase,
    /// Whether an attempt before the last one is still unknown.
    pub unsettled: bool,
    /// The batch of the password that was sent last; 0 if none was, or if it is lost which.
    pub batch: u64,
    /// How often the row was sent.
    pub attempts: u64,
}

/// The batch of an attempt that a failover of the database has lost: any password of the row may have been sent.
pub(crate) const LOST_BATCH: u64 = 0;

impl JournalRow {
    pub(crate) fn is_of_lost_attempt(&self) -> bool {
        self.state == RowPhase::Unknown && self.batch == LOST_BATCH
    }
}
