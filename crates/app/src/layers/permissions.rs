//! By whose right passwords may be changed, where that is less than the provider takes.

use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, UnknownOutcome, UserId, UserKey,
};

use crate::config::Allow;

#[derive(Debug)]
pub(super) struct PermissionLayer {
    inner: Arc<dyn PasswordService>,
    allow: Allow,
}

impl PermissionLayer {
    pub(super) fn new(inner: Arc<dyn PasswordService>, allow: Allow) -> Self {
        Self { inner, allow }
    }

    fn admit(&self, authority: &ChangeMode) -> Result<(), Error> {
        let hint = match (self.allow, authority) {
            (Allow::Change, ChangeMode::AdminReset) => {
                "the configuration allows no administrator reset here; give the current password"
            }
            (Allow::Reset, ChangeMode::SelfService(_)) => {
                "the configuration allows no change by the current password here; make it an administrator reset"
            }
            _ => return Ok(()),
        };
        Err(Error::not_applied(ErrorKind::Unsupported, hint))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for PermissionLayer {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = self.inner.capabilities();
        match self.allow {
            Allow::Change => can.reset = false,
            Allow::Reset => can.change = false,
        }
        can
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.admit(change.mode())?;
        self.inner.change_password(cx, change).await
    }

    // The probe may set the password itself.
    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.admit(change.mode())?;
        self.inner.resolve(cx, attempt, change).await
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
