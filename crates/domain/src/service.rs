//! The service that every provider implements.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    CallContext, Capabilities, ChangeReceipt, Error, Password, PasswordChange, PasswordPolicy, Resolution,
    UnknownOutcome, UserId, UserKey,
};

/// Changes passwords at one provider.
///
/// # Contract
/// Every implementation guarantees the following, and the conformance suite checks it:
///
/// - `Ok` means that this call set the new password. An error with the [`outcome`](Error::outcome) `NotApplied` means
///   that it did not. Both are proven, never guessed; everything else is `Unknown`.
/// - A change takes effect at most once, regardless of internal retries.
/// - A call returns within its budget. With a budget of zero it sends nothing.
/// - A new password that cannot be typed is rejected before anything is sent; see [`Password::check_typeable`].
///   [`Capabilities::check`] checks this.
/// - No secret appears in an error, log or `Debug` output.
///
/// Share it as `Arc<dyn PasswordService>`; with the feature `mock` there is a
/// `MockPasswordService` and a stateful `InMemoryPasswordService` for tests.
#[async_trait]
pub trait PasswordService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name. It has low cardinality, so it can be a metric label.
    fn provider(&self) -> &str;

    /// The operations and guarantees that the provider supports. Cheap: sends nothing.
    fn capabilities(&self) -> Capabilities;

    /// Changes one user's password, at most once.
    ///
    /// # Errors
    /// [`Error::outcome`] says whether the change may have been applied, [`Error::kind`] what went wrong.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown, without the handle that an error would carry. Use a budget
    /// instead of a timeout around the call.
    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error>;

    /// Resolves an unknown outcome of the same `change` with at most one probe, which may itself set the new password.
    ///
    /// The result was true at the time of the probe: an original request that is still in flight may arrive after it.
    ///
    /// # Errors
    /// The probe was not made or failed; the outcome of the change stays unknown. The error of an adapter has the
    /// outcome of the probe itself; the layers around every configured service turn it into
    /// [`Unknown`](crate::Outcome::Unknown) with this handle. `Unsupported` if [`Capabilities::resolve`] is false,
    /// `Conflict` if the probe would overwrite a later change.
    async fn resolve(
        &self,
        cx: &CallContext,
        unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error>;

    /// The password rules of the provider, as far as it publishes them.
    ///
    /// # Errors
    /// `Unsupported` if [`Capabilities::policy`] is false; otherwise why the rules could not be read.
    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error>;

    /// The comparison key of a user id: ids with equal keys identify the same user at this provider. Changes of the
    /// same user are serialized by it. Cheap: sends nothing.
    ///
    /// The default folds what nearly every provider folds, see [`UserKey`]. Override it if the provider treats more ids
    /// as equal (such as user names in any letter case), or fewer.
    fn user_key(&self, user: &UserId) -> UserKey {
        user.key()
    }

    /// Looks up the provider's own id of a user who is identified differently, for example by e-mail address. `None` if
    /// `user` needs no lookup. Pass the id to [`PasswordChange::with_canonical_id`]. Changes nothing.
    ///
    /// # Errors
    /// The same errors as a change for a user who cannot be found. The outcome is always `NotApplied`.
    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        let _ = (cx, user);
        Ok(None)
    }
}

#[cfg(feature = "mock")]
mockall::mock! {
    /// A mock service. `user_key` and `canonical_id` have their default implementations.
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
            unknown: &UnknownOutcome,
            change: &PasswordChange,
        ) -> Result<Resolution, Error>;
        async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error>;
    }
}

/// Convenience methods for every [`PasswordService`].
///
/// [`reset`](Self::reset) and [`change`](Self::change) consume the user id and passwords. To be able to resolve an
/// unknown outcome later, build a [`PasswordChange`] and call [`change_and_resolve`](Self::change_and_resolve), which
/// borrows it.
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
    /// Sets a new password with the configured administrator credentials.
    ///
    /// # Errors
    /// As [`PasswordService::change_password`].
    async fn reset(&self, cx: &CallContext, user: UserId, new: Password) -> Result<ChangeReceipt, Error> {
        self.change_password(cx, &PasswordChange::reset(user, new)).await
    }

    /// Sets a new password, authorized by the user's current password.
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

    /// Makes a change and, if its outcome is unknown, resolves it immediately with one probe. No other change of the
    /// same user can run in between: a configured service holds the user's lock across both calls.
    ///
    /// `Ok` means that the new password is in place, according to the provider's response or to [the
    /// probe](ChangeReceipt::is_proved_by_probe). If the probe does not find the new password, the outcome stays unknown,
    /// because the original request may still arrive: [resolve](PasswordService::resolve) the error's
    /// [`unknown_outcome`](Error::unknown_outcome) again later.
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
    /// The probe gets the full budget of `cx` again, since the change may have used up its own.
    ///
    /// # Cancellation
    /// As for [`PasswordService::change_password`]; the user's lock is released. In a web handler, spawn the call so that
    /// it completes even if the client disconnects.
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
        let Some(unknown) = lost.unknown_outcome().filter(|_| self.capabilities().resolve) else {
            return Err(lost);
        };
        let note = match self.resolve(&cx, unknown, change).await {
            Ok(Resolution::InPlace) => return Ok(ChangeReceipt::new().proved_by_probe()),
            Ok(Resolution::NotInPlace) => {
                "a probe did not find the new password in place, but the original request may still arrive; resolve it later"
                    .to_owned()
            }
            Ok(Resolution::StillUnknown) => {
                "a probe could not determine whether the new password is in place".to_owned()
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
                unknown: &UnknownOutcome,
                change: &PasswordChange,
            ) -> Result<Resolution, Error> {
                (**self).resolve(cx, unknown, change).await
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
