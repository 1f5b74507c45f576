//! One change at a time per user, with its settlement: two at once would leave it to chance whose password stays.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use repass_domain::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, Outcome, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, UnknownOutcome, UserId, UserKey,
};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

use super::recent_changes::{Later, RecentChanges};

/// Whose turn it is, and what was sent. Services that change the same users' passwords share it.
#[derive(Debug, Default)]
pub(crate) struct UserLocks {
    // A user is in it as long as somebody has or awaits a turn.
    user_locks: Mutex<HashMap<UserKey, Weak<Turn<()>>>>,
    sent: RecentChanges,
}

impl UserLocks {
    fn of(&self, user: &UserKey) -> Arc<Turn<()>> {
        let mut user_locks = self.user_locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = user_locks.get(user).and_then(Weak::upgrade) {
            return turn;
        }
        // Whenever the map has doubled, those who are gone are let go.
        if user_locks.len() == user_locks.capacity() {
            user_locks.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::new(()));
        user_locks.insert(user.clone(), Arc::downgrade(&turn));
        turn
    }
}

#[derive(Debug)]
pub(super) struct PerUserLock {
    inner: Arc<dyn PasswordService>,
    user_locks: Arc<UserLocks>,
}

/// The turn of a user whose change is unknown, held in the context until it is settled.
struct HeldLock {
    user_locks: Arc<UserLocks>,
    user: UserId,
    account: Option<UserId>,
    key: UserKey,
    _turn: OwnedMutexGuard<()>,
}

/// A call that has the user's turn.
struct Admitted<'a> {
    /// With what is left of the call.
    cx: CallContext,
    change: Cow<'a, PasswordChange>,
    key: UserKey,
    /// None where the context holds it.
    turn: Option<OwnedMutexGuard<()>>,
}

impl PerUserLock {
    pub(super) fn new(inner: Arc<dyn PasswordService>, user_locks: Arc<UserLocks>) -> Self {
        Self { inner, user_locks }
    }

    /// The user's turn, in order of arrival. A user is one account, by whichever name: one that has to be looked up is
    /// looked up first.
    async fn admit<'a>(&self, cx: &CallContext, change: &'a PasswordChange) -> Result<Admitted<'a>, Error> {
        let start = Instant::now();
        let is_ours = |held: &HeldLock| Arc::ptr_eq(&held.user_locks, &self.user_locks);
        let held = cx.find_guard(|held: &HeldLock| {
            let is_this = is_ours(held) && held.user == *change.user();
            is_this.then(|| (held.key.clone(), held.account.clone()))
        });
        if let Some((key, account)) = held {
            return Ok(Admitted {
                cx: cx.clone(),
                change: with_canonical_id(change, account),
                key,
                turn: None,
            });
        }
        let account = match change.canonical_id() {
            Some(_) => None,
            // It is going to be refused, with every reason, so nothing is looked up for it.
            None if change.new_password().check_typeable().is_err() => None,
            None => self.inner.canonical_id(cx, change.user()).await?,
        };
        let change = with_canonical_id(change, account);
        let key = self
            .inner
            .user_key(change.canonical_id().unwrap_or(change.user()));
        let is_held = cx.find_guard(|held: &HeldLock| (is_ours(held) && held.key == key).then_some(()));
        let turn = if is_held.is_some() {
            None
        } else {
            let left = cx.after(start.elapsed()).budget();
            let turn = timeout(left, self.user_locks.of(&key).lock_owned()).await;
            Some(turn.map_err(|_| {
                Error::not_applied(
                    ErrorKind::BudgetExhausted,
                    "another change of this user's password was under way for longer than this call may take",
                )
            })?)
        };
        Ok(Admitted {
            cx: cx.after(start.elapsed()),
            change,
            key,
            turn,
        })
    }
}

impl Admitted<'_> {
    /// Holds the turn for a settlement, if the context is meant for one.
    fn hold(self, user_locks: &Arc<UserLocks>) {
        if let Some(turn) = self.turn {
            // Given back if it is not, and over then.
            let _ = self.cx.hold_guard(HeldLock {
                user_locks: Arc::clone(user_locks),
                user: self.change.user().clone(),
                account: self.change.canonical_id().cloned(),
                key: self.key,
                _turn: turn,
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

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for PerUserLock {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.capabilities().check_mode(change.mode())?;
        let admitted = self.admit(cx, change).await?;
        let sending = self.user_locks.sent.send(&admitted.key, None);
        let result = self.inner.change_password(&admitted.cx, &admitted.change).await;
        match result.as_ref().map_err(Error::unknown_outcome) {
            Ok(_) => sending.applied(),
            Err(None) => sending.not_applied(),
            Err(Some(attempt)) => {
                sending.unknown(attempt);
                admitted.hold(&self.user_locks);
            }
        }
        result
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let admitted = self.admit(cx, change).await?;
        let later = self.user_locks.sent.later_than(&admitted.key, attempt);
        let probe = self.inner.resolve(&admitted.cx, attempt, &admitted.change);
        if !self.inner.capabilities().resolve_sets_password {
            return match probe.await? {
                // The password may have been in place until the later change.
                Resolution::NotInPlace if later != Later::No => Ok(Resolution::StillUnknown),
                found => Ok(found),
            };
        }
        let what = match later {
            Later::No => {
                let sending = self.user_locks.sent.send(&admitted.key, Some(attempt));
                let found = probe.await;
                match &found {
                    Err(error) if error.outcome() == Outcome::NotApplied => sending.not_applied(),
                    Ok(Resolution::InPlace) => sending.applied(),
                    _ => sending.unknown(attempt),
                }
                return found;
            }
            Later::Yes => "this process has sent a later change of this user's password",
            Later::Forgotten => "this process may have sent a later change of this user's password",
        };
        Err(Error::not_applied(
            ErrorKind::Conflict,
            format!(
                "{what}, which the probe would overwrite, so none was sent; to be certain, make a new change"
            ),
        ))
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.inner.user_key(user)
    }

    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        self.inner.canonical_id(cx, user).await
    }
}
