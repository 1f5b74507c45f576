//! Why there is no response.

use std::fmt;
use std::time::Duration;

use crate::{AttemptOutcome, SideEffect};

/// Why a request got no response, and whether the provider may have acted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    cause: Cause,
    acted: SideEffect,
    message: String,
    retry_after: Option<Duration>,
}

/// The cause of a request without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The request could not be built.
    InvalidRequest,
    /// The budget left no time to send the request.
    BudgetExhausted,
    /// No connection: name not found, refused, no response to connecting.
    Unreachable,
    /// The peer's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The rate limit leaves no permit within the budget.
    RateLimited,
    /// The caller's callback did not let the request be sent.
    Withheld,
    /// The token endpoint refused repass's own credentials.
    TokenRefused,
    /// The connection broke before the response was complete.
    ConnectionLost,
    /// The response did not come in time.
    TimedOut,
    /// The response is not readable HTTP.
    UnreadableAnswer,
    /// The configured address leads to another service.
    Misconfigured,
}

impl TransportError {
    /// Creates an error that proves that nothing was sent. `message` is a sentence for people, free of secrets.
    pub fn not_sent(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            acted: SideEffect::None,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Creates an error after which something may have been sent. `message` is a sentence for people, free of
    /// secrets.
    pub fn lost(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            acted: SideEffect::Possible,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Adds how long to wait before another try makes sense.
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// How long to wait before another try makes sense, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same, but an earlier sending of the same request may have been acted on.
    pub(crate) fn in_doubt(mut self) -> Self {
        self.acted = SideEffect::Possible;
        self
    }

    /// The cause of the missing response.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the provider may have acted: [`SideEffect::None`] or [`SideEffect::Possible`].
    pub fn acted(&self) -> SideEffect {
        self.acted
    }

    /// The outcome of the attempt, by which the retry table decides.
    pub fn outcome(&self) -> AttemptOutcome {
        if self.acted == SideEffect::None {
            AttemptOutcome::NotSent
        } else {
            AttemptOutcome::Lost
        }
    }

    /// Whether the same request would fail in the same way at once.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(
            self.cause,
            Cause::InvalidRequest
                | Cause::BudgetExhausted
                | Cause::RateLimited
                | Cause::Withheld
                | Cause::Tls
                | Cause::TokenRefused
                | Cause::UnreadableAnswer
                | Cause::Misconfigured
        )
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}
