//! One provider with all its layers, as one service.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use repass_domain::{
    CallContext, Capabilities, ChangeReceipt, Error, PasswordChange, PasswordPolicy, PasswordService,
    Resolution, UnknownOutcome, UserId, UserKey,
};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::audit::AuditLog;
use super::concurrency_limit::ConcurrencyLimit;
use super::local_policy::{self, LocalPolicy};
use super::metrics::{Operation, ServiceMetrics};
use super::per_user_lock::{LaterChange, UserLock, UserLocks};
use super::permissions::Permissions;
use super::shared_user_lock::ChangeEnd;

/// A provider with its layers. Each call passes them from top to bottom, in the order of the fields.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(super) metrics: ServiceMetrics,
    pub(super) audit: AuditLog,
    pub(super) permissions: Permissions,
    pub(super) local_policy: Option<LocalPolicy>,
    pub(super) user_locks: Arc<UserLocks>,
    pub(super) concurrency: ConcurrencyLimit,
    pub(super) provider: Arc<dyn PasswordService>,
}

impl Pipeline {
    /// The provider without its layers.
    pub(crate) fn adapter(&self) -> &Arc<dyn PasswordService> {
        &self.provider
    }

    /// [`PasswordService::change_password`], without a box for its future.
    pub(crate) async fn run_change(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let operation = Operation::of(change.mode());
        let call = self.metrics.start(operation);
        let result = async {
            let entry = self.audit.begin(operation, self.provider(), change.user())?;
            let result: Result<ChangeReceipt, Error> = async {
                self.permissions.check(change.mode())?;
                self.provider.capabilities().check_mode(change.mode())?;
                let time = TimeLeft::start(cx);
                local_policy::check(self.local_policy.as_ref(), cx, change.new_password()).await?;
                let lock = self.user_locks.lock(&*self.provider, &time, change).await?;
                let result = {
                    let _permit = self.concurrency.acquire(&time).await?;
                    let sending = lock.start_sending(None);
                    let inner = lock.context(time.context());
                    let result = self.provider.change_password(&inner, lock.change()).await;
                    sending.end_change(&result);
                    result
                };
                lock.record(|| ChangeEnd::of_change(&result));
                let is_unknown = |error: &Error| error.unknown_outcome().is_some();
                let released = if result.as_ref().is_err_and(is_unknown) {
                    lock.hold(cx)
                } else {
                    Some(lock.into_guards())
                };
                if let Some(guards) = released {
                    guards.release().await;
                }
                result
            }
            .await;
            entry.end_change(&result);
            result
        }
        .instrument(call.span())
        .await;
        call.end_change(&result);
        result
    }

    /// [`PasswordService::resolve`], without a box for its future.
    pub(crate) async fn run_resolve(
        &self,
        cx: &CallContext,
        unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let call = self.metrics.start(Operation::Resolve);
        let result = async {
            let entry = self
                .audit
                .begin(Operation::Resolve, self.provider(), change.user())?;
            let result: Result<Resolution, Error> = async {
                // The probe may set the password. The local policy no longer matters: the change was sent.
                self.permissions.check(change.mode())?;
                let time = TimeLeft::start(cx);
                let lock = self.user_locks.lock(&*self.provider, &time, change).await?;
                // Until the probe is sent, the change before is the last one.
                lock.record(|| ChangeEnd::NotApplied);
                let result = self.probe(&lock, &time, unknown).await;
                lock.into_guards().release().await;
                result
            }
            .await;
            entry.end_resolve(&result);
            result
        }
        .instrument(call.span())
        .await;
        call.end_resolve(unknown, &result);
        // Whether or not the probe was made, it says nothing about the change.
        result.map_err(|error| error.with_unknown_outcome(unknown))
    }
}

impl Pipeline {
    async fn probe(
        &self,
        lock: &UserLock<'_>,
        time: &TimeLeft<'_>,
        unknown: &UnknownOutcome,
    ) -> Result<Resolution, Error> {
        let later = lock.later_change(unknown);
        let sets_password = self.provider.capabilities().resolve_sets_password;
        if sets_password {
            later.forbid_overwriting()?;
        }
        let permit = self.concurrency.acquire(time).await?;
        let sending = sets_password.then(|| {
            lock.record(|| ChangeEnd::Unknown(unknown.id()));
            lock.start_sending(Some(unknown))
        });
        let cx = lock.context(time.context());
        let result = self.provider.resolve(&cx, unknown, lock.change()).await;
        drop(permit);
        match (sending, result) {
            (Some(sending), result) => {
                sending.end_probe(unknown, &result);
                lock.record(|| ChangeEnd::of_probe(unknown, &result));
                result
            }
            (None, Ok(Resolution::InPlace)) => {
                lock.record_in_place();
                Ok(Resolution::InPlace)
            }
            // The password may have been in place until the later change.
            (None, Ok(Resolution::NotInPlace)) if later != LaterChange::None => Ok(Resolution::StillUnknown),
            (None, result) => result,
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for Pipeline {
    fn provider(&self) -> &str {
        self.provider.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.permissions.limit(self.provider.capabilities())
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.run_change(cx, change).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.run_resolve(cx, unknown, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.provider.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.provider.user_key(user)
    }

    // It changes nothing, so it needs neither a lock nor a permit.
    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        self.provider.canonical_id(cx, user).await
    }
}

/// What is left of a call's budget. The layers that wait share it.
pub(super) struct TimeLeft<'a> {
    cx: &'a CallContext,
    started: Instant,
}

impl<'a> TimeLeft<'a> {
    fn start(cx: &'a CallContext) -> Self {
        let started = Instant::now();
        Self { cx, started }
    }

    /// The context as the caller gave it, with the whole budget.
    pub(super) fn original(&self) -> &'a CallContext {
        self.cx
    }

    /// The context with the budget that is left.
    pub(super) fn context(&self) -> CallContext {
        self.cx.after(self.started.elapsed())
    }

    /// The budget that is left.
    pub(super) fn budget(&self) -> Duration {
        self.cx.budget().saturating_sub(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use repass_domain::{MockPasswordService, Password};

    use super::*;
    use crate::Layers;

    // The allocator is slower above one kilobyte, and every call has one; its box adds 56 bytes.
    #[test]
    fn future_of_a_change_fits_into_one_kilobyte() {
        let mut provider = MockPasswordService::new();
        provider.expect_provider().return_const("mock".to_owned());
        let pipeline = Layers::default().pipeline(Arc::new(provider));
        let (user, new) = ("alice".parse().unwrap(), Password::new("New-Passw0rd-1").unwrap());
        let (cx, change) = (CallContext::default(), PasswordChange::reset(user, new));
        assert!(size_of_val(&pipeline.run_change(&cx, &change)) <= 1024 - 56);
    }
}
