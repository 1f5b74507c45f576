//! A bound on the changes under way.

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, UnknownOutcome, UserId, UserKey,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    inner: Arc<dyn PasswordService>,
    places: Semaphore,
}

impl ConcurrencyLimit {
    pub(super) fn new(inner: Arc<dyn PasswordService>, changes: NonZeroUsize) -> Self {
        let places = Semaphore::new(changes.get().min(Semaphore::MAX_PERMITS));
        Self { inner, places }
    }

    /// A place, and what is left of the call after waiting for it.
    async fn place(&self, cx: &CallContext) -> Result<(SemaphorePermit<'_>, CallContext), Error> {
        let start = Instant::now();
        match timeout(cx.budget(), self.places.acquire()).await {
            Ok(Ok(place)) => Ok((place, cx.after(start.elapsed()))),
            // The semaphore is never closed, so this is the time that ran out.
            Ok(Err(_)) | Err(_) => Err(Error::not_applied(
                ErrorKind::BudgetExhausted,
                "too many changes were under way for this one to be sent within its time",
            )),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for ConcurrencyLimit {
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
        let (_place, cx) = self.place(cx).await?;
        self.inner.change_password(&cx, change).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let (_place, cx) = self.place(cx).await?;
        self.inner.resolve(&cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.inner.user_key(user)
    }

    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        // It changes nothing, and comes before the user's turn.
        self.inner.canonical_id(cx, user).await
    }
}
