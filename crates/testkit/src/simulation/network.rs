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

use super::provider::{Attempt, Provider, Seen, Wanted};
use super::simulated_wall_clock;
use crate::gateway::{Written, foreign, unprocessed};

/// What happens to one request.
#[derive(Debug, Clone)]
enum Fate {
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
    /// The answer's body is cut.
    CutAfter,
    /// A status that proves nothing, before or after the provider acts.
    FaultBefore(u16),
    FaultAfter(u16),
    Limited(Told),
    TokenRevoked,
    Gateway(Gateway),
}

/// What a gateway in front of the provider does with one request.
#[derive(Debug, Clone)]
enum Gateway {
    /// It answers in the provider's place, which never sees the request.
    Blocks(Written),
    /// It passes the request on, and answers in the provider's place afterwards.
    Replaces(Written),
    /// It answers, and passes the request on much later.
    GivesUp(Written),
    /// It says by the status that the request was not processed, which is so.
    Declines(Written),
    /// It passes the answer on without its end.
    Cuts,
    /// It sends the request twice. Either it says so, or the last answer is one of its own.
    Repeats(Option<Written>),
}

#[derive(Debug, Clone, Copy)]
enum Told {
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

    fn draw(&self) -> (Fate, Duration) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let random = &mut *random;
        let fault = [408, 500, 502, 503, 504][random.random_range(0..5)];
        let told = match random.random_range(0..30) {
            0..10 => Told::Nothing,
            10..20 => Told::Instant(random.random_range(0..5)),
            20 => Told::Seconds(600),
            _ => Told::Seconds(random.random_range(0..5)),
        };
        let fate = match random.random_range(0..1000) {
            0..30 => Fate::Refused,
            30..40 => Fate::ConnectTimeout,
            40..60 => Fate::LostBefore,
            60..80 => Fate::LostAfter,
            80..90 => Fate::LostThenApplied,
            90..100 => Fate::StallsBefore,
            100..110 => Fate::StallsAfter,
            110..120 => Fate::StallsThenApplies,
            120..140 => Fate::CutAfter,
            140..160 => Fate::FaultBefore(fault),
            160..180 => Fate::FaultAfter(fault),
            180..210 => Fate::Limited(told),
            210..220 => Fate::TokenRevoked,
            220..320 => Fate::Gateway(self.gateway(random)),
            _ => Fate::Fine,
        };
        (fate, Duration::from_millis(random.random_range(1..60)))
    }

    fn gateway(&self, random: &mut StdRng) -> Gateway {
        match random.random_range(0..10) {
            0..3 => Gateway::Replaces(foreign(random, self.provider.kind)),
            3 | 4 => Gateway::Blocks(foreign(random, self.provider.kind)),
            5 => Gateway::GivesUp(foreign(random, self.provider.kind)),
            6 => Gateway::Declines(unprocessed(random)),
            7 => Gateway::Cuts,
            8 => Gateway::Repeats(None),
            _ => Gateway::Repeats(Some(foreign(random, self.provider.kind))),
        }
    }

    fn later(&self, wanted: &Wanted, delay: Duration) {
        let (provider, wanted) = (Arc::clone(&self.provider), wanted.clone());
        tokio::spawn(async move {
            sleep(delay).await;
            provider.apply(&wanted);
        });
    }

    fn note(&self, wanted: &Wanted, seen: Seen, in_place: Option<bool>) {
        let mut state = self.provider.state();
        let attempts = state.attempts.entry(wanted.new.clone()).or_default();
        attempts.push(Attempt { seen, in_place });
    }

    fn answer(&self, fate: Fate, wanted: &Wanted) -> (Result<Response, TransportError>, Seen, Option<bool>) {
        let lost = || {
            Err(TransportError::lost(
                Cause::ConnectionLost,
                "the connection broke",
            ))
        };
        let status = |code| Response::new(StatusCode::from_u16(code).unwrap_or_default());
        match fate {
            Fate::Refused => {
                let refused = TransportError::not_sent(Cause::Unreachable, "connection refused");
                (Err(refused), Seen::Refused, None)
            }
            Fate::LostBefore | Fate::LostThenApplied => (lost(), Seen::Ambiguous, None),
            Fate::LostAfter => (lost(), Seen::Ambiguous, self.provider.apply(wanted).2),
            Fate::CutAfter => {
                let in_place = self.provider.apply(wanted).2;
                (
                    Ok(Response::new(StatusCode::OK).with_body("{").cut()),
                    Seen::Ambiguous,
                    in_place,
                )
            }
            Fate::FaultBefore(code) => (Ok(status(code)), Seen::Ambiguous, None),
            Fate::FaultAfter(code) => (Ok(status(code)), Seen::Ambiguous, self.provider.apply(wanted).2),
            Fate::Limited(told) => {
                let (answer, delay) = limited(told);
                (Ok(answer), Seen::Limited(delay), None)
            }
            Fate::Gateway(gateway) => self.through(gateway, wanted),
            _ => {
                let (answer, seen, in_place) = self.provider.apply(wanted);
                (Ok(answer), seen, in_place)
            }
        }
    }

    fn through(
        &self,
        gateway: Gateway,
        wanted: &Wanted,
    ) -> (Result<Response, TransportError>, Seen, Option<bool>) {
        match gateway {
            // What was passed on already is applied elsewhere, later.
            Gateway::Blocks(answer) | Gateway::GivesUp(answer) => {
                (Ok(written(&answer)), Seen::Ambiguous, None)
            }
            Gateway::Replaces(answer) => {
                let in_place = self.provider.apply(wanted).2;
                (Ok(written(&answer)), Seen::Ambiguous, in_place)
            }
            Gateway::Declines(answer) => (Ok(written(&answer)), Seen::Declined, None),
            Gateway::Cuts => {
                let (answer, seen, in_place) = self.provider.apply(wanted);
                if answer.body().is_empty() {
                    return (Ok(answer), seen, in_place);
                }
                let half = answer.body()[..answer.body().len() / 2].to_vec();
                // A status that says all is none the worse for it.
                let seen = if seen == Seen::EncodingRefused {
                    seen
                } else {
                    Seen::Either
                };
                (Ok(answer.with_body(half).cut()), seen, in_place)
            }
            Gateway::Repeats(last) => {
                let (answer, seen, in_place) = self.provider.apply(wanted);
                match last {
                    Some(answer) => (Ok(written(&answer)), Seen::Ambiguous, in_place),
                    None if answer.status().is_success() => (Ok(announced(answer)), seen, in_place),
                    // Another sending may have been taken where this one is refused.
                    None if seen == Seen::Answered => (Ok(announced(answer)), Seen::Ambiguous, in_place),
                    None => (Ok(announced(answer)), Seen::Either, in_place),
                }
            }
        }
    }
}

fn announced(answer: Response) -> Response {
    answer.with_header("x-envoy-attempt-count", "2")
}

fn written(written: &Written) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &written.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(*name, value);
        }
    }
    let status = StatusCode::from_u16(written.status).unwrap_or_default();
    Response::new(status)
        .with_headers(headers)
        .with_body(written.body.clone())
}

fn limited(told: Told) -> (Response, Option<Duration>) {
    let answer = Response::new(StatusCode::TOO_MANY_REQUESTS);
    let (text, delay) = match told {
        Told::Nothing => return (answer, None),
        Told::Seconds(seconds) => (seconds.to_string(), seconds),
        Told::Instant(seconds) => {
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
        let wanted = Wanted::read(request);
        let (fate, latency) = self.draw();
        let token = number(authorization.as_ref());
        if latency >= limit {
            // The request arrives when nobody waits any more.
            self.note(&wanted, Seen::Ambiguous, None);
            self.later(&wanted, latency);
            sleep(limit).await;
            return Err(TransportError::lost(Cause::TimedOut, "no answer in time"));
        }
        if matches!(fate, Fate::TokenRevoked) {
            let mut state = self.provider.state();
            state.revoked = state.revoked.max(token);
        }
        match &fate {
            Fate::ConnectTimeout => {
                self.note(&wanted, Seen::Refused, None);
                sleep(limit.min(Duration::from_secs(10))).await;
                return Err(TransportError::not_sent(
                    Cause::Unreachable,
                    "no answer to connecting",
                ));
            }
            Fate::StallsBefore | Fate::StallsAfter | Fate::StallsThenApplies => {
                let applied = matches!(fate, Fate::StallsAfter).then(|| self.provider.apply(&wanted).2);
                self.note(&wanted, Seen::Ambiguous, applied.flatten());
                if matches!(fate, Fate::StallsThenApplies) {
                    self.later(&wanted, limit + latency * 500);
                }
                sleep(limit).await;
                return Err(TransportError::lost(Cause::TimedOut, "no answer in time"));
            }
            _ => {}
        }
        // There and back; a caller may go away in between.
        let between = match fate {
            Fate::Gateway(Gateway::Repeats(_)) => latency / 4,
            _ => Duration::ZERO,
        };
        sleep((latency / 2).saturating_sub(between)).await;
        let reaches = !matches!(
            fate,
            Fate::Refused
                | Fate::Limited(_)
                | Fate::Gateway(Gateway::Blocks(_) | Gateway::GivesUp(_) | Gateway::Declines(_))
        );
        let (result, seen, in_place) = if reaches && token <= self.provider.state().revoked {
            (Ok(self.provider.rejects_token()), Seen::TokenRejected, None)
        } else {
            match fate {
                Fate::LostThenApplied | Fate::Gateway(Gateway::GivesUp(_)) => {
                    self.later(&wanted, latency * 500);
                }
                Fate::Gateway(Gateway::Repeats(_)) => {
                    self.provider.apply(&wanted);
                    self.provider.repeated(&wanted);
                    // Others may come in between.
                    sleep(between).await;
                }
                _ => {}
            }
            self.answer(fate, &wanted)
        };
        self.note(&wanted, seen, in_place);
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
