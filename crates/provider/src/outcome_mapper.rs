//! From classifications and failures to outcomes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use repass_domain::{
    CallRedactor, ChangeReceipt, Error, ErrorKind, Evidence, FieldProblem, PriorState, ProviderDetail,
    Redactor, Rule, UnknownOutcome, Violation,
};
use repass_transport::ldap::Reply;
use repass_transport::{Cause, Response, SideEffect, TransportError, retry_after};

use crate::Classification;

/// The most reasons that are reported of one rejection: more than any provider has rules.
const MOST_REASONS: usize = 24;

/// Turns the responses and failures of one call into its result: a receipt or an error.
#[derive(Debug)]
pub struct OutcomeMapper<'a> {
    provider: &'a str,
    tracking_header: &'static str,
    redactor: CallRedactor<'a>,
    table: Option<Arc<str>>,
    in_doubt: &'static str,
    prior_state: PriorState,
}

/// A provider's response, over HTTP or LDAP.
#[derive(Debug, Clone, Copy)]
pub enum ProviderResponse<'r> {
    /// An HTTP response.
    Http(&'r Response),
    /// An LDAP reply, and the redactor that knows the secrets of the service's credentials.
    Ldap(&'r Reply, &'r Redactor),
}

impl<'r> From<&'r Response> for ProviderResponse<'r> {
    fn from(response: &'r Response) -> Self {
        Self::Http(response)
    }
}

impl<'r> ProviderResponse<'r> {
    fn http(self) -> Option<&'r Response> {
        match self {
            Self::Http(response) => Some(response),
            Self::Ldap(..) => None,
        }
    }

    fn is_in_doubt(self) -> bool {
        self.http().is_some_and(Response::is_in_doubt)
    }

    fn redactor(self) -> Option<&'r Redactor> {
        match self {
            Self::Http(response) => response.redactor(),
            Self::Ldap(_, redactor) => Some(redactor),
        }
    }

    fn delay(self) -> Option<Duration> {
        let response = self.http()?;
        response
            .wait()
            .or_else(|| retry_after(response, SystemTime::now()))
    }
}

impl<'a> OutcomeMapper<'a> {
    /// Creates a mapper for one call to the provider with the configured name `provider`. Its responses have their
    /// tracking id in the header `tracking_header`; `redactor` knows the secrets of the call.
    pub fn new(provider: &'a str, tracking_header: &'static str, redactor: CallRedactor<'a>) -> Self {
        Self {
            provider,
            tracking_header,
            redactor,
            table: None,
            in_doubt: "whether the password was changed is not known: `resolve` can tell",
            prior_state: PriorState::default(),
        }
    }

    /// Sets the hash of the table by which the responses are read.
    pub fn by_table(mut self, hash: Arc<str>) -> Self {
        self.table = Some(hash);
        self
    }

    /// Sets the state that was read of the user before the change.
    pub fn with_prior_state(mut self, prior_state: PriorState) -> Self {
        self.prior_state = prior_state;
        self
    }

    /// Makes the mapper's messages speak of a profile update in place of a password change.
    pub fn for_profile(mut self) -> Self {
        self.in_doubt = "whether the profile was changed is not known: the same update can be made again";
        self
    }

    /// The redactor that knows the secrets of the call, for tables that read numbers out of texts.
    pub fn redactor(&self) -> &CallRedactor<'a> {
        &self.redactor
    }

    /// Returns the result of a change that got a response.
    ///
    /// # Errors
    /// The classification, unless it says that the provider did it.
    pub fn change_response<'r>(
        &self,
        response: impl Into<ProviderResponse<'r>>,
        classification: Classification,
    ) -> Result<ChangeReceipt, Error> {
        let response = response.into();
        let detail = self.detail(response, &classification);
        match classification.outcome.side_effect() {
            SideEffect::Certain => Ok(ChangeReceipt::new()
                .with_tracking_id(detail.tracking_id)
                .with_evidence(detail.evidence)),
            SideEffect::Possible => {
                let message = classification.hint.unwrap_or(classification.kind.title());
                Err(self.unknown(classification.kind, message).with_detail(detail))
            }
            // An earlier sending may have been carried out, and this be the refusal of the next one.
            SideEffect::None if response.is_in_doubt() => {
                let what = "the request was sent more than once, and the last response is a refusal";
                Err(self.unknown(classification.kind, what).with_detail(detail))
            }
            SideEffect::None => Err(self.refusal(response, classification).with_detail(detail)),
        }
    }

    /// Returns the error of a change that got no response.
    pub fn change_failure(&self, failure: &TransportError) -> Error {
        let kind = kind_of(failure.cause());
        match failure.outcome().side_effect() {
            SideEffect::None => {
                Error::not_applied(kind, failure.to_string()).with_retry_after(failure.retry_after())
            }
            _ => self.unknown(kind, &failure.to_string()),
        }
    }

    /// Returns the error of a call that changes nothing and got no response.
    pub fn read_failure(&self, failure: &TransportError) -> Error {
        Error::not_applied(kind_of(failure.cause()), failure.to_string())
            .with_retry_after(failure.retry_after())
    }

    /// Returns the error of a call that changes nothing and got no response that can be used.
    pub fn read_response<'r>(
        &self,
        response: impl Into<ProviderResponse<'r>>,
        classification: Classification,
    ) -> Error {
        let response = response.into();
        let detail = self.detail(response, &classification);
        self.refusal(response, classification).with_detail(detail)
    }

    fn unknown(&self, kind: ErrorKind, what: &str) -> Error {
        let message = format!("{what}; {}", self.in_doubt);
        Error::unknown(
            kind,
            message,
            UnknownOutcome::new(self.provider).with_prior_state(self.prior_state.clone()),
        )
    }

    // Without the call's secrets, and without repass's own.
    fn redact(&self, response: ProviderResponse<'_>, text: &str) -> String {
        self.redactor.redact_with(text, response.redactor())
    }

    fn refusal(&self, response: ProviderResponse<'_>, classification: Classification) -> Error {
        if classification.kind == ErrorKind::PasswordRefused && !classification.rules.is_empty() {
            let fit = |rule| match rule {
                Rule::Other(code) => Rule::Other(self.redact(response, &code)),
                rule => rule,
            };
            let rules = classification.rules.into_iter().take(MOST_REASONS).map(fit);
            return Error::refused(rules.map(Violation::of_provider).collect());
        }
        if classification.kind == ErrorKind::InvalidRequest && !classification.fields.is_empty() {
            let redact = |text: &str| self.redact(response, text);
            let redacted = |problem: &FieldProblem| {
                FieldProblem::new(redact(problem.field()), problem.code(), redact(problem.message()))
            };
            let fields = classification.fields.iter().take(MOST_REASONS);
            return Error::invalid_fields(fields.map(redacted).collect());
        }
        let delay = if classification.kind == ErrorKind::RateLimited {
            let delay = response.delay();
            Some(delay.unwrap_or_default().max(Duration::from_secs(1)))
        } else {
            None
        };
        let message = match (classification.hint, classification.kind) {
            (Some(hint), _) => hint.into(),
            (None, ErrorKind::Unauthenticated) if response.http().is_some_and(Response::rejects_grant) => {
                "the provider rejects a token that it granted a moment ago; if another process uses the same app, each \
                 grant may void the one before: give each an app of its own"
                    .into()
            }
            (None, kind) => message(kind),
        };
        Error::not_applied(classification.kind, message).with_retry_after(delay)
    }

    fn detail(&self, response: ProviderResponse<'_>, classification: &Classification) -> ProviderDetail {
        let redact = |text: &str| self.redact(response, text);
        ProviderDetail {
            status: response.http().map(|response| response.status().as_u16()),
            code: classification.code.as_deref().map(redact),
            message: classification.message.as_deref().map(redact),
            tracking_id: response
                .http()
                .and_then(|response| response.header(self.tracking_header))
                .map(redact),
            evidence: self
                .table
                .clone()
                .map(|table| Evidence::new(table, classification.grade)),
        }
    }
}

fn kind_of(cause: Cause) -> ErrorKind {
    match cause {
        Cause::InvalidRequest | Cause::Withheld => ErrorKind::Internal,
        Cause::BudgetExhausted => ErrorKind::BudgetExhausted,
        Cause::Unreachable => ErrorKind::Unreachable,
        Cause::Tls | Cause::Misconfigured => ErrorKind::Misconfigured,
        Cause::UnreadableAnswer => ErrorKind::UnexpectedAnswer,
        Cause::RateLimited => ErrorKind::RateLimited,
        Cause::TokenRefused => ErrorKind::Unauthenticated,
        Cause::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::ConnectionLost,
    }
}

fn message(kind: ErrorKind) -> Cow<'static, str> {
    match kind {
        ErrorKind::Internal => "the provider did not make the change".into(),
        // Its retry delay is part of the error.
        kind if kind.is_transient() => kind.title().into(),
        kind => format!("{}; {}", kind.title(), kind.remedy()).into(),
    }
}
