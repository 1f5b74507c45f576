//! One change at a time per user, together with its resolution: of two at once, chance would decide whose password stays.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use repass_domain::{
    CallContext, Error, ErrorKind, PasswordChange, PasswordService, UnknownOutcome, UserId, UserKey,
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::pipeline::TimeLeft;
use super::recent_changes::RecentChanges;
pub(super) use super::recent_changes::{LaterChange, Sending};

/// A user's key, hashed under a key of this process. Should two users share a hash, they wait for one another.
pub(super) type UserHash = u64;

/// A map by user, which does not hash the hash once more.
pub(super) type UserMap<T> = HashMap<UserHash, T, BuildHasherDefault<TakenAsHash>>;

#[derive(Debug, Default)]
pub(super) struct TakenAsHash(u64);

impl Hasher for TakenAsHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The users whose passwords are being changed, and what was sent lately. Services that change the same users' passwords
/// share it.
#[derive(Debug, Default)]
pub(crate) struct UserLocks {
    hasher: RandomState,
    // A user is in it as long as a call has the lock or waits for it.
    locks: Mutex<UserMap<Weak<AsyncMutex<()>>>>,
    recent_changes: RecentChanges,
}

/// The lock of one user.
pub(super) struct UserLock<'a> {
    locks: &'a Arc<UserLocks>,
    /// With the user's account, if it was looked up.
    change: Cow<'a, PasswordChange>,
    user: UserHash,
    /// `None` if an earlier call holds the lock in the context.
    guard: Option<OwnedMutexGuard<()>>,
}

/// The lock of a user whose change has an unknown outcome, held in the context until that is resolved.
struct HeldLock {
    locks: Arc<UserLocks>,
    user_id: UserId,
    account: Option<UserId>,
    user: UserHash,
    _guard: OwnedMutexGuard<()>,
}

impl UserLocks {
    /// Waits for the user's lock, in order of arrival, as long as the call's budget lasts. All names of one account share
    /// one lock, so a name that the provider has to look up is looked up first.
    pub(super) async fn lock<'a>(
        self: &'a Arc<Self>,
        provider: &dyn PasswordService,
        time: &TimeLeft<'a>,
        change: &'a PasswordChange,
    ) -> Result<UserLock<'a>, Error> {
        let cx = time.original();
        let is_ours = |held: &HeldLock| Arc::ptr_eq(&held.locks, self);
        let held = cx.find_guard(|held: &HeldLock| {
            let is_same = is_ours(held) && held.user_id == *change.user();
            is_same.then(|| (held.user, held.account.clone()))
        });
        if let Some((user, account)) = held {
            return Ok(UserLock {
                locks: self,
                change: with_canonical_id(change, account),
                user,
                guard: None,
            });
        }
        let is_known = change.canonical_id().is_some();
        // A password that cannot be typed is going to be rejected, with every reason, so nothing is looked up for it.
        let account = if is_known || change.new_password().check_typeable().is_err() {
            None
        } else {
            provider.canonical_id(&time.context(), change.user()).await?
        };
        let change = with_canonical_id(change, account);
        let user = self.hash(&provider.user_key(change.canonical_id().unwrap_or(change.user())));
        let is_held = cx.find_guard(|held: &HeldLock| (is_ours(held) && held.user == user).then_some(()));
        let guard = match is_held {
            Some(()) => None,
            None => Some(self.guard(user, time).await?),
        };
        Ok(UserLock {
            locks: self,
            change,
            user,
            guard,
        })
    }

    fn hash(&self, user: &UserKey) -> UserHash {
        self.hasher.hash_one(user)
    }

    async fn guard(&self, user: UserHash, time: &TimeLeft<'_>) -> Result<OwnedMutexGuard<()>, Error> {
        let mutex = self.mutex(user);
        if let Ok(guard) = Arc::clone(&mutex).try_lock_owned() {
            return Ok(guard);
        }
        timeout(time.budget(), mutex.lock_owned()).await.map_err(|_| {
            Error::not_applied(
                ErrorKind::BudgetExhausted,
                "timed out waiting for another change of this user's password",
            )
        })
    }

    fn mutex(&self, user: UserHash) -> Arc<AsyncMutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the map would grow, the users without a call are removed.
        if locks.len() == locks.capacity() {
            locks.retain(|_, mutex| mutex.strong_count() > 0);
        }
        let entry = locks.entry(user).or_default();
        entry.upgrade().unwrap_or_else(|| {
            let mutex = Arc::new(AsyncMutex::new(()));
            *entry = Arc::downgrade(&mutex);
            mutex
        })
    }
}

impl<'a> UserLock<'a> {
    /// The change, with the user's account if it was looked up.
    pub(super) fn change(&self) -> &PasswordChange {
        &self.change
    }

    /// Records that a change is about to be sent, or a probe that sends it once more for an unknown outcome.
    pub(super) fn start_sending(&self, unknown: Option<&UnknownOutcome>) -> Sending<'a> {
        self.locks.recent_changes.start(self.user, unknown)
    }

    /// Whether a change of the user was sent after the one with this outcome.
    pub(super) fn later_change(&self, unknown: &UnknownOutcome) -> LaterChange {
        self.locks.recent_changes.later_than(self.user, unknown)
    }

    /// Keeps the lock for the resolution, if the context is meant for several calls.
    pub(super) fn hold(self, cx: &CallContext) {
        if let Some(guard) = self.guard {
            // The context gives it back if it is meant for one call, which releases the lock.
            let _ = cx.hold_guard(HeldLock {
                locks: Arc::clone(self.locks),
                user_id: self.change.user().clone(),
                account: self.change.canonical_id().cloned(),
                user: self.user,
                _guard: guard,
            });
        }
    }
}

fn with_canonical_id(change: &PasswordChange, account: Option<UserId>) -> Cow<'_, PasswordChange> {
    match account {
        Some(account) => Cow::Owned(change.clone().with_canonical_id(account)),
        None => Cow::Borrowed(change),
    }
}
