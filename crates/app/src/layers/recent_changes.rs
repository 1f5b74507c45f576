//! The last change of each user that this process has sent, which a resolution must not overwrite.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use repass_domain::{ChangeReceipt, Error, ErrorKind, Outcome, Resolution, UnknownOutcome};
use uuid::Uuid;

use super::per_user_lock::{UserHash, UserMap};

/// How many users are remembered at least, and half of how many there are at most.
const HALF: usize = 16_384;

/// The last change of each user, for at most 32,768 users. Of users who were displaced it is known only that their
/// changes were no later than a certain time.
#[derive(Debug, Default)]
pub(super) struct RecentChanges(Mutex<Records>);

#[derive(Debug)]
struct Records {
    young: UserMap<Change>,
    old: UserMap<Change>,
    forgotten: Option<SystemTime>,
    // The clock may be set back; a later change never has an earlier time.
    latest: SystemTime,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    at: SystemTime,
    // The unknown outcome that a resolution can settle, if there is one.
    unknown: Option<Uuid>,
    is_applied: bool,
}

/// Whether this process has sent a later change of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaterChange {
    None,
    Sent,
    /// The user was displaced, so it may have.
    Forgotten,
}

impl LaterChange {
    /// Rejects a probe that would overwrite the later change.
    pub(super) fn forbid_overwriting(self) -> Result<(), Error> {
        let reason = match self {
            Self::None => return Ok(()),
            Self::Sent => "this process has sent a later change of this user's password",
            Self::Forgotten => "this process may have sent a later change of this user's password",
        };
        Err(Error::not_applied(
            ErrorKind::Conflict,
            format!(
                "{reason}, which the probe would overwrite, so none was sent; to be certain, make a new change"
            ),
        ))
    }
}

impl Default for Records {
    fn default() -> Self {
        Self {
            young: UserMap::default(),
            old: UserMap::default(),
            forgotten: None,
            latest: SystemTime::UNIX_EPOCH,
        }
    }
}

impl RecentChanges {
    /// Records that a change of this user is about to be sent, or a probe that sends it once more for `unknown`. The
    /// user's lock is held. A change that is dropped without an end counts as sent.
    pub(super) fn start(&self, user: UserHash, unknown: Option<&UnknownOutcome>) -> Sending<'_> {
        let mut records = self.records();
        let change = Change {
            at: records.later_than_all(SystemTime::now()),
            unknown: unknown.map(UnknownOutcome::id),
            is_applied: false,
        };
        let before = records.insert(user, change);
        Sending {
            changes: self,
            user,
            before,
        }
    }

    /// Whether a change of this user was sent after the one with this outcome.
    pub(super) fn later_than(&self, user: UserHash, unknown: &UnknownOutcome) -> LaterChange {
        let records = self.records();
        let is_later = match records.get(user) {
            Some(change) if change.unknown == Some(unknown.id()) => false,
            // Only the last change can be meant, unless it is known to have been applied.
            Some(change) if unknown.is_undated() => change.is_applied,
            Some(change) => unknown.at() <= change.at,
            None if records.forgotten.is_some_and(|at| unknown.at() <= at) => return LaterChange::Forgotten,
            None => false,
        };
        if is_later {
            LaterChange::Sent
        } else {
            LaterChange::None
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn get(&self, user: UserHash) -> Option<Change> {
        self.young.get(&user).or_else(|| self.old.get(&user)).copied()
    }

    /// The change that this one replaces.
    fn insert(&mut self, user: UserHash, change: Change) -> Option<Change> {
        if let Some(known) = self.young.get_mut(&user) {
            return Some(std::mem::replace(known, change));
        }
        let before = self.old.get(&user).copied();
        if self.young.len() >= HALF {
            let forgotten = self.old.values().map(|change| change.at).max();
            self.forgotten = self.forgotten.max(forgotten);
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(user, change);
        before
    }

    fn remove(&mut self, user: UserHash) {
        self.young.remove(&user);
        self.old.remove(&user);
    }

    fn later_than_all(&mut self, at: SystemTime) -> SystemTime {
        self.latest = self.latest.max(at);
        self.latest
    }
}

/// A change that is being sent.
pub(super) struct Sending<'a> {
    changes: &'a RecentChanges,
    user: UserHash,
    before: Option<Change>,
}

impl Sending<'_> {
    /// Records how the change ended.
    pub(super) fn end_change(self, result: &Result<ChangeReceipt, Error>) {
        match result.as_ref().map_err(Error::unknown_outcome) {
            Ok(_) => self.applied(),
            Err(None) => self.not_applied(),
            Err(Some(unknown)) => self.unknown(unknown),
        }
    }

    /// Records what the probe for this outcome did.
    pub(super) fn end_probe(self, unknown: &UnknownOutcome, result: &Result<Resolution, Error>) {
        match result {
            Ok(Resolution::InPlace) => self.applied(),
            Err(error) if error.outcome() == Outcome::NotApplied => self.not_applied(),
            _ => self.unknown(unknown),
        }
    }

    fn applied(self) {
        self.update(|change| change.is_applied = true);
    }

    fn unknown(self, unknown: &UnknownOutcome) {
        self.changes.records().later_than_all(unknown.at());
        self.update(|change| change.unknown = Some(unknown.id()));
    }

    fn not_applied(self) {
        let mut records = self.changes.records();
        match self.before {
            Some(before) => drop(records.insert(self.user, before)),
            None => records.remove(self.user),
        }
    }

    fn update(&self, update: impl FnOnce(&mut Change)) {
        let mut records = self.changes.records();
        // By now it may be among the old ones.
        let records = &mut *records;
        if let Some(change) = records.young.get_mut(&self.user) {
            update(change);
        } else if let Some(mut change) = records.old.get(&self.user).copied() {
            update(&mut change);
            records.insert(self.user, change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(changes: &RecentChanges, user: UserHash) -> UnknownOutcome {
        let sending = changes.start(user, None);
        let unknown = UnknownOutcome::new("zoom");
        sending.unknown(&unknown);
        unknown
    }

    #[test]
    fn later_change_is_one_sent_after_the_unknown_outcome() {
        let (changes, user) = (RecentChanges::default(), 0);
        let undated = UnknownOutcome::undated("zoom");
        let first = unknown(&changes, user);
        assert_eq!(changes.later_than(user, &first), LaterChange::None);
        assert_eq!(changes.later_than(user, &undated), LaterChange::None);
        changes.start(user, None).not_applied();
        assert_eq!(changes.later_than(user, &first), LaterChange::None);
        let second = unknown(&changes, user);
        assert_eq!(changes.later_than(user, &first), LaterChange::Sent);
        assert_eq!(changes.later_than(user, &second), LaterChange::None);
        changes.start(user, Some(&second)).applied();
        assert_eq!(changes.later_than(user, &second), LaterChange::None);
        changes.start(user, None).applied();
        assert_eq!(changes.later_than(user, &second), LaterChange::Sent);
        assert_eq!(changes.later_than(user, &undated), LaterChange::Sent);
        // An outcome of now is later than what was sent before.
        assert_eq!(
            changes.later_than(user, &UnknownOutcome::new("zoom")),
            LaterChange::None
        );
        let _ = changes.start(user, None);
        assert_eq!(changes.later_than(user, &second), LaterChange::Sent);
        assert_eq!(changes.later_than(user, &undated), LaterChange::None);
    }

    #[test]
    fn later_change_is_found_after_the_clock_is_set_back() {
        let (changes, user) = (RecentChanges::default(), 0);
        let ahead = serde_json::json!({"id": Uuid::new_v4(), "provider": "zoom",
            "at": {"secs_since_epoch": 9_000_000_000_u64, "nanos_since_epoch": 0}});
        let ahead: UnknownOutcome = serde_json::from_value(ahead).unwrap();
        changes.start(user, None).unknown(&ahead);
        let second = unknown(&changes, user);
        assert_eq!(changes.later_than(user, &ahead), LaterChange::Sent);
        assert_eq!(changes.later_than(user, &second), LaterChange::None);
    }

    #[test]
    fn displaced_user_is_forgotten_and_memory_is_bounded() {
        let changes = RecentChanges::default();
        let first = unknown(&changes, 0);
        for number in 1..=2 * HALF as UserHash {
            changes.start(number, None).applied();
        }
        let records = changes.records();
        assert!(records.young.len() + records.old.len() <= 2 * HALF);
        assert!(records.young.capacity() < 4 * HALF);
        drop(records);
        assert_eq!(changes.later_than(0, &first), LaterChange::Forgotten);
        let late = unknown(&changes, 1);
        assert_eq!(changes.later_than(1, &late), LaterChange::None);
    }
}
