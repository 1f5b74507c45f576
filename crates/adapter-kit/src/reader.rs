//! From verdicts and failures to outcomes.

use std::time::{Duration, SystemTime};

use repass_domain::{
    Attempt, Changed, Error, ErrorKind, FieldProblem, ProviderDetail, Rule, Scrubber, Violation,
};
use repass_transport::{Acted, Answer, Cause, Failure, retry_after};

use crate::Verdict;

/// The most reasons that are told of one refusal: more than any provider has rules.
const MOST_REASONS: usize = 24;

/// Reads the answers to one call.
#[derive(Debug)]
pub struct Reader<'a> {
    provider: &'a str,
    tracking_header: &'static str,
    scrubber: Scrubber<'a>,
    in_doubt: &'static str,
}

impl<'a> Reader<'a> {
    /// For answers of the provider configured as `provider`, which names its exchanges in the
    /// header `tracking_header`. `scrubber` knows the secrets of the call.
    pub fn new(provider: &'a str, tracking_header: &'static str, scrubber: Scrubber<'a>) -> Self {
        Self {
            provider,
            tracking_header,
            scrubber,
            in_doubt: "whether the password was changed is not known: `resolve` can tell",
        }
    }

    /// The same for a profile update.
    pub fn of_profile(mut self) -> Self {
        self.in_doubt = "whether the profile was changed is not known: the same update can be made again";
        self
    }

    /// What knows the secrets of the call, for tables that read numbers out of texts.
    pub fn scrubber(&self) -> &Scrubber<'a> {
        &self.scrubber
    }

    /// The outcome of a change that was answered.
    ///
    /// # Errors
    /// Whatever the verdict says, unless it is that the provider did it.
    pub fn conclude(&self, answer: &Answer, verdict: Verdict) -> Result<Changed, Error> {
        let detail = self.detail(answer, &verdict);
        match verdict.observed.row().0 {
            Acted::Yes => Ok(Changed::new().with_tracking_id(detail.tracking_id)),
            Acted::Maybe => {
                let message = verdict.advice.unwrap_or(sentence(verdict.kind));
                Err(self.unknown(verdict.kind, message).with_detail(detail))
            }
            // An earlier sending may have been carried out, and this be the refusal of the next one.
            Acted::No if answer.is_in_doubt() => {
                let what = "the request was sent more than once, and the last answer is a refusal";
                Err(self.unknown(verdict.kind, what).with_detail(detail))
            }
            Acted::No => Err(self.refusal(answer, verdict).with_detail(detail)),
        }
    }

    /// The outcome of a change that was not answered.
    pub fn failed(&self, failure: &Failure) -> Error {
        let kind = kind_of(failure.cause());
        match failure.observed().row().0 {
            Acted::No => {
                Error::not_applied(kind, failure.to_string()).with_retry_after(failure.retry_after())
            }
            _ => self.unknown(kind, &failure.to_string()),
        }
    }

    /// Why a call that changes nothing was not answered.
    pub fn unread(&self, failure: &Failure) -> Error {
        Error::not_applied(kind_of(failure.cause()), failure.to_string())
            .with_retry_after(failure.retry_after())
    }

    /// Why a call that changes nothing got no answer that can be used.
    pub fn refused(&self, answer: &Answer, verdict: Verdict) -> Error {
        let detail = self.detail(answer, &verdict);
        self.refusal(answer, verdict).with_detail(detail)
    }

    fn unknown(&self, kind: ErrorKind, what: &str) -> Error {
        let message = format!("{what}; {}", self.in_doubt);
        Error::unknown(kind, message, Attempt::new(self.provider))
    }

    // Without the call's secrets, and without repass's own.
    fn scrub(&self, answer: &Answer, text: &str) -> String {
        self.scrubber.scrub_with(text, answer.redactors())
    }

    fn refusal(&self, answer: &Answer, verdict: Verdict) -> Error {
        if verdict.kind == ErrorKind::PasswordRefused && !verdict.rules.is_empty() {
            let fit = |rule| match rule {
                Rule::Other(code) => Rule::Other(self.scrub(answer, &code)),
                rule => rule,
            };
            let rules = verdict.rules.into_iter().take(MOST_REASONS).map(fit);
            return Error::refused(rules.map(Violation::of_provider).collect());
        }
        if verdict.kind == ErrorKind::InvalidRequest && !verdict.fields.is_empty() {
            let scrub = |text: &str| self.scrub(answer, text);
            let scrubbed = |problem: &FieldProblem| {
                FieldProblem::new(scrub(problem.field()), problem.code(), scrub(problem.message()))
            };
            let told = verdict.fields.iter().take(MOST_REASONS);
            return Error::invalid_fields(told.map(scrubbed).collect());
        }
        let delay = if verdict.kind == ErrorKind::RateLimited {
            let told = answer.wait().or_else(|| retry_after(answer, SystemTime::now()));
            Some(told.unwrap_or_default().max(Duration::from_secs(1)))
        } else {
            None
        };
        let sentence = match verdict.kind {
            ErrorKind::Unauthenticated if answer.rejects_grant() => {
                "the provider rejects a token that it granted a moment ago; if another process uses the same app, each \
                 grant may void the one before: give each an app of its own"
            }
            kind => sentence(kind),
        };
        let message = verdict.advice.unwrap_or(sentence);
        Error::not_applied(verdict.kind, message).with_retry_after(delay)
    }

    fn detail(&self, answer: &Answer, verdict: &Verdict) -> ProviderDetail {
        let scrub = |text: &str| self.scrub(answer, text);
        ProviderDetail {
            status: Some(answer.status().as_u16()),
            code: verdict.code.as_deref().map(scrub),
            message: verdict.message.as_deref().map(scrub),
            tracking_id: answer.header(self.tracking_header).map(scrub),
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

fn sentence(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest => "the provider cannot read the request",
        ErrorKind::PasswordRefused => "the provider refuses the new password",
        ErrorKind::WrongCurrentPassword => "the current password is not the valid one",
        ErrorKind::LockedOut => {
            "the account is locked after too many wrong passwords; wait, or have it unlocked"
        }
        ErrorKind::NotEligible => "this user's password cannot be set here",
        ErrorKind::UserNotFound => "the provider knows no such user",
        ErrorKind::Unauthenticated => "the provider does not take the configured token; renew it",
        ErrorKind::PermissionDenied => "the configured credentials may not do this; grant the role or scope",
        ErrorKind::RateLimited => "the provider's rate limit is reached",
        ErrorKind::Conflict => "somebody else changed the account at the same moment",
        ErrorKind::Misconfigured => "what answers at the configured address is not the provider's API",
        ErrorKind::ProviderFault => "the provider failed inside",
        ErrorKind::UnexpectedAnswer => "the provider gave an answer that cannot be read",
        _ => "the provider did not make the change",
    }
}
