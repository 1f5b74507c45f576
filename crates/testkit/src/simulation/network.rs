//! The simulated network: what can happen to a request between here and there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass_transport::{
    Cause, HeaderMap, HeaderValue, HttpClient, Request, Response, StatusCode, Transport, TransportError,
};
use tokio::time::sleep;

use super::provider::{Attempt, NetworkOutcome, ParsedRequest, Provider};
use super::simulated_wall_clock;
use crate::gateway::{GatewayResponse, foreign, unprocessed};

/// What happens to one request.
#[derive(Debug, Clone)]
enum NetworkEvent {
    Fine,
    /// The connection is refused, or connecting takes too long.
    Refused,
    ConnectTimeout,
    /// The connection breaks before or after the provider acts, or the provider acts much later.
    LostBefore,
    LostAfter,
    LostThenApplied,
    /// No answer comes; the provider does not act, does, or does after everybody has gone.
    StallsBefore,
    StallsAfter,
    StallsThenApplies,
    /// The response's body is cut.
    CutAfter,
    /// A status that proves nothing, before or after the provider acts.
    FaultBefore(u16),
    FaultAfter(u16),
    Limited(RetryHint),
    TokenRevoked,
    Gateway(Gateway),
}

/// What a gateway in front of the provider does with one request.
#[derive(Debug, Clone)]
enum Gateway {
    /// It answers in the provider's place, which never sees the request.
    Reject(GatewayResponse),
    /// It passes the request on, and answers in the provider's place afterwards.
    Replace(GatewayResponse),
    /// It responses, and passes the request on much later.
    TimeOut(GatewayResponse),
    /// It says by the status that the request was not processed, which is so.
    Decline(GatewayResponse),
    /// It passes the response on without its end.
    Truncate,
    /// It sends the request twice. Either it says so, or the last answer is one of its own.
    Duplicate(Option<GatewayResponse>),
}

#[derive(Debug, Clone, Copy)]
enum RetryHint {
    Nothing,
    Seconds(u64),
    Instant(u64),
}

#[derive(Debug)]
pub(crate) struct Network {
    provider: Arc<Provider>,
    random: Mutex<StdRng>,
}

impl Network {
    pub(crate) fn new(seed: u64, provider: Arc<Provider>) -> Self {
        Self {
            provider,
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    fn draw(&self) -> (NetworkEvent, Duration) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let random = &mut *random;
        let fault = [408, 500, 502, 503, 504][random.random_range(0..5)];
        let hint = match random.random_range(0..30) {
            0..10 => RetryHint::Nothing,
            10..20 => RetryHint::Instant(random.random_range(0..5)),
            20 => RetryHint::Seconds(600),
            _ => RetryHint::Seconds(random.random_range(0..5)),
        };
        let event = match random.random_range(0..1000) {
            0..30 => NetworkEvent::Refused,
            30..40 => NetworkEvent::ConnectTimeout,
            40..60 => NetworkEvent::LostBefore,
            60..80 => NetworkEvent::LostAfter,
            80..90 => NetworkEvent::LostThenApplied,
            90..100 => NetworkEvent::StallsBefore,
            100..110 => NetworkEvent::StallsAfter,
            110..120 => NetworkEvent::StallsThenApplies,
            120..140 => NetworkEvent::CutAfter,
            140..160 => NetworkEvent::FaultBefore(fault),
            160..180 => NetworkEvent::FaultAfter(fault),
            180..210 => NetworkEvent::Limited(hint),
            210..220 => NetworkEvent::TokenRevoked,
            220..320 => NetworkEvent::Gateway(self.gateway(random)),
            _ => NetworkEvent::Fine,
        };
        (event, Duration::from_millis(random.random_range(1..60)))
    }

    fn gateway(&self, random: &mut StdRng) -> Gateway {
        match random.random_range(0..10) {
            0..3 => Gateway::Replace(foreign(random, self.provider.kind)),
            3 | 4 => Gateway::Reject(foreign(random, self.provider.kind)),
            5 => Gateway::TimeOut(foreign(random, self.provider.kind)),
            6 => Gateway::Decline(unprocessed(random)),
            7 => Gateway::Truncate,
            8 => Gateway::Duplicate(None),
            _ => Gateway::Duplicate(Some(foreign(random, self.provider.kind))),
        }
    }

    fn later(&self, parsed: &ParsedRequest, delay: Duration) {
        let (provider, parsed) = (Arc::clone(&self.provider), parsed.clone());
        tokio::spawn(async move {
            sleep(delay).await;
            provider.apply(&parsed);
        });
    }

    fn note(&self, parsed: &ParsedRequest, seen: NetworkOutcome, in_place: Option<bool>) {
        let mut state = self.provider.state();
        let attempts = state.attempts.entry(parsed.new.clone()).or_default();
        attempts.push(Attempt { seen, in_place });
    }

    fn answer(
        &self,
        event: NetworkEvent,
        parsed: &ParsedRequest,
    ) -> (Result<Response, TransportError>, NetworkOutcome, Option<bool>) {
        let lost = || {
            Err(TransportError::lost(
                Cause::ConnectionLost,
                "the connection broke",
            ))
        };
        let status = |code| Response::new(StatusCode::from_u16(code).unwrap_or_default());
        match event {
            NetworkEvent::Refused => {
                let refused = TransportError::not_sent(Cause::Unreachable, "connection refused");
                (Err(refused), NetworkOutcome::Refused, None)
            }
            NetworkEvent::LostBefore | NetworkEvent::LostThenApplied => {
                (lost(), NetworkOutcome::Ambiguous, None)
            }
            NetworkEvent::LostAfter => (lost(), NetworkOutcome::Ambiguous, self.provider.apply(parsed).2),
            NetworkEvent::CutAfter => {
                let in_place = self.provider.apply(parsed).2;
                (
                    Ok(Response::new(StatusCode::OK).with_body("{").cut()),
                    NetworkOutcome::Ambiguous,
                    in_place,
                )
            }
            NetworkEvent::FaultBefore(code) => (Ok(status(code)), NetworkOutcome::Ambiguous, None),
            NetworkEvent::FaultAfter(code) => (
                Ok(status(code)),
                NetworkOutcome::Ambiguous,
                self.provider.apply(parsed).2,
            ),
            NetworkEvent::Limited(hint) => {
                let (answer, delay) = limited(hint);
                (Ok(answer), NetworkOutcome::Limited(delay), None)
            }
            NetworkEvent::Gateway(gateway) => self.through(gateway, parsed),
            _ => {
                let (answer, seen, in_place) = self.provider.apply(parsed);
                (Ok(answer), seen, in_place)
            }
        }
    }

    fn through(
        &self,
        gateway: Gateway,
        parsed: &ParsedRequest,
    ) -> (Result<Response, TransportError>, NetworkOutcome, Option<bool>) {
        match gateway {
            // What was passed on already is applied elsewhere, later.
            Gateway::Reject(answer) | Gateway::TimeOut(answer) => {
                (Ok(response_of(&answer)), NetworkOutcome::Ambiguous, None)
            }
            Gateway::Replace(answer) => {
                let in_place = self.provider.apply(parsed).2;
                (Ok(response_of(&answer)), NetworkOutcome::Ambiguous, in_place)
            }
            Gateway::Decline(answer) => (Ok(response_of(&answer)), NetworkOutcome::Declined, None),
            Gateway::Truncate => {
                let (answer, seen, in_place) = self.provider.apply(parsed);
                if answer.body().is_empty() {
                    return (Ok(answer), seen, in_place);
                }
                let half = answer.body()[..answer.body().len() / 2].to_vec();
                // A status that says all is none the worse for it.
                let seen = if seen == NetworkOutcome::EncodingRefused {
                    seen
                } else {
                    NetworkOutcome::Either
                };
                (Ok(answer.with_body(half).cut()), seen, in_place)
            }
            Gateway::Duplicate(last) => {
                let (answer, seen, in_place) = self.provider.apply(parsed);
                match last {
                    Some(answer) => (Ok(response_of(&answer)), NetworkOutcome::Ambiguous, in_place),
                    None if answer.status().is_success() => (Ok(announced(answer)), seen, in_place),
                    // Another sending may have been taken where this one is refused.
                    None if seen == NetworkOutcome::Answered => {
                        (Ok(announced(answer)), NetworkOutcome::Ambiguous, in_place)
                    }
                    None => (Ok(announced(answer)), NetworkOutcome::Either, in_place),
                }
            }
        }
    }
}

fn announced(answer: Response) -> Response {
    answer.with_header("x-envoy-attempt-count", "2")
}

fn response_of(response_of: &GatewayResponse) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &response_of.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(*name, value);
        }
    }
    let status = StatusCode::from_u16(response_of.status).unwrap_or_default();
    Response::new(status)
        .with_headers(headers)
        .with_body(response_of.body.clone())
}

fn limited(hint: RetryHint) -> (Response, Option<Duration>) {
    let answer = Response::new(StatusCode::TOO_MANY_REQUESTS);
    let (text, delay) = match hint {
        RetryHint::Nothing => return (answer, None),
        RetryHint::Seconds(seconds) => (seconds.to_string(), seconds),
        RetryHint::Instant(seconds) => {
            let at = simulated_wall_clock() + Duration::from_secs(seconds);
            let at = jiff::Timestamp::try_from(at).map(|at| at.to_string());
            (at.unwrap_or_default(), seconds)
        }
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert("retry-after", value);
    }
    (answer.with_headers(headers), Some(Duration::from_secs(delay)))
}

// The token's number: `Bearer token-7`.
fn number(authorization: Option<&HeaderValue>) -> u64 {
    let text = authorization.and_then(|value| value.to_str().ok());
    text.and_then(|text| text.rsplit('-').next()?.parse().ok())
        .unwrap_or(0)
}

#[async_trait]
impl HttpClient for Network {
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Response, TransportError> {
        let parsed = ParsedRequest::read(request);
        let (event, latency) = self.draw();
        let token = number(authorization.as_ref());
        if latency >= limit {
            // The request arrives when no one waits any more.
            self.note(&parsed, NetworkOutcome::Ambiguous, None);
            self.later(&parsed, latency);
            sleep(limit).await;
            return Err(TransportError::lost(Cause::TimedOut, "no answer in time"));
        }
        if matches!(event, NetworkEvent::TokenRevoked) {
            let mut state = self.provider.state();
            state.revoked = state.revoked.max(token);
        }
        match &event {
            NetworkEvent::ConnectTimeout => {
                self.note(&parsed, NetworkOutcome::Refused, None);
                sleep(limit.min(Duration::from_secs(10))).await;
                return Err(TransportError::not_sent(
                    Cause::Unreachable,
                    "no answer to connecting",
                ));
            }
            NetworkEvent::StallsBefore | NetworkEvent::StallsAfter | NetworkEvent::StallsThenApplies => {
                let applied =
                    matches!(event, NetworkEvent::StallsAfter).then(|| self.provider.apply(&parsed).2);
                self.note(&parsed, NetworkOutcome::Ambiguous, applied.flatten());
                if matches!(event, NetworkEvent::StallsThenApplies) {
                    self.later(&parsed, limit + latency * 500);
                }
                sleep(limit).await;
                return Err(TransportError::lost(Cause::TimedOut, "no answer in time"));
            }
            _ => {}
        }
        // There and back; a caller may go away in between.
        let between = match event {
            NetworkEvent::Gateway(Gateway::Duplicate(_)) => latency / 4,
            _ => Duration::ZERO,
        };
        sleep((latency / 2).saturating_sub(between)).await;
        let reaches = !matches!(
            event,
            NetworkEvent::Refused
                | NetworkEvent::Limited(_)
                | NetworkEvent::Gateway(Gateway::Reject(_) | Gateway::TimeOut(_) | Gateway::Decline(_))
        );
        let (result, seen, in_place) = if reaches && token <= self.provider.state().revoked {
            (
                Ok(self.provider.rejects_token()),
                NetworkOutcome::TokenRejected,
                None,
            )
        } else {
            match event {
                NetworkEvent::LostThenApplied | NetworkEvent::Gateway(Gateway::TimeOut(_)) => {
                    self.later(&parsed, latency * 500);
                }
                NetworkEvent::Gateway(Gateway::Duplicate(_)) => {
                    self.provider.apply(&parsed);
                    self.provider.repeated(&parsed);
                    // Others may come in between.
                    sleep(between).await;
                }
                _ => {}
            }
            self.answer(event, &parsed)
        };
        self.note(&parsed, seen, in_place);
        sleep(latency / 2).await;
        result
    }
}

/// Grants numbered tokens; sometimes slowly, sometimes not.
#[derive(Debug)]
pub(crate) struct TokenEndpoint {
    random: Mutex<StdRng>,
    provider: Arc<Provider>,
}

impl TokenEndpoint {
    pub(crate) fn new(seed: u64, provider: Arc<Provider>) -> Self {
        Self {
            random: Mutex::new(StdRng::seed_from_u64(seed ^ 0x70_6b_65_6e)),
            provider,
        }
    }
}

#[async_trait]
impl Transport for TokenEndpoint {
    async fn deliver(&self, request: &Request) -> Result<Response, TransportError> {
        let (latency, fails) = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (
                Duration::from_millis(random.random_range(1..200)),
                random.random_bool(0.02),
            )
        };
        sleep(latency.min(request.time_budget())).await;
        if fails || latency > request.time_budget() {
            return Err(TransportError::lost(
                Cause::ConnectionLost,
                "the token endpoint went away",
            ));
        }
        let number = self.provider.state().revoked + 1;
        let body = format!(r#"{{"access_token":"token-{number}","expires_in":60}}"#);
        Ok(Response::new(StatusCode::OK).with_body(body))
    }
}
