//! The last change of each user that this process has sent: what a settlement must not overwrite.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use repass_domain::{UnknownOutcome, UserKey};
use uuid::Uuid;

/// How many users are on record at least, and half of how many there are at most.
const HALF: usize = 16_384;

/// The last change of each user, of at most 32,768 users. Users are told apart by hashes under a key of this
/// process. Of those who had to make room it is only known that they were no later than a certain time.
#[derive(Debug, Default)]
pub(super) struct RecentChanges {
    hashes: RandomState,
    records: Mutex<Records>,
}

#[derive(Debug)]
struct Records {
    young: HashMap<u64, Change>,
    old: HashMap<u64, Change>,
    forgotten: Option<SystemTime>,
    // The clock may be set back; what comes later never has an earlier time.
    latest: SystemTime,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    at: SystemTime,
    // The attempt that can settle it, if its outcome was unknown.
    attempt: Option<Uuid>,
    is_applied: bool,
}

/// Whether a later change of the user has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    No,
    Yes,
    /// The user's record had to make room.
    Forgotten,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            forgotten: None,
            latest: SystemTime::UNIX_EPOCH,
        }
    }
}

impl RecentChanges {
    /// A change of this user, or a probe that sends one again for `attempt`, is about to be sent. The user's lock is
    /// held. What is dropped without a word counts as sent.
    pub(super) fn send(&self, user: &UserKey, attempt: Option<&UnknownOutcome>) -> Sending<'_> {
        let user = self.hashes.hash_one(user);
        let mut records = self.records();
        let before = records.of(user);
        let at = records.later_than_all(SystemTime::now());
        let change = Change {
            at,
            attempt: attempt.map(UnknownOutcome::id),
            is_applied: false,
        };
        records.put(user, Some(change));
        Sending {
            changes: self,
            user,
            before,
        }
    }

    /// Whether a change of this user has been sent after this attempt.
    pub(super) fn later_than(&self, user: &UserKey, attempt: &UnknownOutcome) -> Later {
        let records = self.records();
        let is_later = match records.of(self.hashes.hash_one(user)) {
            Some(change) if change.attempt == Some(attempt.id()) => false,
            // Only the last one can be meant, unless it is known to have been applied.
            Some(change) if attempt.is_undated() => change.is_applied,
            Some(change) => attempt.at() <= change.at,
            None if records.forgotten.is_some_and(|at| attempt.at() <= at) => return Later::Forgotten,
            None => false,
        };
        if is_later { Later::Yes } else { Later::No }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn of(&self, user: u64) -> Option<Change> {
        self.young.get(&user).or_else(|| self.old.get(&user)).copied()
    }

    fn put(&mut self, user: u64, change: Option<Change>) {
        let Some(change) = change else {
            self.young.remove(&user);
            self.old.remove(&user);
            return;
        };
        if self.young.len() >= HALF && !self.young.contains_key(&user) {
            let forgotten = self.old.values().map(|change| change.at).max();
            self.forgotten = self.forgotten.max(forgotten);
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(user, change);
    }

    fn later_than_all(&mut self, at: SystemTime) -> SystemTime {
        self.latest = self.latest.max(at);
        self.latest
    }
}

/// A change that is being sent.
pub(super) struct Sending<'a> {
    changes: &'a RecentChanges,
    user: u64,
    before: Option<Change>,
}

impl Sending<'_> {
    /// It was applied.
    pub(super) fn applied(self) {
        self.update(|change| change.is_applied = true);
    }

    /// Its outcome is unknown until this attempt is settled.
    pub(super) fn unknown(self, attempt: &UnknownOutcome) {
        self.changes.records().later_than_all(attempt.at());
        self.update(|change| change.attempt = Some(attempt.id()));
    }

    /// It was not applied.
    pub(super) fn not_applied(self) {
        self.changes.records().put(self.user, self.before);
    }

    fn update(&self, update: impl FnOnce(&mut Change)) {
        let mut records = self.changes.records();
        if let Some(mut change) = records.of(self.user) {
            update(&mut change);
            records.put(self.user, Some(change));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: usize) -> UserKey {
        UserKey::exact(&number.to_string())
    }

    fn unknown(changes: &RecentChanges, user: &UserKey) -> UnknownOutcome {
        let sending = changes.send(user, None);
        let attempt = UnknownOutcome::new("zoom");
        sending.unknown(&attempt);
        attempt
    }

    #[test]
    fn only_what_was_sent_after_an_attempt_is_later() {
        let (changes, user) = (RecentChanges::default(), user(0));
        let undated = UnknownOutcome::undated("zoom");
        let first = unknown(&changes, &user);
        assert_eq!(changes.later_than(&user, &first), Later::No);
        assert_eq!(changes.later_than(&user, &undated), Later::No);
        changes.send(&user, None).not_applied();
        assert_eq!(changes.later_than(&user, &first), Later::No);
        let second = unknown(&changes, &user);
        assert_eq!(changes.later_than(&user, &first), Later::Yes);
        assert_eq!(changes.later_than(&user, &second), Later::No);
        changes.send(&user, Some(&second)).applied();
        assert_eq!(changes.later_than(&user, &second), Later::No);
        changes.send(&user, None).applied();
        assert_eq!(changes.later_than(&user, &second), Later::Yes);
        assert_eq!(changes.later_than(&user, &undated), Later::Yes);
        // What is said now is later than what was sent before.
        assert_eq!(changes.later_than(&user, &UnknownOutcome::new("zoom")), Later::No);
        let _ = changes.send(&user, None);
        assert_eq!(changes.later_than(&user, &second), Later::Yes);
        assert_eq!(changes.later_than(&user, &undated), Later::No);
    }

    #[test]
    fn a_clock_that_is_set_back_changes_nothing() {
        let (changes, user) = (RecentChanges::default(), user(0));
        let ahead = serde_json::json!({"id": Uuid::new_v4(), "provider": "zoom",
            "at": {"secs_since_epoch": 9_000_000_000_u64, "nanos_since_epoch": 0}});
        let ahead: UnknownOutcome = serde_json::from_value(ahead).unwrap();
        changes.send(&user, None).unknown(&ahead);
        let second = unknown(&changes, &user);
        assert_eq!(changes.later_than(&user, &ahead), Later::Yes);
        assert_eq!(changes.later_than(&user, &second), Later::No);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_not_taken_for_nothing() {
        let changes = RecentChanges::default();
        let first = unknown(&changes, &user(0));
        for number in 1..=2 * HALF {
            changes.send(&user(number), None).applied();
        }
        let records = changes.records();
        assert!(records.young.len() + records.old.len() <= 2 * HALF);
        assert!(records.young.capacity() < 4 * HALF);
        drop(records);
        assert_eq!(changes.later_than(&user(0), &first), Later::Forgotten);
        let late = unknown(&changes, &user(1));
        assert_eq!(changes.later_than(&user(1), &late), Later::No);
    }
}
