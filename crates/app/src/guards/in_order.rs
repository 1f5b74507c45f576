//! One change at a time per user: two at once would leave it to chance whose password stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use repass_domain::{
    Attempt, CallContext, Capabilities, Changed, Error, ErrorKind, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, UserId,
};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

/// Whose turn it is. Services that change the same users' passwords share it.
#[derive(Debug, Default)]
pub(crate) struct Turns(
    // A user is in it as long as somebody has or awaits a turn.
    Mutex<HashMap<UserId, Weak<Turn<()>>>>,
);

impl Turns {
    fn of(&self, user: &UserId) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(user).and_then(Weak::upgrade) {
            return turn;
        }
        // Whenever the map has doubled, those who are gone are let go.
        if turns.len() == turns.capacity() {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::new(()));
        turns.insert(user.clone(), Arc::downgrade(&turn));
        turn
    }
}

#[derive(Debug)]
pub(super) struct InOrder {
    inner: Arc<dyn PasswordService>,
    turns: Arc<Turns>,
}

impl InOrder {
    pub(super) fn new(inner: Arc<dyn PasswordService>, turns: Arc<Turns>) -> Self {
        Self { inner, turns }
    }

    /// The user's turn, in order of arrival, and what is left of the call after waiting for it.
    async fn turn(
        &self,
        cx: &CallContext,
        user: &UserId,
    ) -> Result<(OwnedMutexGuard<()>, CallContext), Error> {
        let start = Instant::now();
        let turn = self.turns.of(user).lock_owned();
        let turn = timeout(cx.budget(), turn).await.map_err(|_| {
            Error::not_applied(
                ErrorKind::BudgetExhausted,
                "another change of this user's password was under way for longer than this call may take",
            )
        })?;
        Ok((turn, cx.after(start.elapsed())))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for InOrder {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error> {
        let (_turn, cx) = self.turn(cx, change.user()).await?;
        self.inner.change_password(&cx, change).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &Attempt,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let (_turn, cx) = self.turn(cx, change.user()).await?;
        self.inner.resolve(&cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }
}
