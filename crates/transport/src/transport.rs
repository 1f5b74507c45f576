//! Delivery of a request: the token, the budget, the attempts. The workspace's one retry loop.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::rate_limiter::Limited;
use crate::token_cache::Rejected;
use crate::{
    AttemptOutcome, Authorization, Cause, Credentials, HttpClient, Idempotency, InvalidToken, Meter,
    RateLimiter, Request, Response, RetryAction, SideEffect, Token, TransportError, retry_after,
};

/// Delivers HTTP requests to one provider, with retries where they are safe. Adapters hold it as `Arc<dyn
/// Transport>`; with the feature `mock` there is a `MockTransport`, so that they are tested without a socket.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Delivers a request within its budget and returns the last response, whatever its status. It is sent again only
    /// as the table behind [`AttemptOutcome`] allows.
    ///
    /// # Errors
    /// No response came; [`TransportError::acted`] says whether the provider may have acted.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection; the provider may have acted.
    async fn deliver(&self, request: &Request) -> Result<Response, TransportError>;
}

/// The timeouts of a connection and of an attempt. The call's own budget stands above both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// The timeout of a TCP connection; TLS comes on top, within the attempt.
    pub connect: Duration,
    /// The timeout of one attempt, from its start to the last byte of its response.
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

/// Delivers requests to one provider over an HTTP client, with credentials, rate limits and retries.
#[derive(Debug)]
pub struct HttpTransport {
    client: Arc<dyn HttpClient>,
    credentials: Credentials,
    attempt_timeout: Duration,
    backoff: Backoff,
    rate_limiter: Arc<RateLimiter>,
    wall_clock: fn() -> SystemTime,
    meter: Option<Meter>,
}

impl HttpTransport {
    /// Creates a transport that sends by this client, with these credentials.
    pub fn new(client: impl HttpClient, credentials: Credentials, timeouts: Timeouts) -> Self {
        Self {
            client: Arc::new(client),
            credentials,
            attempt_timeout: timeouts.attempt,
            backoff: Backoff::new(rand::random()),
            rate_limiter: Arc::new(RateLimiter::new([])),
            wall_clock: SystemTime::now,
            meter: None,
        }
    }

    /// Creates a transport that authenticates with a fixed bearer token.
    ///
    /// # Errors
    /// The token holds characters that no HTTP header can carry.
    pub fn with_bearer(
        client: impl HttpClient,
        token: &SecretString,
        timeouts: Timeouts,
    ) -> Result<Self, InvalidToken> {
        Ok(Self::new(
            client,
            Credentials::Fixed(Token::bearer(token)?),
            timeouts,
        ))
    }

    /// Seeds the randomness of the back-off, for tests and simulations.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.backoff = Backoff::new(seed);
        self
    }

    /// Sets another clock against which the instants that servers name are measured, for tests and simulations.
    pub fn clocked(mut self, wall_clock: fn() -> SystemTime) -> Self {
        self.wall_clock = wall_clock;
        self
    }

    /// Sets the rate limits of the account. Share the rate limiter with every other transport that uses the account.
    pub fn with_rate_limiter(mut self, rate_limiter: Arc<RateLimiter>) -> Self {
        self.rate_limiter = rate_limiter;
        self
    }

    /// Enables metrics, labelled with this provider name. See [`describe_metrics`](crate::describe_metrics).
    pub fn named(mut self, provider: impl Into<String>) -> Self {
        let meter = Meter::new(provider);
        meter.declare_requests();
        self.meter = Some(meter);
        self
    }

    // Each rate limit is followed by a longer wait; this bounds them where the budget does not.
    const MAX_RATE_LIMIT_RETRIES: u32 = 16;

    async fn attempt(
        &self,
        request: &Request,
        token: Option<&Token>,
        left: Duration,
    ) -> Result<Response, TransportError> {
        // Only these want to know how long it took.
        let is_timed = self.meter.is_some() || tracing::enabled!(tracing::Level::DEBUG);
        let start = is_timed.then(Instant::now);
        let limit = left.min(self.attempt_timeout);
        // A client sends `Authorization`; a token of another header goes with the request's own.
        let with_token = token
            .filter(|token| *token.name() != AUTHORIZATION)
            .map(|token| Box::new(request.clone().header_value(token.name().clone(), token.header())));
        let (sent, authorization) = match with_token.as_deref() {
            Some(request) => (request, None),
            None => (request, token.map(Token::header)),
        };
        let result = self.client.attempt(sent, authorization, limit).await;
        // For what is shown of the response.
        let redactor = token.map(Token::redactor).cloned();
        let result = result.map(|response| response.with_redactor(redactor));
        let Some(elapsed) = start.map(|start| start.elapsed()) else {
            return result;
        };
        let operation = request.operation;
        if let Some(meter) = &self.meter {
            meter.request_took(operation, elapsed);
        }
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(response) => {
                let status = response.status().as_u16();
                tracing::debug!(operation, status, elapsed_ms, "response");
            }
            Err(failure) => {
                let (cause, acted) = (failure.cause(), failure.acted());
                tracing::debug!(operation, ?cause, ?acted, elapsed_ms, "no response");
            }
        }
        result
    }

    // The outcome, and the delay if it was a rate limit.
    fn read(
        &self,
        request: &Request,
        result: &Result<Response, TransportError>,
    ) -> (AttemptOutcome, Option<Limited>) {
        let response = match result {
            Ok(response) => response,
            Err(failure) => return (failure.outcome(), None),
        };
        self.backoff.refill();
        let outcome = request.read(response);
        let delay = || {
            request
                .delay(response)
                .or_else(|| retry_after(response, (self.wall_clock)()))
        };
        let limited = || match delay() {
            Some(delay) => Limited::Until(delay),
            None => Limited::ForNow,
        };
        let limited = (outcome == AttemptOutcome::RateLimited).then(limited);
        if limited.is_some() {
            self.rate_limited("refused");
        }
        (outcome, limited)
    }

    fn rate_limited(&self, kind: &'static str) {
        if let Some(meter) = &self.meter {
            meter.rate_limited(kind);
        }
    }

    // `None`: do not retry.
    fn delay(
        &self,
        action: RetryAction,
        retries: u32,
        result: &Result<Response, TransportError>,
        refusal: Option<(Limited, Duration)>,
    ) -> Option<Duration> {
        match action {
            RetryAction::WhenServerSays => match refusal? {
                _ if retries >= Self::MAX_RATE_LIMIT_RETRIES => None,
                (Limited::Until(_), wait) => Some(self.backoff.after(Some(wait))),
                (Limited::ForNow, wait) => Some(self.backoff.after(None).max(wait)),
            },
            RetryAction::AfterBackoff if result.as_ref().is_err_and(TransportError::is_lasting) => None,
            RetryAction::AfterBackoff => self.backoff.delay(retries),
            _ => None,
        }
    }

    // Sends a request until its response is final; sets `in_doubt` if the provider may have acted on an earlier
    // attempt.
    async fn attempts(&self, request: &Request, in_doubt: &mut bool) -> Result<Response, TransportError> {
        let start = Instant::now();
        let left = || request.budget.saturating_sub(start.elapsed());
        let (mut retries, mut renewals) = (0, 0);
        // In a box, because few requests have one.
        let mut earlier = None;
        loop {
            let meter = self.meter.as_ref();
            let token = match &request.authorization {
                Authorization::Configured => self.credentials.token(&left, meter).await?,
                Authorization::None => None,
                Authorization::Token(token) => Some(token.clone()),
            };
            let permit = self.rate_limiter.acquire(request.rate_label, left()).await;
            let permit = permit.inspect_err(|_| self.rate_limited("no_place"))?;
            let is_permitted = permitted(request).await;
            let limit = left();
            let unsent = if !is_permitted {
                Some((Cause::Withheld, "the caller did not let the request be sent"))
            } else if limit.is_zero() {
                Some((Cause::BudgetExhausted, "no time was left to send the request"))
            } else {
                None
            };
            if let Some((cause, why)) = unsent {
                let failure = TransportError::not_sent(cause, why);
                permit.ended(Err(&failure), None);
                // Why the attempt before failed says more than that there is no time for another.
                let earlier = earlier.filter(|_| cause == Cause::BudgetExhausted);
                return earlier.map_or(Err(failure), |result: Box<_>| *result);
            }
            let mut result = match permit.departure() {
                Some(departure) => {
                    let request = Box::new(request.clone().departing(departure));
                    self.attempt(&request, token.as_ref(), limit).await
                }
                None => self.attempt(request, token.as_ref(), limit).await,
            };
            let (outcome, limited) = self.read(request, &result);
            let wait = permit.ended(result.as_ref().map(Response::sent_at), limited);
            if let (Some(wait), Some(meter)) = (wait, meter)
                && let Some(until) = (self.wall_clock)().checked_add(wait)
            {
                meter.rate_limit_closed(until);
            }
            if let Some(wait) = wait {
                result = result.map(|response| response.with_wait(wait));
            }
            if request.idempotency == Idempotency::NonIdempotent
                && result.as_ref().is_ok_and(Response::is_in_doubt)
            {
                return result;
            }
            let action = outcome.retry_action(request.idempotency);
            let is_configured = matches!(request.authorization, Authorization::Configured);
            if action == RetryAction::OnceWithFreshToken {
                if !is_configured {
                    return result;
                }
                match self.credentials.reject(token.as_ref(), renewals) {
                    Rejected::Renew(pause) if pause < left() => {
                        renewals += 1;
                        sleep(pause).await;
                        continue;
                    }
                    Rejected::Renew(_) | Rejected::GivenUp => {
                        return result.map(Response::with_rejected_grant);
                    }
                    Rejected::Final => return result,
                }
            }
            if result.is_ok() && is_configured {
                self.credentials.accepted(token.as_ref());
            }
            match self.delay(action, retries, &result, limited.zip(wait)) {
                // A delay beyond the budget is useless: return at once.
                Some(delay) if delay < left() => {
                    earlier = Some(Box::new(result));
                    sleep(delay).await;
                }
                _ => return result,
            }
            retries += 1;
            *in_doubt |= outcome.side_effect() == SideEffect::Possible;
            let operation = request.operation;
            tracing::info!(operation, ?outcome, retries, "retrying");
        }
    }
}

// The caller's last chance to stop the request.
async fn permitted(request: &Request) -> bool {
    match &request.before_send {
        Some(before_send) => before_send().await,
        None => true,
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn deliver(&self, request: &Request) -> Result<Response, TransportError> {
        let mut in_doubt = false;
        match self.attempts(request, &mut in_doubt).await {
            Ok(response) if in_doubt => Ok(response.in_doubt()),
            Err(failure) if in_doubt => Err(failure.in_doubt()),
            result => result,
        }
    }
}
