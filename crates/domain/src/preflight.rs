//! Checks of a user before a change.

use std::fmt;

use async_trait::async_trait;

use crate::{CallContext, Error, UserId};

/// Checks whether a user's password could be reset, without changing anything.
#[async_trait]
pub trait PreflightService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name.
    fn provider(&self) -> &str;

    /// Checks that the user exists and that, as far as the provider reports it, an administrator can set their
    /// password. A later reset can still fail: permissions, password rules and rate limits are not checked.
    ///
    /// # Errors
    /// [`UserNotFound`](crate::ErrorKind::UserNotFound) or [`NotEligible`](crate::ErrorKind::NotEligible) if the check
    /// fails; any other kind if the user could not be checked. The outcome is always `NotApplied`.
    async fn preflight(&self, cx: &CallContext, user: &UserId) -> Result<(), Error>;
}
