//! Delivery of a request: the token, the budget, the attempts. The workspace's one retry loop.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::governor::Limited;
use crate::token::Rejected;
use crate::{
    Acted, Answer, Cause, Credentials, Failure, Governor, InvalidToken, Meter, Observed, Replay, Request,
    Resend, Token, Wire, retry_after,
};

/// Delivers requests to one provider. Adapters hold it as `Arc<dyn Transport>`; with the feature
/// `mock` there is a `MockTransport`, so that they are tested without a socket.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Delivers a request within its budget and returns the last answer, whatever its status. It
    /// is sent again only as the table behind [`Observed`] allows.
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
    /// For a TCP connection; TLS comes on top, within the attempt.
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
    governor: Arc<Governor>,
    wall_clock: fn() -> SystemTime,
    meter: Option<Meter>,
}

impl HttpTransport {
    /// A transport over this wire, with these credentials.
    pub fn new(wire: impl Wire, credentials: Credentials, timeouts: Timeouts) -> Self {
        Self {
            wire: Arc::new(wire),
            credentials,
            attempt_timeout: timeouts.attempt,
            backoff: Backoff::new(rand::random()),
            governor: Arc::new(Governor::new([])),
            wall_clock: SystemTime::now,
            meter: None,
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

    /// The same with another clock for the instants that servers name, for tests and simulations.
    pub fn clocked(mut self, wall_clock: fn() -> SystemTime) -> Self {
        self.wall_clock = wall_clock;
        self
    }

    /// The same under an account's rate limits. Share the governor with every other transport
    /// that uses the account.
    pub fn governed(mut self, governor: Arc<Governor>) -> Self {
        self.governor = governor;
        self
    }

    /// The same with metrics, under this name of the provider. See [`describe_metrics`](crate::describe_metrics).
    pub fn named(mut self, provider: impl Into<String>) -> Self {
        let meter = Meter::new(provider);
        meter.declare_requests();
        self.meter = Some(meter);
        self
    }

    // A refusal for the rate's sake is followed by longer and longer waits; this bounds them where the budget
    // does not.
    const MOST_LIMITED_RESENDS: u32 = 16;

    async fn attempt(
        &self,
        request: &Request,
        token: Option<&Token>,
        left: Duration,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        let limit = left.min(self.attempt_timeout);
        let result = self.wire.attempt(request, token.map(Token::header), limit).await;
        // For what is shown of the answer.
        let redactor = token.map(Token::redactor).cloned();
        let result = result.map(|answer| answer.with_redactors(redactor));
        let (operation, elapsed) = (request.operation, start.elapsed());
        if let Some(meter) = &self.meter {
            meter.request_took(operation, elapsed);
        }
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
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

    // What was observed, and what was said if it was a rate limit.
    fn read(&self, request: &Request, result: &Result<Answer, Failure>) -> (Observed, Option<Limited>) {
        let answer = match result {
            Ok(answer) => answer,
            Err(failure) => return (failure.observed(), None),
        };
        self.backoff.refill();
        let observed = request.read(answer);
        let limited = || match retry_after(answer, (self.wall_clock)()) {
            Some(told) => Limited::Until(told),
            None => Limited::ForNow,
        };
        let limited = (observed == Observed::RateLimited).then(limited);
        if limited.is_some() {
            self.rate_limited("refused");
        }
        (observed, limited)
    }

    fn rate_limited(&self, kind: &'static str) {
        if let Some(meter) = &self.meter {
            meter.rate_limited(kind);
        }
    }

    // `None`: it is not to be sent again.
    fn delay(
        &self,
        resend: Resend,
        resends: u32,
        result: &Result<Answer, Failure>,
        refusal: Option<(Limited, Duration)>,
    ) -> Option<Duration> {
        match resend {
            Resend::WhenServerSays => match refusal? {
                _ if resends >= Self::MOST_LIMITED_RESENDS => None,
                (Limited::Until(_), wait) => Some(self.backoff.as_told(Some(wait))),
                (Limited::ForNow, wait) => Some(self.backoff.as_told(None).max(wait)),
            },
            Resend::AfterBackoff if result.as_ref().is_err_and(Failure::is_lasting) => None,
            Resend::AfterBackoff => self.backoff.delay(resends),
            _ => None,
        }
    }

    // Sends a request until its answer is the last word; whether an earlier sending may have been
    // acted on is left in `in_doubt`.
    async fn attempts(&self, request: &Request, in_doubt: &mut bool) -> Result<Answer, Failure> {
        let start = Instant::now();
        let left = || request.budget.saturating_sub(start.elapsed());
        let (mut resends, mut renewals) = (0, 0);
        loop {
            let meter = self.meter.as_ref();
            let token = self.credentials.token(left(), meter).await?;
            let place = self.governor.admit(request.rate_label, left()).await;
            let place = place.inspect_err(|_| self.rate_limited("no_place"))?;
            let unsent = if !permitted(request).await {
                Some((Cause::Withheld, "the caller did not let the request be sent"))
            } else if left().is_zero() {
                Some((Cause::BudgetExhausted, "no time was left to send the request"))
            } else {
                None
            };
            if let Some((cause, why)) = unsent {
                let result = Err(Failure::not_sent(cause, why));
                place.ended(&result, None);
                return result;
            }
            let result = match place.departure() {
                Some(departure) => {
                    let request = request.clone().departing(departure);
                    self.attempt(&request, token.as_ref(), left()).await
                }
                None => self.attempt(request, token.as_ref(), left()).await,
            };
            let (observed, limited) = self.read(request, &result);
            let wait = place.ended(&result, limited);
            if let (Some(wait), Some(meter)) = (wait, meter)
                && let Some(until) = (self.wall_clock)().checked_add(wait)
            {
                meter.rate_limit_closed(until);
            }
            let result = match (result, wait) {
                (Ok(answer), Some(wait)) => Ok(answer.with_wait(wait)),
                (result, _) => result,
            };
            if request.replay == Replay::OnlyIfUnacted && result.as_ref().is_ok_and(Answer::is_in_doubt) {
                return result;
            }
            let (acted, resend) = observed.row_of(request.replay);
            if resend == Resend::OnceWithFreshToken {
                match self.credentials.reject(token.as_ref(), renewals) {
                    Rejected::Renew(pause) if pause < left() => {
                        renewals += 1;
                        sleep(pause).await;
                        continue;
                    }
                    Rejected::Renew(_) | Rejected::GivenUp => return result.map(Answer::with_rejected_grant),
                    Rejected::Final => return result,
                }
            }
            if result.is_ok() {
                self.credentials.accepted(token.as_ref());
            }
            match self.delay(resend, resends, &result, limited.zip(wait)) {
                // A wait that passes the budget helps nobody: the caller hears of it at once.
                Some(delay) if delay < left() => sleep(delay).await,
                _ => return result,
            }
            resends += 1;
            *in_doubt |= acted == Acted::Maybe;
            let operation = request.operation;
            tracing::info!(operation, ?observed, resends, "sending again");
        }
    }
}

// The caller's last word before the first byte leaves.
async fn permitted(request: &Request) -> bool {
    match &request.before_send {
        Some(before_send) => before_send().await,
        None => true,
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn deliver(&self, request: &Request) -> Result<Answer, Failure> {
        let mut in_doubt = false;
        match self.attempts(request, &mut in_doubt).await {
            Ok(answer) if in_doubt => Ok(answer.in_doubt()),
            Err(failure) if in_doubt => Err(failure.in_doubt()),
            result => result,
        }
    }
}
