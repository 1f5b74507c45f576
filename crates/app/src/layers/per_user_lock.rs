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
use super::shared_user_lock::{self, ChangeEnd, SharedUserLock, SharedUserLocks};

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
    shared: Option<Arc<dyn SharedUserLocks>>,
}

/// The lock of one user.
pub(super) struct UserLock<'a> {
    locks: &'a Arc<UserLocks>,
    /// With the user's account, if it was looked up.
    change: Cow<'a, PasswordChange>,
    user: UserHash,
    guards: Guards,
}

/// The lock itself, in this process and in others.
pub(super) struct Guards {
    /// `None` if an earlier call holds the lock in the context.
    local: Option<OwnedMutexGuard<()>>,
    /// Of all processes, if they share their locks.
    shared: Option<Arc<dyn SharedUserLock>>,
}

/// The lock of a user whose change has an unknown outcome, held in the context until that is resolved.
struct HeldLock {
    locks: Arc<UserLocks>,
    user_id: UserId,
    account: Option<UserId>,
    user: UserHash,
    guards: Guards,
}

impl UserLocks {
    /// Locks that are shared with other processes.
    #[cfg(any(test, feature = "postgres"))]
    pub(crate) fn with_shared(shared: Arc<dyn SharedUserLocks>) -> Self {
        Self {
            shared: Some(shared),
            ..Self::default()
        }
    }

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
            is_same.then(|| (held.user, held.account.clone(), held.guards.of_later_call()))
        });
        if let Some((user, account, guards)) = held {
            return Ok(UserLock {
                locks: self,
                change: with_canonical_id(change, account),
                user,
                guards,
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
        let key = provider.user_key(change.canonical_id().unwrap_or(change.user()));
        let user = self.hash(&key);
        let held = cx.find_guard(|held: &HeldLock| {
            let is_same = is_ours(held) && held.user == user;
            is_same.then(|| held.guards.of_later_call())
        });
        let guards = if let Some(guards) = held {
            guards
        } else {
            let local = Some(self.guard(user, time).await?);
            let shared = match &self.shared {
                Some(shared) => {
                    let (provider, attempt) = (provider.provider(), cx.attempt_id());
                    Some(shared.lock(provider, &key, attempt, time.budget()).await?)
                }
                None => None,
            };
            Guards { local, shared }
        };
        Ok(UserLock {
            locks: self,
            change,
            user,
            guards,
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
        // On the heap: few calls wait, and all would carry its room.
        let turn = Box::pin(timeout(time.budget(), mutex.lock_owned()));
        turn.await.map_err(|_| {
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
        let ours = self.locks.recent_changes.later_than(self.user, unknown);
        // No other process has sent one since an earlier call took the lock that it holds.
        match self.guards.own_shared() {
            Some(shared) if ours != LaterChange::Sent => {
                shared.prior().map_or(ours, |prior| prior.later_than(unknown))
            }
            _ => ours,
        }
    }

    /// The context with a check before sending that the lock is still this process's.
    pub(super) fn context(&self, cx: CallContext) -> CallContext {
        match &self.guards.shared {
            Some(shared) => {
                let before_send = shared_user_lock::checked(Arc::clone(shared), cx.before_send().cloned());
                cx.with_before_send(before_send)
            }
            None => cx,
        }
    }

    /// Records for other processes how a change or probe ended that may have set the password.
    pub(super) fn record(&self, end: impl FnOnce() -> ChangeEnd) {
        let Some(shared) = &self.guards.shared else { return };
        let end = end();
        // What an earlier call has sent under the lock that it holds is still the last change.
        if self.guards.local.is_some() || end != ChangeEnd::NotApplied {
            shared.record(end);
        }
    }

    /// Records that a probe which sends nothing has found the password in place, if the lock is of the call that sent it.
    pub(super) fn record_in_place(&self) {
        if self.guards.local.is_none() {
            self.record(|| ChangeEnd::Applied);
        }
    }

    /// The lock, to release it.
    pub(super) fn into_guards(self) -> Guards {
        self.guards
    }

    /// Keeps the lock for the resolution, if the context is meant for several calls. Otherwise returns it.
    pub(super) fn hold(self, cx: &CallContext) -> Option<Guards> {
        self.guards.local.as_ref()?;
        let held = cx.hold_guard(HeldLock {
            locks: Arc::clone(self.locks),
            user_id: self.change.user().clone(),
            account: self.change.canonical_id().cloned(),
            user: self.user,
            guards: self.guards,
        });
        held.err().map(|held| held.guards)
    }
}

impl Guards {
    // Those of a later call with the same context: it does not release them.
    fn of_later_call(&self) -> Self {
        Self {
            local: None,
            shared: self.shared.clone(),
        }
    }

    // The one of all processes, if this call has taken it.
    fn own_shared(&self) -> Option<&Arc<dyn SharedUserLock>> {
        self.shared.as_ref().filter(|_| self.local.is_some())
    }

    /// Releases the lock, unless an earlier call holds it. Dropping it does the same; this waits until other processes
    /// see it.
    pub(super) async fn release(self) {
        if let Some(shared) = self.own_shared() {
            shared.release().await;
        }
    }
}

fn with_canonical_id(change: &PasswordChange, account: Option<UserId>) -> Cow<'_, PasswordChange> {
    match account {
        Some(account) => Cow::Owned(change.clone().with_canonical_id(account)),
        None => Cow::Borrowed(change),
    }
}
