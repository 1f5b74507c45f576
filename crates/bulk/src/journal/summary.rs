//! What a journal tells.

use std::ops::AddAssign;

use serde::Serialize;

/// Where a row stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowPhase {
    Pending = 0,
    /// Begun, without an outcome.
    Sending = 1,
    Applied = 2,
    NotApplied = 3,
    Unknown = 4,
    /// It cannot be sent at all: not applied, for ever.
    Invalid = 5,
}

impl RowPhase {
    pub(crate) fn of(number: i64) -> Self {
        match number {
            0 => Self::Pending,
            1 => Self::Sending,
            2 => Self::Applied,
            3 => Self::NotApplied,
            5 => Self::Invalid,
            // What cannot be read is no certainty.
            _ => Self::Unknown,
        }
    }
}

/// What is known of one row's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    /// The provider said that it set the new password.
    Applied,
    /// The old password still holds, for certain.
    NotApplied,
    /// It was sent, and nobody knows what became of it.
    Unknown,
    /// It was not sent yet.
    Pending,
}

impl RowStatus {
    /// As in every output: `applied`, `not_applied`, `unknown`, `pending`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
        }
    }

    pub(crate) fn of(state: RowPhase, unsettled: bool) -> Self {
        match state {
            RowPhase::Applied => Self::Applied,
            _ if unsettled => Self::Unknown,
            RowPhase::Sending | RowPhase::Unknown => Self::Unknown,
            RowPhase::NotApplied | RowPhase::Invalid => Self::NotApplied,
            RowPhase::Pending => Self::Pending,
        }
    }
}

/// How many rows have which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All rows that were read.
    pub rows: u64,
    /// Applied.
    pub applied: u64,
    /// Not applied, rows that cannot be sent included.
    pub not_applied: u64,
    /// Unknown.
    pub unknown: u64,
    /// Not sent yet.
    pub pending: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, outcome: RowStatus, count: usize) {
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

/// Rows of one outcome that have the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// Their outcome.
    pub outcome: RowStatus,
    /// Their kind.
    pub kind: Option<String>,
    /// Their code.
    pub code: Option<String>,
    /// What one of them says.
    pub message: Option<String>,
    /// How many.
    pub count: u64,
}

/// One start of the run, until it ended or was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSummary {
    /// When, in milliseconds since 1970.
    pub started: i64,
    /// When it, or the last row of it, ended.
    pub ended: i64,
    /// Whether it came to an end by itself.
    pub clean: bool,
}

/// What the journal says of the run as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunSummary {
    /// Whether the whole input was read.
    pub read_whole: bool,
    /// The outcomes. What is being sent counts as unknown, as it is if its process is gone.
    pub tally: Tally,
    /// Of the unknown ones, how many are being sent, if a process is at it.
    pub in_flight: u64,
    /// Of the applied ones, how many were sent another password before, whose outcome is unknown.
    pub candidates: u64,
    /// Whether the passwords are made, and not given by the input.
    pub generated: bool,
    /// The rates that are allowed, by provider, where they are known.
    pub allowed: Vec<(String, Option<f64>)>,
    /// Every start of it.
    pub sessions: Vec<SessionSummary>,
}

/// Where a row stands, for whoever goes on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalRow {
    pub(crate) line: u64,
    pub(crate) user: String,
    pub(crate) provider: u64,
    pub(crate) state: RowPhase,
    pub(crate) unsettled: bool,
    pub(crate) batch: u64,
    pub(crate) attempts: u64,
}
