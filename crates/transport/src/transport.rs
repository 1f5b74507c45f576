//! Delivery of a request: the token, the budget, the attempts. The workspace's one retry loop.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::{Answer, Cause, Credentials, Failure, InvalidToken, Request, Resend, Token, Wire, retry_after};

/// Delivers requests to one provider. Adapters hold it as `Arc<dyn Transport>`; with the feature
/// `mock` there is a `MockTransport`, so that they are tested without a socket.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Delivers a request within its budget and returns the last answer, whatever its status. It
    /// is sent again only as the table behind [`Observed`](crate::Observed) allows.
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
    credentials: Credentials,
    attempt_timeout: Duration,
    backoff: Backoff,
}

impl HttpTransport {
    /// A transport over this wire, with these credentials.
    pub fn new(wire: impl Wire, credentials: Credentials, timeouts: Timeouts) -> Self {
        Self {
            wire: Arc::new(wire),
            credentials,
            attempt_timeout: timeouts.attempt,
            backoff: Backoff::new(rand::random()),
        }
    }

    /// A transport that authenticates with a fixed bearer token.
    ///
    /// # Errors
    /// The token holds characters that no HTTP header can carry.
    pub fn with_bearer(
        wire: impl Wire,
        token: &SecretString,
        timeouts: Timeouts,
    ) -> Result<Self, InvalidToken> {
        Ok(Self::new(
            wire,
            Credentials::Fixed(Token::bearer(token)?),
            timeouts,
        ))
    }

    /// The same with a fixed source of randomness for its back-off, for tests and simulations.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.backoff = Backoff::new(seed);
        self
    }

    async fn attempt(
        &self,
        request: &Request,
        token: Option<&Token>,
        left: Duration,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        let limit = left.min(self.attempt_timeout);
        let result = self.wire.attempt(request, token.map(Token::header), limit).await;
        let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let operation = request.operation;
        match &result {
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::debug!(operation, status, elapsed_ms, "answer");
            }
            Err(failure) => {
                let (cause, acted) = (failure.cause(), failure.acted());
                tracing::debug!(operation, ?cause, ?acted, elapsed_ms, "no answer");
            }
        }
        result
    }

    // `None`: it is not to be sent again.
    fn delay(&self, resend: Resend, resends: u32, result: &Result<Answer, Failure>) -> Option<Duration> {
        match (resend, result) {
            (Resend::WhenServerSays, Ok(answer)) => {
                Some(self.backoff.as_told(retry_after(answer, SystemTime::now())))
            }
            (Resend::AfterBackoff, Err(failure)) if failure.is_lasting() => None,
            (Resend::AfterBackoff | Resend::WhenServerSays, _) => self.backoff.delay(resends),
            _ => None,
        }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn deliver(&self, request: &Request) -> Result<Answer, Failure> {
        let start = Instant::now();
        let left = || request.budget.saturating_sub(start.elapsed());
        let (mut resends, mut token_renewed) = (0, false);
        loop {
            if left().is_zero() {
                let why = "no time was left to send the request";
                return Err(Failure::not_sent(Cause::BudgetExhausted, why));
            }
            let token = self.credentials.token(left()).await?;
            let result = self.attempt(request, token.as_ref(), left()).await;
            if result.is_ok() {
                self.backoff.refill();
            }
            let observed = result
                .as_ref()
                .map_or_else(Failure::observed, |answer| request.read(answer));
            let resend = observed.row_of(request.replay).1;
            if resend == Resend::OnceWithFreshToken
                && !token_renewed
                && self.credentials.reject(token.as_ref())
            {
                token_renewed = true;
                continue;
            }
            match self.delay(resend, resends, &result) {
                // A wait that passes the budget helps nobody: the caller hears of it at once.
                Some(delay) if delay < left() => sleep(delay).await,
                _ => return result,
            }
            resends += 1;
            let operation = request.operation;
            tracing::info!(operation, ?observed, resends, "sending again");
        }
    }
}
