//! The identity portal as a [`PasswordService`].

use std::sync::Arc;

use async_trait::async_trait;
use repass_adapter_kit::Reader;
use repass_domain::{
    Attempt, CallContext, Capabilities, Changed, Error, PasswordChange, PasswordPolicy, PasswordService,
    ProfileUpdate, Resolution, Scrubber, UserId,
};
use repass_transport::{Answer, Failure, Instant, Request, Transport};

use crate::{IdentityConfig, lookup, policy, request, verdict};

// The portal names its exchanges in the W3C way, if at all.
const TRACKING_HEADER: &str = "traceparent";

/// Changes and resets passwords at the identity portal. Users are named by their GUID there, or by
/// e-mail address where [`IdentityConfig::organization`] is set: that costs one more request.
///
/// A wrong current password counts towards lock-out. A changed password does not end sessions or
/// tokens that are already issued.
#[derive(Debug)]
pub struct IdentityService {
    provider: String,
    config: IdentityConfig,
    transport: Arc<dyn Transport>,
}

impl IdentityService {
    /// The portal under the name it has in the configuration. `transport` must lead to the
    /// identity base URL. Sends nothing.
    pub fn new(provider: impl Into<String>, config: IdentityConfig, transport: Arc<dyn Transport>) -> Self {
        Self {
            provider: provider.into(),
            config,
            transport,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.provider
    }

    pub(crate) async fn deliver(&self, request: &Request) -> Result<Answer, Failure> {
        self.transport.deliver(request).await
    }

    /// The organisation in which a user who is not named by GUID is looked up.
    pub(crate) fn organization_for(&self, user: &UserId) -> Option<&str> {
        let organization = self.config.organization.as_deref();
        organization.filter(|_| user.expose().contains('@'))
    }

    pub(crate) fn reader<'a>(&'a self, scrubber: Scrubber<'a>) -> Reader<'a> {
        Reader::new(&self.provider, TRACKING_HEADER, scrubber)
    }

    /// Sends a request about the change's user, whose GUID is looked up first where need be.
    async fn send(
        &self,
        cx: &CallContext,
        reader: &Reader<'_>,
        change: &PasswordChange,
        request: fn(&UserId, &PasswordChange) -> Request,
    ) -> Result<Answer, Error> {
        let start = Instant::now();
        let found = match (change.account(), self.organization_for(change.user())) {
            (None, Some(organization)) => Some(self.look_up(cx, reader, organization, change.user()).await?),
            (known, _) => known.cloned(),
        };
        let request = request(found.as_ref().unwrap_or(change.user()), change);
        let budget = cx.after(start.elapsed()).budget();
        let request = request.budget(budget).before_send(cx.before_send().cloned());
        let answer = self.transport.deliver(&request).await;
        answer.map_err(|failure| reader.failed(&failure))
    }

    pub(crate) async fn look_up(
        &self,
        cx: &CallContext,
        reader: &Reader<'_>,
        organization: &str,
        user: &UserId,
    ) -> Result<UserId, Error> {
        let request = lookup::request(organization, user).budget(cx.budget());
        let answer = self.transport.deliver(&request).await;
        let answer = answer.map_err(|failure| reader.unread(&failure))?;
        lookup::read(&answer, user).map_err(|verdict| reader.refused(&answer, verdict))
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
        match self.config.organization {
            Some(_) => can.with_canonical_ids(),
            None => can,
        }
    }

    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error> {
        self.capabilities().admit(change)?;
        let reader = self.reader(Scrubber::for_change(change));
        let answer = self.send(cx, &reader, change, request::password).await?;
        reader.conclude(&answer, verdict::password(&answer, reader.scrubber()))
    }

    /// Changes the new password to itself. The old one is checked first, so success, or any refusal
    /// that comes after that check, shows that it is in place. If it is not, the probe
    /// counts towards lock-out.
    async fn resolve(
        &self,
        cx: &CallContext,
        _attempt: &Attempt,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let reader = self.reader(Scrubber::for_change(change));
        let answer = self.send(cx, &reader, change, request::probe).await?;
        match verdict::probe(&answer, reader.scrubber()) {
            Some(resolution) => Ok(resolution),
            None => reader
                .conclude(&answer, verdict::password(&answer, reader.scrubber()))
                .map(|_| Resolution::StillUnknown),
        }
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        let reader = self.reader(Scrubber::for_nothing());
        let request = policy::request(self.config.organization.as_deref()).budget(cx.budget());
        let answer = self.transport.deliver(&request).await;
        let answer = answer.map_err(|failure| reader.unread(&failure))?;
        policy::read(&answer).map_err(|verdict| reader.refused(&answer, verdict))
    }

    /// Looks up the GUID behind an e-mail address, where [`IdentityConfig::organization`] is set.
    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        let Some(organization) = self.organization_for(user) else {
            return Ok(None);
        };
        let nothing = ProfileUpdate::new(user.clone());
        let reader = self.reader(Scrubber::for_profile(&nothing));
        self.look_up(cx, &reader, organization, user).await.map(Some)
    }
}
