//! The one trait behind which every provider stands.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Attempt, CallContext, Capabilities, Changed, Error, Password, PasswordChange, PasswordPolicy, Resolution,
    UserId,
};

/// Changes passwords at one provider.
///
/// Every implementation keeps these promises, and the conformance suite checks them:
///
/// - `Ok` means that the new password was set by this call; an error whose
///   [`effect`](Error::effect) is `NotApplied` means that it was not. Neither is ever a guess; all
///   else is `Unknown`.
/// - At most one sending of a change can take effect, whatever is retried inside.
/// - A call returns within its budget, and a budget of zero sends nothing.
/// - A new password that nobody could type is refused before anything is sent; see
///   [`Password::check_typeable`]. [`Capabilities::admit`] does it.
/// - No secret is in any error, log or `Debug` output.
///
/// Share it as `Arc<dyn PasswordService>`; with the feature `mock` there is a
/// `MockPasswordService` and a stateful `InMemoryPasswordService` for tests.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait PasswordService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name. It is of low cardinality: fit for a label in metrics.
    fn provider(&self) -> &str;

    /// What the provider can do. Costs nothing.
    fn capabilities(&self) -> Capabilities;

    /// Changes one password, at most once.
    ///
    /// # Errors
    /// [`Error::effect`] says whether it may have happened, [`Error::kind`] what to do.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown, without the evidence that an error would
    /// carry. Give the call a budget instead of wrapping it in a timeout.
    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error>;

    /// Settles an unknown outcome of the same `change` with at most one probe, which may itself
    /// set the new password. The answer was true at the probe: an original that is still under
    /// way may land after it.
    ///
    /// # Errors
    /// As for [`change_password`](Self::change_password), where the probe did not come through;
    /// the earlier outcome then is as unknown as it was. `Unsupported` where
    /// [`Capabilities::resolve`] is false.
    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &Attempt,
        change: &PasswordChange,
    ) -> Result<Resolution, Error>;

    /// The rules that the provider will apply, as far as it tells.
    ///
    /// # Errors
    /// `Unsupported` where [`Capabilities::policy`] is false; else why it could not be read.
    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error>;
}

/// The two everyday calls, on every [`PasswordService`]. They take user and passwords, and are over with them: to be
/// able to settle an unknown outcome, make a [`PasswordChange`] and call
/// [`change_password`](PasswordService::change_password), which borrows it.
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
    async fn reset(&self, cx: &CallContext, user: UserId, new: Password) -> Result<Changed, Error> {
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
    ) -> Result<Changed, Error> {
        self.change_password(cx, &PasswordChange::change(user, current, new))
            .await
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
            ) -> Result<Changed, Error> {
                (**self).change_password(cx, change).await
            }

            async fn resolve(
                &self,
                cx: &CallContext,
                attempt: &Attempt,
                change: &PasswordChange,
            ) -> Result<Resolution, Error> {
                (**self).resolve(cx, attempt, change).await
            }

            async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
                (**self).policy(cx).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
