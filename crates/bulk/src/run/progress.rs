//! The progress of a session, and the events of its rows.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::{RowStatus, Tally};

/// Counters of a running session. Reading them takes no lock.
#[derive(Debug)]
pub struct Progress {
    rows: AtomicU64,
    applied: AtomicU64,
    not_applied: AtomicU64,
    unknown: AtomicU64,
    ended: AtomicU64,
    in_flight: AtomicU64,
    waiting: AtomicU64,
}

impl Progress {
    /// The number of rows per status so far. `rows` counts the rows that were read until now.
    pub fn tally(&self) -> Tally {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (rows, applied) = (get(&self.rows), get(&self.applied));
        let (not_applied, unknown) = (get(&self.not_applied), get(&self.unknown));
        Tally {
            rows,
            applied,
            not_applied,
            unknown,
            pending: rows.saturating_sub(applied + not_applied + unknown),
        }
    }

    /// How many attempts have ended in this session.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// How many changes are in flight or wait for the rate limit.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How many rows wait until they can be reissued.
    pub fn awaiting_reissue(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn add_row(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn update(&self, before: RowStatus, after: RowStatus) {
        if let Some(counter) = self.of(before) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(counter) = self.of(after) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn finish_one(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_in_flight(&self, count: usize) {
        self.in_flight
            .store(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn set_waiting(&self, count: usize) {
        self.waiting
            .store(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
    }

    fn of(&self, outcome: RowStatus) -> Option<&AtomicU64> {
        match outcome {
            RowStatus::Applied => Some(&self.applied),
            RowStatus::NotApplied => Some(&self.not_applied),
            RowStatus::Unknown => Some(&self.unknown),
            RowStatus::Pending => None,
        }
    }
}

/// The counters of a session that continues from this tally.
impl From<Tally> for Progress {
    fn from(before: Tally) -> Self {
        Self {
            rows: before.rows.into(),
            applied: before.applied.into(),
            not_applied: before.not_applied.into(),
            unknown: before.unknown.into(),
            ended: 0.into(),
            in_flight: 0.into(),
            waiting: 0.into(),
        }
    }
}

/// The outcome of one row, as passed to [`Hooks::on_row`](crate::Hooks::on_row).
#[derive(Debug, Serialize)]
pub struct RowEvent<'a> {
    /// The line in the input where the row starts, counted from 1.
    pub line: u64,
    /// The user; absent if the row has no valid user id.
    pub user: Option<&'a str>,
    /// The provider; absent if the row names no configured one.
    pub provider: Option<&'a str>,
    /// The status of the row.
    pub outcome: RowStatus,
    /// Why the row is not applied: an error's kind, `invalid_row` or `duplicate_row`.
    pub kind: Option<&'a str>,
    /// The provider's own code, or the codes of the violated rules.
    pub code: Option<&'a str>,
    /// The reason in a sentence for people.
    pub message: Option<&'a str>,
    /// How many times the row was sent.
    pub attempts: u64,
}
