//! The identity portal as a [`PasswordService`].

use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{
    CallContext, CallRedactor, Capabilities, ChangeReceipt, Error, PasswordChange, PasswordPolicy,
    PasswordService, ProfileUpdate, Resolution, UnknownOutcome, UserId,
};
use repass_provider::OutcomeMapper;
use repass_transport::{Instant, Request, Response, Transport, TransportError};

use crate::{IdentitySettings, errors, lookup, policy, request};

// The portal names its exchanges in the W3C way, if at all.
const TRACKING_HEADER: &str = "traceparent";

/// A password service for UiPath's identity portal. Users are named by their GUID there, or by e-mail address where
/// [`IdentitySettings::organization`] is set: that costs one more request.
///
/// A wrong current password counts towards lock-out. A changed password does not end sessions or
/// tokens that are already issued.
#[derive(Debug)]
pub struct IdentityService {
    provider: String,
    settings: IdentitySettings,
    transport: Arc<dyn Transport>,
}

impl IdentityService {
    /// Creates the service of the portal under its configured name. `transport` must lead to the identity base URL.
    /// Sends nothing.
    pub fn new(
        provider: impl Into<String>,
        settings: IdentitySettings,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            provider: provider.into(),
            settings,
            transport,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.provider
    }

    pub(crate) async fn deliver(&self, request: &Request) -> Result<Response, TransportError> {
        self.transport.deliver(request).await
    }

    /// The organization in which a user who is not named by GUID is looked up.
    pub(crate) fn organization_for(&self, user: &UserId) -> Option<&str> {
        let organization = self.settings.organization.as_deref();
        organization.filter(|_| user.expose().contains('@'))
    }

    pub(crate) fn mapper<'a>(&'a self, redactor: CallRedactor<'a>) -> OutcomeMapper<'a> {
        OutcomeMapper::new(&self.provider, TRACKING_HEADER, redactor)
    }

    /// Sends a request about the change's user, whose GUID is looked up first where need be.
    async fn send(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        change: &PasswordChange,
        request: fn(&UserId, &PasswordChange) -> Request,
    ) -> Result<Response, Error> {
        let start = Instant::now();
        let found = match (change.canonical_id(), self.organization_for(change.user())) {
            (None, Some(organization)) => Some(self.look_up(cx, mapper, organization, change.user()).await?),
            (known, _) => known.cloned(),
        };
        let request = request(found.as_ref().unwrap_or(change.user()), change);
        let budget = cx.after(start.elapsed()).budget();
        let request = request.budget(budget).before_send(cx.before_send().cloned());
        let response = self.transport.deliver(&request).await;
        response.map_err(|failure| mapper.change_failure(&failure))
    }

    pub(crate) async fn look_up(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        organization: &str,
        user: &UserId,
    ) -> Result<UserId, Error> {
        let request = lookup::request(organization, user).budget(cx.budget());
        let response = self.transport.deliver(&request).await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        lookup::read(&response, user)
            .map_err(|classification| mapper.read_response(&response, classification))
    }
}

#[async_trait]
impl PasswordService for IdentityService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        let can = Capabilities::NONE
            .with_reset()
            .with_change()
            .with_resolve()
            .with_policy()
            .with_before_send();
        match self.settings.organization {
            Some(_) => can.with_canonical_ids(),
            None => can,
        }
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.capabilities().check(change)?;
        let mapper = self.mapper(CallRedactor::for_change(change));
        let response = self.send(cx, &mapper, change, request::password).await?;
        mapper.change_response(&response, errors::password(&response, mapper.redactor()))
    }

    /// Changes the new password to itself. The old one is checked first, so success, or any refusal
    /// that comes after that check, shows that it is in place. If it is not, the probe
    /// counts towards lock-out.
    async fn resolve(
        &self,
        cx: &CallContext,
        _attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let mapper = self.mapper(CallRedactor::for_change(change));
        let response = self.send(cx, &mapper, change, request::probe).await?;
        match errors::probe(&response, mapper.redactor()) {
            Some(resolution) => Ok(resolution),
            None => mapper
                .change_response(&response, errors::password(&response, mapper.redactor()))
                .map(|_| Resolution::StillUnknown),
        }
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        let mapper = self.mapper(CallRedactor::for_nothing());
        let request = policy::request(self.settings.organization.as_deref()).budget(cx.budget());
        let response = self.transport.deliver(&request).await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        policy::read(&response).map_err(|classification| mapper.read_response(&response, classification))
    }

    /// Looks up the GUID behind an e-mail address, where [`IdentitySettings::organization`] is set.
    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        let Some(organization) = self.organization_for(user) else {
            return Ok(None);
        };
        let nothing = ProfileUpdate::new(user.clone());
        let mapper = self.mapper(CallRedactor::for_profile(&nothing));
        self.look_up(cx, &mapper, organization, user).await.map(Some)
    }
}
