//! The identity portal as a [`PasswordService`].

use std::sync::Arc;

use async_trait::async_trait;
use repass_adapter_kit::Reader;
use repass_domain::{
    Attempt, CallContext, Capabilities, Changed, Error, ErrorKind, PasswordChange, PasswordPolicy,
    PasswordService, Resolution,
};
use repass_transport::Transport;

use crate::{IdentityConfig, request, verdict};

// The portal names its exchanges in the W3C way, if at all.
const TRACKING_HEADER: &str = "traceparent";

/// Changes and resets passwords at the identity portal. Users are named by their GUID there.
///
/// A wrong current password counts towards lock-out. A changed password does not end sessions or
/// tokens that are already issued.
#[derive(Debug)]
pub struct IdentityService {
    provider: String,
    transport: Arc<dyn Transport>,
}

impl IdentityService {
    /// The portal under the name it has in the configuration. `transport` must lead to the
    /// identity base URL. Sends nothing.
    pub fn new(provider: impl Into<String>, _config: IdentityConfig, transport: Arc<dyn Transport>) -> Self {
        Self {
            provider: provider.into(),
            transport,
        }
    }
}

#[async_trait]
impl PasswordService for IdentityService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_administrator().with_current_password()
    }

    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error> {
        self.capabilities().require(change.authority())?;
        let reader = Reader::new(&self.provider, TRACKING_HEADER, change);
        let request = request::password(change).budget(cx.budget());
        match self.transport.deliver(&request).await {
            Ok(answer) => reader.conclude(&answer, verdict::password(&answer)),
            Err(failure) => Err(reader.failed(&failure)),
        }
    }

    async fn resolve(
        &self,
        _cx: &CallContext,
        _attempt: &Attempt,
        _change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        Err(Error::not_applied(
            ErrorKind::Unsupported,
            "the portal's outcomes cannot be settled yet",
        ))
    }

    async fn policy(&self, _cx: &CallContext) -> Result<PasswordPolicy, Error> {
        Err(Error::not_applied(
            ErrorKind::Unsupported,
            "the portal's policy cannot be read yet",
        ))
    }
}
