//! The lock of a user that several processes share, behind the one of this process.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use repass_domain::{BeforeSend, ChangeReceipt, Error, Outcome, Resolution, UnknownOutcome, UserKey};
use uuid::Uuid;

use super::recent_changes::LaterChange;

/// Locks of users that several processes share.
#[async_trait]
pub(crate) trait SharedUserLocks: fmt::Debug + Send + Sync {
    /// Waits for a user's lock, as long as the budget lasts. Nothing is sent without it. Should the process be killed, the
    /// change is the one of this attempt.
    async fn lock(
        &self,
        provider: &str,
        user: &UserKey,
        attempt: Option<Uuid>,
        budget: Duration,
    ) -> Result<Arc<dyn SharedUserLock>, Error>;
}

/// The lock of one user. Released when dropped; [`release`](Self::release) waits for that.
#[async_trait]
pub(crate) trait SharedUserLock: Send + Sync {
    /// The change of the user before this one.
    fn prior(&self) -> Option<PriorChange>;

    /// Whether the lease lasts, so that a change may be sent now.
    fn may_send(&self) -> bool;

    /// Records how the change ended. Until then it counts as unknown.
    fn record(&self, end: ChangeEnd);

    /// Releases the lock, and waits for that.
    async fn release(&self);
}

/// The change of a user before the lock was taken, by any process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PriorChange {
    pub(crate) at: SystemTime,
    /// The id of its unknown outcome, if it ended in one.
    pub(crate) unknown: Option<Uuid>,
    /// Whether it is known to have been applied.
    pub(crate) is_applied: bool,
}

/// How a change or probe ended that may have set the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeEnd {
    NotApplied,
    Applied,
    Unknown(Uuid),
}

impl ChangeEnd {
    /// Of a change.
    pub(crate) fn of_change(result: &Result<ChangeReceipt, Error>) -> Self {
        match result.as_ref().map_err(Error::unknown_outcome) {
            Ok(_) => Self::Applied,
            Err(None) => Self::NotApplied,
            Err(Some(unknown)) => Self::Unknown(unknown.id()),
        }
    }

    /// Of a probe that sends the change once more for this outcome.
    pub(crate) fn of_probe(unknown: &UnknownOutcome, result: &Result<Resolution, Error>) -> Self {
        match result {
            Ok(Resolution::InPlace) => Self::Applied,
            Err(error) if error.outcome() == Outcome::NotApplied => Self::NotApplied,
            _ => Self::Unknown(unknown.id()),
        }
    }
}

impl PriorChange {
    // The clocks of the processes differ by less: `repass doctor` compares each with the database's.
    const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

    /// Whether this change was sent after the one with this outcome.
    pub(super) fn later_than(self, unknown: &UnknownOutcome) -> LaterChange {
        let is_later = if self.unknown == Some(unknown.id()) {
            false
        } else if unknown.is_undated() {
            self.is_applied
        } else {
            unknown.at() <= self.at + Self::CLOCK_DIFFERENCE
        };
        if is_later {
            LaterChange::Sent
        } else {
            LaterChange::None
        }
    }
}

/// The callback with a check before it that the lock is still held.
pub(super) fn checked(lock: Arc<dyn SharedUserLock>, before_send: Option<BeforeSend>) -> BeforeSend {
    Arc::new(move || {
        if !lock.may_send() {
            return Box::pin(std::future::ready(false));
        }
        match &before_send {
            Some(before_send) => before_send(),
            None => Box::pin(std::future::ready(true)),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use repass_domain::{
        CallContext, Capabilities, ErrorKind, Password, PasswordChange, PasswordPolicy, PasswordService,
        PasswordServiceExt as _,
    };

    use super::*;

    /// What was recorded last of each lock, and how many were released.
    #[derive(Debug, Default)]
    struct Recorded(Mutex<(Option<ChangeEnd>, usize)>);

    #[derive(Debug)]
    struct Locks(Arc<Recorded>);

    struct Lock(Arc<Recorded>);

    #[async_trait]
    impl SharedUserLocks for Locks {
        async fn lock(
            &self,
            _: &str,
            _: &UserKey,
            _: Option<Uuid>,
            _: Duration,
        ) -> Result<Arc<dyn SharedUserLock>, Error> {
            Ok(Arc::new(Lock(Arc::clone(&self.0))))
        }
    }

    #[async_trait]
    impl SharedUserLock for Lock {
        fn prior(&self) -> Option<PriorChange> {
            None
        }

        fn may_send(&self) -> bool {
            true
        }

        fn record(&self, end: ChangeEnd) {
            self.0.0.lock().unwrap().0 = Some(end);
        }

        async fn release(&self) {
            self.0.0.lock().unwrap().1 += 1;
        }
    }

    /// Loses the response of every change, and resolves with this result.
    #[derive(Debug)]
    struct Lossy(Result<Resolution, ErrorKind>);

    #[async_trait]
    impl PasswordService for Lossy {
        fn provider(&self) -> &'static str {
            "lossy"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::NONE.with_reset().with_resolve()
        }

        async fn change_password(&self, _: &CallContext, _: &PasswordChange) -> Result<ChangeReceipt, Error> {
            let unknown = UnknownOutcome::new("lossy");
            Err(Error::unknown(ErrorKind::ConnectionLost, "lost", unknown))
        }

        async fn resolve(
            &self,
            _: &CallContext,
            _: &UnknownOutcome,
            _: &PasswordChange,
        ) -> Result<Resolution, Error> {
            self.0.map_err(|kind| Error::not_applied(kind, "not probed"))
        }

        async fn policy(&self, _: &CallContext) -> Result<PasswordPolicy, Error> {
            Err(Error::not_applied(ErrorKind::Unsupported, "it has no rules"))
        }
    }

    // What is recorded after a change whose response is lost, and a probe under the same lock.
    async fn end_after(resolution: Result<Resolution, ErrorKind>) -> (Option<ChangeEnd>, usize) {
        let recorded = Arc::new(Recorded::default());
        let locks = super::super::UserLocks::with_shared(Arc::new(Locks(Arc::clone(&recorded))));
        let service = super::super::Layers::default()
            .user_locks(Arc::new(locks))
            .wrap(Arc::new(Lossy(resolution)));
        let change =
            PasswordChange::reset("alice".parse().unwrap(), Password::new("New-Passw0rd-1").unwrap());
        let _ = service.change_and_resolve(&CallContext::default(), &change).await;
        let ended = recorded.0.lock().unwrap();
        *ended
    }

    #[tokio::test]
    async fn probe_under_the_lock_of_its_change_leaves_the_change_recorded() {
        for resolution in [
            Err(ErrorKind::Unauthenticated),
            Ok(Resolution::NotInPlace),
            Ok(Resolution::StillUnknown),
        ] {
            let (end, _) = end_after(resolution).await;
            assert!(
                matches!(end, Some(ChangeEnd::Unknown(_))),
                "{resolution:?}: {end:?}"
            );
        }
        assert_eq!(
            end_after(Ok(Resolution::InPlace)).await.0,
            Some(ChangeEnd::Applied)
        );
    }

    fn prior(at: SystemTime, unknown: Option<Uuid>, is_applied: bool) -> PriorChange {
        PriorChange {
            at,
            unknown,
            is_applied,
        }
    }

    #[test]
    fn later_change_is_one_of_another_outcome_that_is_not_clearly_older() {
        let now = SystemTime::now();
        let (unknown, undated) = (UnknownOutcome::new("zoom"), UnknownOutcome::undated("zoom"));
        let minute = Duration::from_secs(60);
        for (change, outcome, expected) in [
            (
                prior(now + minute, Some(unknown.id()), false),
                &unknown,
                LaterChange::None,
            ),
            (prior(now + minute, None, true), &unknown, LaterChange::Sent),
            (prior(now, Some(undated.id()), false), &unknown, LaterChange::Sent),
            (prior(now - minute, None, true), &unknown, LaterChange::None),
            (
                prior(now - Duration::from_secs(1), None, true),
                &unknown,
                LaterChange::Sent,
            ),
            (prior(now, None, true), &undated, LaterChange::Sent),
            (prior(now, Some(unknown.id()), false), &undated, LaterChange::None),
        ] {
            assert_eq!(change.later_than(outcome), expected, "{change:?}");
        }
    }
}
