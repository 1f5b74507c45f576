//! Zoom as a [`PasswordService`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use repass_adapter_kit::{Reader, Verdict};
use repass_domain::{
    Attempt, CallContext, Capabilities, Changed, Error, ErrorKind, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, Rule, Violation,
};
use repass_transport::{Answer, Observed, Transport};

use crate::request::{self, Encoding};
use crate::{BodyEncoding, ZoomConfig, verdict};

const TRACKING_HEADER: &str = "x-zm-trackingid";

/// Sets passwords at Zoom, by administrator authority. The user gets an e-mail from Zoom each
/// time; nothing can suppress it.
///
/// Only users with a Zoom work e-mail login can be set, and no administrators. Zoom refuses the
/// password that is valid already, and may cap the changes within 24 hours.
#[derive(Debug)]
pub struct ZoomService {
    provider: String,
    config: ZoomConfig,
    transport: Arc<dyn Transport>,
    // In `auto`: Zoom has refused form data before.
    json_only: AtomicBool,
}

impl ZoomService {
    /// Zoom under the name it has in the configuration. `transport` must lead to the account's
    /// base URL, [`ZoomConfig::BASE_URL`] by default. Sends nothing.
    pub fn new(provider: impl Into<String>, config: ZoomConfig, transport: Arc<dyn Transport>) -> Self {
        Self {
            provider: provider.into(),
            config,
            transport,
            json_only: AtomicBool::new(false),
        }
    }

    fn first_encoding(&self) -> Encoding {
        match self.config.body {
            BodyEncoding::Json => Encoding::Json,
            BodyEncoding::Auto if self.json_only.load(Ordering::Relaxed) => Encoding::Json,
            BodyEncoding::Auto | BodyEncoding::FormData => Encoding::FormData,
        }
    }

    async fn send(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
        reader: &Reader<'_>,
        encoding: Encoding,
    ) -> Result<(Answer, Verdict), Error> {
        let request = request::password(change, encoding).budget(cx.budget());
        match self.transport.deliver(&request).await {
            Ok(answer) => {
                let verdict = verdict::password(&answer);
                Ok((answer, verdict))
            }
            Err(failure) => Err(reader.failed(&failure)),
        }
    }
}

/// The rules that Zoom documents for every account, as far as a password alone can break them.
fn basic_rules() -> PasswordPolicy {
    PasswordPolicy::new(vec![
        Rule::MinLength(8),
        // Documents say 31 for this call and 32 elsewhere: the safe side.
        Rule::MaxLength(31),
        Rule::Letter,
        Rule::Digit,
        Rule::MixedCase,
        Rule::NotOneCharacter,
    ])
}

#[async_trait]
impl PasswordService for ZoomService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_administrator()
    }

    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error> {
        self.capabilities().require(change.authority())?;
        let broken = basic_rules().check(change.new_password());
        // No account takes another length; the other rules are Zoom's to enforce or not.
        if broken
            .iter()
            .any(|v| matches!(v.rule(), Rule::MinLength(_) | Rule::MaxLength(_)))
        {
            return Err(Error::refused(broken));
        }
        let start = Instant::now();
        let reader = Reader::new(&self.provider, TRACKING_HEADER, change);
        let encoding = self.first_encoding();
        let (mut answer, mut verdict) = self.send(cx, change, &reader, encoding).await?;
        let refused = verdict.observed == Observed::EncodingRefused && encoding == Encoding::FormData;
        if refused && self.config.body == BodyEncoding::Auto {
            self.json_only.store(true, Ordering::Relaxed);
            (answer, verdict) = self
                .send(&cx.after(start.elapsed()), change, &reader, Encoding::Json)
                .await?;
        }
        name_every_rule(&mut verdict, &broken);
        reader.conclude(&answer, verdict)
    }

    async fn resolve(
        &self,
        _cx: &CallContext,
        _attempt: &Attempt,
        _change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        Err(Error::not_applied(
            ErrorKind::Unsupported,
            "Zoom's outcomes cannot be settled yet",
        ))
    }

    async fn policy(&self, _cx: &CallContext) -> Result<PasswordPolicy, Error> {
        Err(Error::not_applied(
            ErrorKind::Unsupported,
            "Zoom's policy cannot be read yet",
        ))
    }
}

// Zoom tells one broken rule at a time. Once it has, its other documented rules that the password
// breaks are told as well, so that the next try can be the last.
fn name_every_rule(verdict: &mut Verdict, broken: &[Violation]) {
    let Some(first) = verdict.rules.first() else {
        return;
    };
    if matches!(first, Rule::NotCurrent | Rule::ChangesPerDay) {
        return;
    }
    for violation in broken {
        if verdict
            .rules
            .iter()
            .all(|rule| rule.code() != violation.rule().code())
        {
            verdict.rules.push(violation.rule().clone());
        }
    }
}
