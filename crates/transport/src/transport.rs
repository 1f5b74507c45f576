//! Delivery of a request: the token, the budget, the attempts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::{Answer, Cause, Failure, Request, Wire};

/// Delivers requests to one provider. Adapters hold it as `Arc<dyn Transport>`; with the feature
/// `mock` there is a `MockTransport`, so that they are tested without a socket.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Delivers a request within its budget and returns the last answer, whatever its status.
    ///
    /// # Errors
    /// No answer came; [`Failure::acted`] says whether the provider may have acted.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection; the provider may have acted.
    async fn deliver(&self, request: &Request) -> Result<Answer, Failure>;
}

/// How long the steps of a call may take. The call's own budget stands above both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For one attempt, from its start to the last byte of its answer.
    pub attempt: Duration,
}

impl Default for Timeouts {
    /// 10 seconds to connect, 30 for an attempt.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_secs(30),
        }
    }
}

/// The way to one provider over the network.
#[derive(Debug)]
pub struct HttpTransport {
    wire: Arc<dyn Wire>,
    token: HeaderValue,
    attempt_timeout: Duration,
}

impl HttpTransport {
    /// A transport that authenticates with a fixed bearer token.
    ///
    /// # Errors
    /// The token holds characters that no HTTP header can carry.
    pub fn with_bearer(
        wire: impl Wire,
        token: &SecretString,
        timeouts: Timeouts,
    ) -> Result<Self, InvalidToken> {
        Ok(Self {
            wire: Arc::new(wire),
            token: bearer(token)?,
            attempt_timeout: timeouts.attempt,
        })
    }
}

/// A token that no HTTP header can carry, or an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidToken;

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is empty or holds characters that no HTTP header can carry")
    }
}

impl std::error::Error for InvalidToken {}

#[expect(
    clippy::disallowed_methods,
    reason = "the token goes into its header, marked sensitive"
)]
fn bearer(token: &SecretString) -> Result<HeaderValue, InvalidToken> {
    let token = token.expose_secret();
    if token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(InvalidToken);
    }
    let text = zeroize::Zeroizing::new(format!("Bearer {token}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

#[async_trait]
impl Transport for HttpTransport {
    async fn deliver(&self, request: &Request) -> Result<Answer, Failure> {
        let start = Instant::now();
        let limit = request.time_budget().min(self.attempt_timeout);
        if limit.is_zero() {
            return Err(Failure::not_sent(
                Cause::BudgetExhausted,
                "no time was left to send the request",
            ));
        }
        let result = self.wire.attempt(request, self.token.clone(), limit).await;
        let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let operation = request.operation;
        match &result {
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::debug!(operation, status, elapsed_ms, "answer");
            }
            Err(failure) => {
                tracing::debug!(operation, cause = ?failure.cause(), acted = ?failure.acted(), elapsed_ms, "no answer");
            }
        }
        result
    }
}
