//! Zoom as a [`PasswordService`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use repass_domain::{
    CallContext, CallRedactor, Capabilities, ChangeReceipt, Error, PasswordChange, PasswordPolicy,
    PasswordService, Preset, Resolution, Rule, UnknownOutcome, Violation,
};
use repass_provider::{Classification, OutcomeMapper};
use repass_transport::{AttemptOutcome, Instant, Request, Response, Transport, TransportError};

use crate::request::{self, Encoding};
use crate::{BodyEncoding, ZoomSettings, errors, policy};

pub(crate) const TRACKING_HEADER: &str = "x-zm-trackingid";

/// A password service for Zoom, which sets passwords by administrator authority. The user gets an e-mail from Zoom
/// each time; nothing can suppress it.
///
/// Only users with a Zoom work e-mail login can be set, and no administrators. Zoom refuses the
/// password that is valid already, and may cap the changes within 24 hours.
#[derive(Debug)]
pub struct ZoomService {
    provider: String,
    settings: ZoomSettings,
    transport: Arc<dyn Transport>,
    // In `auto`: Zoom has refused form data before.
    json_only: AtomicBool,
    basic_rules: PasswordPolicy,
    // The same without the rest.
    basic_lengths: PasswordPolicy,
}

impl ZoomService {
    /// Creates the service of Zoom under its configured name. `transport` must lead to the account's base URL. Sends
    /// nothing.
    pub fn new(provider: impl Into<String>, settings: ZoomSettings, transport: Arc<dyn Transport>) -> Self {
        Self {
            provider: provider.into(),
            settings,
            transport,
            json_only: AtomicBool::new(false),
            basic_rules: Preset::ZoomDefault.into(),
            basic_lengths: basic_lengths(),
        }
    }

    fn first_encoding(&self) -> Encoding {
        match self.settings.body {
            BodyEncoding::Json => Encoding::Json,
            BodyEncoding::Auto if self.json_only.load(Ordering::Relaxed) => Encoding::Json,
            BodyEncoding::Auto | BodyEncoding::FormData => Encoding::FormData,
        }
    }

    pub(crate) async fn deliver(&self, request: &Request) -> Result<Response, TransportError> {
        self.transport.deliver(request).await
    }

    pub(crate) fn name(&self) -> &str {
        &self.provider
    }

    /// Sends a request, if need be in the other encoding too.
    pub(crate) async fn send(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        request: impl Fn(Encoding) -> Request + Send + Sync,
        classification: fn(&Response, &CallRedactor<'_>) -> Classification,
    ) -> Result<(Response, Classification), Error> {
        let start = Instant::now();
        let (mut encoding, mut budget) = (self.first_encoding(), cx.budget());
        loop {
            let request = request(encoding)
                .budget(budget)
                .before_send(cx.before_send().cloned());
            let response = self.transport.deliver(&request).await;
            let response = response.map_err(|failure| mapper.change_failure(&failure))?;
            let classification = classification(&response, mapper.redactor());
            let other_way = self.settings.body == BodyEncoding::Auto && encoding == Encoding::FormData;
            let refused =
                classification.outcome == AttemptOutcome::EncodingRefused && !response.is_in_doubt();
            if !(other_way && refused) {
                // Only an encoding that was taken is remembered.
                if encoding == Encoding::Json && !refused {
                    self.json_only.store(true, Ordering::Relaxed);
                }
                return Ok((response, classification));
            }
            (encoding, budget) = (Encoding::Json, cx.after(start.elapsed()).budget());
        }
    }

    async fn send_change(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
        mapper: &OutcomeMapper<'_>,
    ) -> Result<(Response, Classification), Error> {
        let request = |encoding| request::password(change, encoding);
        self.send(cx, mapper, request, errors::password).await
    }

    fn mapper<'a>(&'a self, change: &'a PasswordChange) -> OutcomeMapper<'a> {
        OutcomeMapper::new(&self.provider, TRACKING_HEADER, CallRedactor::for_change(change))
    }
}

#[async_trait]
impl PasswordService for ZoomService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
            .with_reset()
            .with_resolve_by_resending()
            .with_policy()
            .with_before_send()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.capabilities().check_mode(change.mode())?;
        let broken = || self.basic_rules.check(change.new_password());
        // No account takes another length, and no login form some characters; the other rules are Zoom's to
        // enforce or not.
        if !self.basic_lengths.check(change.new_password()).is_empty() {
            return Err(Error::refused(broken()));
        }
        let mapper = self.mapper(change);
        let (response, mut classification) = self.send_change(cx, change, &mapper).await?;
        name_every_rule(&mut classification, broken);
        mapper.change_response(&response, classification)
    }

    /// Sends the same change once more. That Zoom takes it, or refuses it as the password that is
    /// valid already, shows that it is in place. The attempt must have been sent: without it the
    /// same refusal would only mean that the user chose the old password again.
    async fn resolve(
        &self,
        cx: &CallContext,
        _attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.capabilities().check(change)?;
        let mapper = self.mapper(change);
        let (response, classification) = self.send_change(cx, change, &mapper).await?;
        match classification.rules.first() {
            Some(Rule::NotCurrent) => Ok(Resolution::InPlace),
            // The original may have been the last one that was allowed.
            Some(Rule::ChangesPerDay) => Ok(Resolution::StillUnknown),
            _ => mapper
                .change_response(&response, classification)
                .map(|_| Resolution::InPlace),
        }
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        let mapper = OutcomeMapper::new(&self.provider, TRACKING_HEADER, CallRedactor::for_nothing());
        let response = self
            .transport
            .deliver(&policy::request().budget(cx.budget()))
            .await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        policy::read(&response).map_err(|classification| mapper.read_response(&response, classification))
    }
}

fn basic_lengths() -> PasswordPolicy {
    let lengths = PasswordPolicy::builder().exact([Rule::MinLength(8), Rule::MaxLength(31)]);
    lengths
        .build()
        .expect("a password can be 8 to 31 characters long")
}

// Zoom reports one violated rule at a time. The other documented rules that the password violates are added, so
// that the next try can be the last.
fn name_every_rule(classification: &mut Classification, broken: impl FnOnce() -> Vec<Violation>) {
    let Some(first) = classification.rules.first() else {
        return;
    };
    if matches!(first, Rule::NotCurrent | Rule::ChangesPerDay) {
        return;
    }
    for violation in broken() {
        if classification
            .rules
            .iter()
            .all(|rule| rule.code() != violation.rule().code())
        {
            classification.rules.push(violation.rule().clone());
        }
    }
}
