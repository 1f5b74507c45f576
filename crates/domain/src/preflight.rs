//! Asking about a user before anything is changed.

use std::fmt;

use async_trait::async_trait;

use crate::{CallContext, Error, UserId};

/// Tells whether users could be given a new password, without changing anything.
#[async_trait]
pub trait PreflightService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name.
    fn provider(&self) -> &str;

    /// Whether the user exists and is, as far as the provider tells, one whose password an administrator can set.
    /// Not what a reset would be: rights, rules and rates may still be in its way.
    ///
    /// # Errors
    /// [`UserNotFound`](crate::ErrorKind::UserNotFound) or [`NotEligible`](crate::ErrorKind::NotEligible) if not;
    /// any other kind is why it could not be told. The effect always is that nothing was applied.
    async fn preflight(&self, cx: &CallContext, user: &UserId) -> Result<(), Error>;
}
