//! Why there is no response.

use std::fmt;
use std::time::Duration;

use crate::{AttemptOutcome, SideEffect};

/// Why there is no response, and whether the provider may have acted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    cause: Cause,
    acted: SideEffect,
    message: String,
    retry_after: Option<Duration>,
}

/// What stood in the way of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The request could not be built.
    InvalidRequest,
    /// No time was left to send it.
    BudgetExhausted,
    /// No connection: name not found, refused, no response to connecting.
    Unreachable,
    /// The peer's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// The rate limit leaves no permit within the budget.
    RateLimited,
    /// The caller did not let it be sent.
    Withheld,
    /// The token endpoint refuses repass's own credentials.
    TokenRefused,
    /// The connection broke.
    ConnectionLost,
    /// No response in time.
    TimedOut,
    /// The response is not readable HTTP.
    UnreadableAnswer,
    /// The configured address leads to another service.
    Misconfigured,
}

impl TransportError {
    /// Nothing was sent. `message` is a sentence for people, free of secrets.
    pub fn not_sent(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            acted: SideEffect::None,
            message: message.into(),
            retry_after: None,
        }
    }

    /// Something may have been sent. `message` is a sentence for people, free of secrets.
    pub fn lost(cause: Cause, message: impl Into<String>) -> Self {
        Self {
            cause,
            acted: SideEffect::Possible,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The same with how long it makes sense to wait.
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// How long it makes sense to wait, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same, but an earlier sending of the same request may have been acted on.
    pub(crate) fn in_doubt(mut self) -> Self {
        self.acted = SideEffect::Possible;
        self
    }

    /// What stood in the way.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the provider may have acted: `No` or `Maybe`.
    pub fn acted(&self) -> SideEffect {
        self.acted
    }

    /// Its row in the delivery table.
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
