//! The one trait behind which every provider stands.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    CallContext, Capabilities, ChangeReceipt, Error, Password, PasswordChange, PasswordPolicy, Resolution,
    UnknownOutcome, UserId, UserKey,
};

/// Changes passwords at one provider.
///
/// Every implementation keeps these promises, and the conformance suite checks them:
///
/// - `Ok` means that the new password was set by this call; an error whose
///   [`outcome`](Error::outcome) is `NotApplied` means that it was not. Neither is ever a guess; all
///   else is `Unknown`.
/// - At most one sending of a change can take effect, whatever is retried inside.
/// - A call returns within its budget, and a budget of zero sends nothing.
/// - A new password that nobody could type is refused before anything is sent; see
///   [`Password::check_typeable`]. [`Capabilities::check`] does it.
/// - No secret is in any error, log or `Debug` output.
///
/// Share it as `Arc<dyn PasswordService>`; with the feature `mock` there is a
/// `MockPasswordService` and a stateful `InMemoryPasswordService` for tests.
#[async_trait]
pub trait PasswordService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name. It is of low cardinality: fit for a label in metrics.
    fn provider(&self) -> &str;

    /// What the provider can do. Costs nothing.
    fn capabilities(&self) -> Capabilities;

    /// Changes one password, at most once.
    ///
    /// # Errors
    /// [`Error::outcome`] says whether it may have happened, [`Error::kind`] what to do.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown, without the evidence that an error would
    /// carry. Give the call a budget instead of wrapping it in a timeout.
    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error>;

    /// Settles an unknown outcome of the same `change` with at most one probe, which may itself
    /// set the new password. The answer was true at the probe: an original that is still under
    /// way may land after it.
    ///
    /// # Errors
    /// Why the probe was not made or did not come through; the earlier outcome then is as unknown as it was. An
    /// adapter's error has the effect of the probe itself; the guards around every configured service make it
    /// [`Unknown`](crate::Outcome::Unknown) with this attempt. `Unsupported` where [`Capabilities::resolve`] is false,
    /// `Conflict` where the probe would overwrite a later change.
    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error>;

    /// The rules that the provider will apply, as far as it tells.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::policy`] is false; else why it could not be read.
    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error>;

    /// What a user id is compared by: ids with equal keys name the same user at this provider. Changes of one user are
    /// made one at a time by it. Costs nothing.
    ///
    /// The default folds what nearly every provider folds, see [`UserKey`]; override it where more spellings are the
    /// same user (such as user names without letter case), or fewer.
    fn user_key(&self, user: &UserId) -> UserKey {
        user.key()
    }

    /// The id by which the provider itself names a user, where `user` is another name of theirs that has to be looked
    /// up, such as an e-mail address; `None` where it is not. Give it to the change by
    /// [`PasswordChange::with_canonical_id`]. Changes nothing.
    ///
    /// # Errors
    /// As a change whose user cannot be found; the effect always is that nothing was applied.
    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        let _ = (cx, user);
        Ok(None)
    }
}

#[cfg(feature = "mock")]
mockall::mock! {
    /// A service whose answers a test sets. Users are compared by the default rules, and none is looked up.
    #[derive(Debug)]
    pub PasswordService {}

    #[async_trait]
    impl PasswordService for PasswordService {
        fn provider(&self) -> &str;
        fn capabilities(&self) -> Capabilities;
        async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<ChangeReceipt, Error>;
        async fn resolve(
            &self,
            cx: &CallContext,
            attempt: &UnknownOutcome,
            change: &PasswordChange,
        ) -> Result<Resolution, Error>;
        async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error>;
    }
}

/// The everyday calls, on every [`PasswordService`]. [`reset`](Self::reset) and [`change`](Self::change) take user and
/// passwords, and are over with them: to be able to settle an unknown outcome later, make a [`PasswordChange`] and call
/// [`change_and_resolve`](Self::change_and_resolve), which borrows it.
///
/// ```
/// # use repass_domain::{InMemoryPasswordService, CallContext, Password};
/// use repass_domain::PasswordServiceExt as _;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let service = InMemoryPasswordService::new("memory").with_user("alice", "old");
/// service.change(&CallContext::default(), "alice".parse()?, Password::new("old")?, Password::new("new")?).await?;
/// assert!(service.accepts("alice", "new"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[async_trait]
pub trait PasswordServiceExt: PasswordService {
    /// The administrator sets a new password.
    ///
    /// # Errors
    /// As [`PasswordService::change_password`].
    async fn reset(&self, cx: &CallContext, user: UserId, new: Password) -> Result<ChangeReceipt, Error> {
        self.change_password(cx, &PasswordChange::reset(user, new)).await
    }

    /// The user proves the current password and sets a new one.
    ///
    /// # Errors
    /// As [`PasswordService::change_password`].
    async fn change(
        &self,
        cx: &CallContext,
        user: UserId,
        current: Password,
        new: Password,
    ) -> Result<ChangeReceipt, Error> {
        self.change_password(cx, &PasswordChange::change(user, current, new))
            .await
    }

    /// Makes a change and, if its outcome is unknown, settles it at once with one probe. No other change of the same
    /// user comes in between: the guards around every configured service hold the user's lock over both.
    ///
    /// `Ok`: the new password is in place, by the provider's answer or [by the
    /// probe](ChangeReceipt::is_proved_by_probe). An error is what became of the change. It stays unknown where the probe did
    /// not find the new password, because the original may still arrive: [resolve](PasswordService::resolve) its
    /// [attempt](Error::unknown_outcome) again later.
    ///
    /// ```
    /// # use repass_domain::{InMemoryPasswordService, CallContext, Password};
    /// use repass_domain::{PasswordChange, PasswordServiceExt as _};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let service = InMemoryPasswordService::new("memory").with_user("alice", "old");
    /// let change = PasswordChange::reset("alice".parse()?, Password::new("new")?);
    ///
    /// service.lose_next_response();
    /// match service.change_and_resolve(&CallContext::default(), &change).await {
    ///     Ok(changed) => assert!(changed.is_proved_by_probe()),
    ///     Err(error) => match error.unknown_outcome() {
    ///         None => println!("the old password still works: {error}"),
    ///         Some(handle) => println!("store {handle:?} and resolve it later: {error}"),
    ///     },
    /// }
    /// assert!(service.accepts("alice", "new"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`PasswordService::change_password`].
    ///
    /// # Budget
    /// The probe has the budget of `cx` once more, since the change may have used up its own.
    ///
    /// # Cancellation
    /// As for [`PasswordService::change_password`]; the user's lock is released. In a web handler, spawn the call, so
    /// that it ends even when the client goes away.
    async fn change_and_resolve(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let cx = cx.across_calls();
        let lost = match self.change_password(&cx, change).await {
            Ok(changed) => return Ok(changed),
            Err(error) => error,
        };
        let Some(attempt) = lost.unknown_outcome().filter(|_| self.capabilities().resolve) else {
            return Err(lost);
        };
        let note = match self.resolve(&cx, attempt, change).await {
            Ok(Resolution::InPlace) => return Ok(ChangeReceipt::new().proved_by_probe()),
            Ok(Resolution::NotInPlace) => {
                "a probe did not find the new password in place, but the original may still arrive; resolve it later"
                    .to_owned()
            }
            Ok(Resolution::StillUnknown) => {
                "a probe could not tell whether the new password is in place".to_owned()
            }
            Err(error) => format!("the probe failed: {error}"),
        };
        Err(lost.with_note(&note))
    }
}

impl<S: PasswordService + ?Sized> PasswordServiceExt for S {}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: PasswordService + ?Sized> PasswordService for $pointer<S> {
            fn provider(&self) -> &str {
                (**self).provider()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn change_password(
                &self,
                cx: &CallContext,
                change: &PasswordChange,
            ) -> Result<ChangeReceipt, Error> {
                (**self).change_password(cx, change).await
            }

            async fn resolve(
                &self,
                cx: &CallContext,
                attempt: &UnknownOutcome,
                change: &PasswordChange,
            ) -> Result<Resolution, Error> {
                (**self).resolve(cx, attempt, change).await
            }

            async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
                (**self).policy(cx).await
            }

            fn user_key(&self, user: &UserId) -> UserKey {
                (**self).user_key(user)
            }

            async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
                (**self).canonical_id(cx, user).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
