//! A service that follows reloads.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, PasswordChange, PasswordPolicy,
    PasswordService, ProfileUpdate, Resolution, UnknownOutcome, UserId, UserKey, UserProfileService,
};

use super::Shared;
use crate::layers::Pipeline;

/// The service that has this name when a call begins.
pub(super) struct ReloadableService {
    shared: Arc<Shared>,
    name: String,
}

impl ReloadableService {
    pub(super) fn new(shared: Arc<Shared>, name: &str) -> Self {
        let name = name.to_owned();
        Self { shared, name }
    }

    fn passwords(&self) -> Result<Arc<Pipeline>, Error> {
        let now = self.shared.now();
        let provider = now.providers.get(&self.name);
        provider
            .map(|it| Arc::clone(&it.passwords))
            .ok_or_else(no_longer_configured)
    }

    fn profiles(&self) -> Result<Arc<dyn UserProfileService>, Error> {
        let now = self.shared.now();
        let provider = now.providers.get(&self.name);
        provider
            .and_then(|it| it.profiles.clone())
            .ok_or_else(no_longer_configured)
    }
}

fn no_longer_configured() -> Error {
    Error::not_applied(
        ErrorKind::Misconfigured,
        "the provider is no longer in the configuration; put it back, or ask for another one",
    )
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for ReloadableService {
    fn provider(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.passwords()
            .map_or(Capabilities::NONE, |it| it.capabilities())
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.passwords()?.run_change(cx, change).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.passwords()?.run_resolve(cx, unknown, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.passwords()?.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.passwords()
            .map_or_else(|_| user.key(), |it| it.user_key(user))
    }

    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        self.passwords()?.canonical_id(cx, user).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserProfileService for ReloadableService {
    fn provider(&self) -> &str {
        &self.name
    }

    fn check(&self, update: &ProfileUpdate) -> Result<(), Error> {
        self.profiles()?.check(update)
    }

    async fn update_profile(&self, cx: &CallContext, update: &ProfileUpdate) -> Result<ChangeReceipt, Error> {
        self.profiles()?.update_profile(cx, update).await
    }
}

impl fmt::Debug for ReloadableService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadableService")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
