//! The delivery loop over a mocked client, on a paused clock: what is sent again, when, and how
//! often.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use repass_transport::{
    BeforeSend, Cause, Credentials, HttpTransport, Idempotency, Method, MockHttpClient, MockTransport,
    RateLimit, RateLimiter, Request, Response, SecretBody, SideEffect, StatusCode, Timeouts, TokenCache,
    TokenError, TokenResponse, Transport, TransportError,
};
use tokio::time::Instant;

type WireOutcome = Result<Response, TransportError>;

/// A client that gives these outcomes in order, and the instants of its attempts.
fn client(outcomes: Vec<WireOutcome>) -> (MockHttpClient, Arc<Mutex<Vec<Instant>>>) {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let (seen, outcomes) = (Arc::clone(&attempts), Mutex::new(outcomes.into_iter()));
    let mut client = MockHttpClient::new();
    client.expect_attempt().returning(move |_, _, _| {
        seen.lock().unwrap().push(Instant::now());
        outcomes
            .lock()
            .unwrap()
            .next()
            .expect("no more attempts than were planned")
    });
    (client, attempts)
}

#[expect(clippy::unnecessary_wraps, reason = "the tables below read better")]
fn status(code: u16) -> WireOutcome {
    let answer = Response::new(StatusCode::from_u16(code).unwrap());
    Ok(match code {
        401 => answer.with_header("www-authenticate", "Bearer"),
        _ => answer,
    })
}

fn lost() -> WireOutcome {
    Err(TransportError::lost(Cause::ConnectionLost, "lost"))
}

fn unreachable() -> WireOutcome {
    Err(TransportError::not_sent(Cause::Unreachable, "refused"))
}

fn request(replay: Idempotency) -> Request {
    Request::new("test", Method::PUT, replay)
        .segment("x")
        .body(SecretBody::json(&1))
        .budget(Duration::from_secs(30))
}

async fn deliver(replay: Idempotency, outcomes: Vec<WireOutcome>) -> (WireOutcome, usize) {
    let (client, attempts) = client(outcomes);
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default()).seeded(1);
    let result = transport.deliver(&request(replay)).await;
    let attempts = attempts.lock().unwrap().len();
    (result, attempts)
}

#[tokio::test(start_paused = true)]
async fn retry_lost_response_of_a_non_idempotent_request_is_never_resent() {
    for outcome in [lost(), status(500), status(503), status(408), status(418)] {
        let expected = outcome.clone().map(|answer| answer.status());
        let (result, attempts) = deliver(Idempotency::NonIdempotent, vec![outcome]).await;
        assert_eq!((result.map(|answer| answer.status()), attempts), (expected, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_lost_response_of_an_idempotent_request_is_resent() {
    for outcome in [lost(), status(500), status(503)] {
        let (result, attempts) = deliver(Idempotency::Idempotent, vec![outcome, status(200)]).await;
        assert_eq!((result.unwrap().status(), attempts), (StatusCode::OK, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_rejected_after_a_lost_response_stays_in_doubt() {
    let (result, _) = deliver(Idempotency::Idempotent, vec![lost(), status(404)]).await;
    assert!(result.unwrap().is_in_doubt());
    let (result, _) = deliver(Idempotency::Idempotent, vec![unreachable(), status(404)]).await;
    assert!(!result.unwrap().is_in_doubt());
    let lost_then_unreachable = [vec![lost()], vec![unreachable(); 4]].concat();
    let (result, _) = deliver(Idempotency::Idempotent, lost_then_unreachable).await;
    assert_eq!(result.unwrap_err().acted(), SideEffect::Possible);
}

#[tokio::test(start_paused = true)]
async fn retry_unsent_request_is_bounded_by_the_quota() {
    let (result, attempts) = deliver(Idempotency::NonIdempotent, vec![unreachable(), status(204)]).await;
    assert_eq!((result.unwrap().status(), attempts), (StatusCode::NO_CONTENT, 2));
    let (result, attempts) = deliver(Idempotency::NonIdempotent, vec![unreachable(); 5]).await;
    assert_eq!((result.unwrap_err().cause(), attempts), (Cause::Unreachable, 5));
    let distrusted = Err(TransportError::not_sent(Cause::Tls, "unknown authority"));
    let (_, attempts) = deliver(Idempotency::NonIdempotent, vec![distrusted]).await;
    assert_eq!(attempts, 1, "no second try would be trusted more");
}

#[tokio::test(start_paused = true)]
async fn retry_rate_limited_request_waits_as_long_as_the_server_says() {
    let reported = Ok(Response::new(StatusCode::TOO_MANY_REQUESTS).with_header("retry-after", "7"));
    let (client, attempts) = client(vec![reported, status(429), status(204)]);
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default()).seeded(1);
    assert!(
        transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .is_ok()
    );
    let attempts = attempts.lock().unwrap();
    let waits: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        waits[0] >= Duration::from_secs(7) && waits[0] < Duration::from_secs(8),
        "{waits:?}"
    );
    assert!(
        waits[1] >= Duration::from_secs(1) && waits[1] < Duration::from_secs(2),
        "{waits:?}"
    );
}

/// Answers so each time, and takes this long; and how often and when it was asked.
fn asks(sends: bool, takes: Duration) -> (BeforeSend, Arc<Mutex<Vec<Instant>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let before_send: BeforeSend = Arc::new(move || {
        noted.lock().unwrap().push(Instant::now());
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            sends
        })
    });
    (before_send, asked)
}

#[tokio::test(start_paused = true)]
async fn before_send_is_awaited_before_each_attempt_with_a_permit() {
    let (client, attempts) = client(vec![status(204), status(429), status(204)]);
    let limit = RateLimit {
        requests: 1,
        window: Duration::from_secs(60),
    };
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default())
        .seeded(1)
        .with_rate_limiter(Arc::new(RateLimiter::new([("medium", limit)])));
    let (before_send, asked) = asks(true, Duration::from_millis(5));
    let request = request(Idempotency::NonIdempotent)
        .counted_as("medium")
        .budget(Duration::from_secs(600))
        .before_send(Some(before_send));
    assert!(transport.deliver(&request).await.is_ok());
    assert!(transport.deliver(&request).await.is_ok());
    let (attempts, asked) = (attempts.lock().unwrap(), asked.lock().unwrap());
    assert!(
        asked[1] - asked[0] >= Duration::from_secs(60),
        "not while it waits for its permit"
    );
    let lags: Vec<_> = attempts
        .iter()
        .zip(&*asked)
        .map(|(sent, asked)| *sent - *asked)
        .collect();
    assert_eq!(lags, [Duration::from_millis(5); 3]);
}

#[tokio::test(start_paused = true)]
async fn retry_without_time_left_reports_why_the_attempt_before_failed() {
    let (client, attempts) = client(vec![unreachable()]);
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default()).seeded(1);
    // Most of the budget is gone before the first attempt, and all of it before the second.
    let (before_send, asked) = asks(true, Duration::from_secs(20));
    let request = request(Idempotency::NonIdempotent).before_send(Some(before_send));
    let failure = transport.deliver(&request).await.unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::Unreachable, SideEffect::None)
    );
    assert_eq!(
        (attempts.lock().unwrap().len(), asked.lock().unwrap().len()),
        (1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn before_send_false_sends_nothing_and_releases_the_permit() {
    let (client, attempts) = client(vec![status(204)]);
    let limit = RateLimit {
        requests: 1,
        window: Duration::from_secs(60),
    };
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default())
        .seeded(1)
        .with_rate_limiter(Arc::new(RateLimiter::new([("medium", limit)])));
    let start = Instant::now();
    let (before_send, asked) = asks(false, Duration::ZERO);
    let withheld = request(Idempotency::NonIdempotent)
        .counted_as("medium")
        .before_send(Some(before_send));
    let failure = transport.deliver(&withheld).await.unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::Withheld, SideEffect::None)
    );
    assert_eq!(asked.lock().unwrap().len(), 1, "it is not asked again at once");
    assert!(attempts.lock().unwrap().is_empty());
    let other = request(Idempotency::NonIdempotent).counted_as("medium");
    assert!(transport.deliver(&other).await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Its time is the call's.
    let (slow, _) = asks(true, Duration::from_secs(31));
    let failure = transport
        .deliver(&request(Idempotency::NonIdempotent).before_send(Some(slow)))
        .await
        .unwrap_err();
    assert_eq!(failure.cause(), Cause::BudgetExhausted);
}

#[tokio::test(start_paused = true)]
async fn retry_delay_beyond_the_budget_returns_at_once() {
    let start = Instant::now();
    let reported = Ok(Response::new(StatusCode::TOO_MANY_REQUESTS).with_header("retry-after", "3600"));
    let (result, attempts) = deliver(Idempotency::NonIdempotent, vec![reported]).await;
    assert_eq!(
        (result.unwrap().status().as_u16(), attempts, start.elapsed()),
        (429, 1, Duration::ZERO)
    );
}

fn granted(lifetime: u64) -> impl Fn(&Response) -> Result<TokenResponse, TokenError> {
    move |_| {
        Ok(TokenResponse {
            token: "granted".into(),
            lifetime: Some(Duration::from_secs(lifetime)),
        })
    }
}

/// Credentials from an endpoint that takes a second for each answer, and the number of requests to it.
fn grant(
    reading: fn(&Response) -> Result<TokenResponse, TokenError>,
    outcome: impl Fn(usize) -> WireOutcome + Send + Sync + 'static,
) -> (Credentials, Arc<Mutex<usize>>) {
    #[derive(Debug)]
    struct Slow(MockTransport);
    #[async_trait::async_trait]
    impl Transport for Slow {
        async fn deliver(&self, request: &Request) -> WireOutcome {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.0.deliver(request).await
        }
    }
    let requests = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&requests);
    let mut endpoint = MockTransport::new();
    endpoint.expect_deliver().returning(move |_| {
        let mut count = counter.lock().unwrap();
        *count += 1;
        outcome(*count)
    });
    let grant = TokenCache::new(
        Arc::new(Slow(endpoint)),
        request(Idempotency::Idempotent),
        reading,
    );
    (Credentials::Cached(Box::new(grant)), requests)
}

fn hour(answer: &Response) -> Result<TokenResponse, TokenError> {
    granted(3600)(answer)
}

#[tokio::test(start_paused = true)]
async fn token_cache_fetches_once_and_renews_before_expiry() {
    let (credentials, requests) = grant(hour, |_| status(200));
    let mut client = MockHttpClient::new();
    client
        .expect_attempt()
        .withf(|_, header, _| header.as_ref().unwrap() == "Bearer granted")
        .returning(|_, _, _| status(204));
    let transport = Arc::new(HttpTransport::new(client, credentials, Timeouts::default()));
    let call = || {
        let transport = Arc::clone(&transport);
        tokio::spawn(async move {
            transport
                .deliver(&request(Idempotency::NonIdempotent))
                .await
                .unwrap()
        })
    };
    for call in (0..16).map(|_| call()).collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(*requests.lock().unwrap(), 1);
    tokio::time::advance(Duration::from_secs(3450)).await;
    call().await.unwrap();
    assert_eq!(*requests.lock().unwrap(), 1, "still good");
    tokio::time::advance(Duration::from_secs(100)).await;
    call().await.unwrap();
    assert_eq!(*requests.lock().unwrap(), 2, "renewed early");
}

#[tokio::test(start_paused = true)]
async fn token_cache_waiters_share_a_failure() {
    fn denied(_: &Response) -> Result<TokenResponse, TokenError> {
        Err(TokenError::new(Cause::TokenRefused, "wrong secret"))
    }
    let (credentials, requests) = grant(denied, |_| status(400));
    let transport = Arc::new(HttpTransport::new(
        MockHttpClient::new(),
        credentials,
        Timeouts::default(),
    ));
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let transport = Arc::clone(&transport);
            tokio::spawn(async move {
                transport
                    .deliver(&request(Idempotency::NonIdempotent))
                    .await
                    .unwrap_err()
            })
        })
        .collect();
    for call in calls {
        let failure = call.await.unwrap();
        assert_eq!(
            (failure.cause(), failure.acted()),
            (Cause::TokenRefused, SideEffect::None)
        );
    }
    assert_eq!(*requests.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn token_cache_failed_renewal_keeps_the_token_until_expiry() {
    let (credentials, _) = grant(hour, |count| if count == 1 { status(200) } else { lost() });
    let (client, _) = client(vec![status(204), status(204)]);
    let transport = HttpTransport::new(client, credentials, Timeouts::default());
    assert!(
        transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .is_ok()
    );
    tokio::time::advance(Duration::from_secs(3550)).await;
    assert!(
        transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .is_ok()
    );
    tokio::time::advance(Duration::from_secs(60)).await;
    let failure = transport
        .deliver(&request(Idempotency::NonIdempotent))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::Unreachable, SideEffect::None)
    );
}

/// Under each status that allows a resend, unless a gateway says that it has sent the request already.
#[tokio::test(start_paused = true)]
async fn retry_request_resent_by_a_gateway_is_not_retried() {
    for code in [401, 429] {
        let resent = status(code).map(|answer| answer.with_header("x-envoy-attempt-count", "2"));
        let (credentials, _) = grant(hour, |_| status(200));
        let (client, attempts) = client(vec![resent, status(204)]);
        let transport = HttpTransport::new(client, credentials, Timeouts::default());
        let answer = transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .unwrap();
        assert_eq!(attempts.lock().unwrap().len(), 1, "{code}");
        assert!(answer.is_in_doubt(), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_zero_is_followed_once() {
    let now = |name, value| Ok(Response::new(StatusCode::TOO_MANY_REQUESTS).with_header(name, value));
    for outcome in [
        now("retry-after", "0"),
        now("retry-after", "2020-05-31T00:00:00Z"),
        now("x-ratelimit-reset", "1"),
        now("x-powered-by", "nothing of that"),
    ] {
        let start = Instant::now();
        let (client, attempts) = client(vec![outcome; 100]);
        let transport = HttpTransport::new(client, Credentials::None, Timeouts::default()).seeded(1);
        let answer = transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 429);
        let in_the_first_call = attempts.lock().unwrap().len();
        assert!(
            (2..=9).contains(&in_the_first_call),
            "{in_the_first_call} in 30 s"
        );
        assert!(
            answer.wait().unwrap() > Duration::from_secs(3),
            "{:?}",
            answer.wait()
        );
        // What one call has learnt keeps the next ones back.
        for _ in 0..20 {
            let failure = transport
                .deliver(&request(Idempotency::NonIdempotent).budget(Duration::from_secs(1)))
                .await
                .unwrap_err();
            assert_eq!(
                (failure.cause(), failure.acted()),
                (Cause::RateLimited, SideEffect::None)
            );
        }
        assert_eq!(attempts.lock().unwrap().len(), in_the_first_call);
        assert!(start.elapsed() < Duration::from_secs(40));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_daily_limit_is_not_retried_the_same_day() {
    let daily = Response::new(StatusCode::TOO_MANY_REQUESTS)
        .with_header("x-ratelimit-type", "Daily-limit")
        .with_header("date", "Fri, 27 Nov 2026 12:00:00 GMT");
    let (result, attempts) = deliver(Idempotency::NonIdempotent, vec![Ok(daily)]).await;
    let reported = result.unwrap().wait();
    assert_eq!((reported, attempts), (Some(Duration::from_secs(12 * 3600)), 1));
}

#[tokio::test(start_paused = true)]
async fn token_cache_rejected_token_is_replaced_with_growing_pauses() {
    for (outcomes, fetched, end) in [
        (vec![status(401), status(204)], 2, 204),
        (vec![status(401), status(401), status(401), status(204)], 4, 204),
        (vec![status(401); 4], 4, 401),
        (vec![status(204)], 1, 204),
    ] {
        let (credentials, requests) = grant(hour, |_| status(200));
        let (client, attempts) = client(outcomes.clone());
        let transport = HttpTransport::new(client, credentials, Timeouts::default());
        let answer = transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .unwrap();
        let counted = (
            answer.status().as_u16(),
            attempts.lock().unwrap().len(),
            *requests.lock().unwrap(),
        );
        assert_eq!(counted, (end, outcomes.len(), fetched));
        assert_eq!(answer.rejects_grant(), end == 401);
        // The first is replaced at once, which takes the endpoint's second.
        let attempts = attempts.lock().unwrap();
        let waits: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (nth, wait) in waits.iter().enumerate() {
            let least = Duration::from_millis(if nth == 0 { 1000 } else { 1000 + 250 * (1 << nth) });
            assert!(*wait >= least && *wait <= 2 * least, "{nth}: {wait:?}");
        }
    }
    // Where no fresh token is ever taken, later calls do not hammer the endpoint.
    let (credentials, requests) = grant(hour, |_| status(200));
    let (client, attempts) = client(vec![status(401); 4 + 5 * 2]);
    let transport = HttpTransport::new(client, credentials, Timeouts::default());
    for _ in 0..6 {
        let answer = transport
            .deliver(&request(Idempotency::NonIdempotent))
            .await
            .unwrap();
        assert!(answer.rejects_grant());
    }
    assert_eq!(
        (*requests.lock().unwrap(), attempts.lock().unwrap().len()),
        (14, 14)
    );
    let (_, attempts) = deliver(Idempotency::NonIdempotent, vec![status(401)]).await;
    assert_eq!(attempts, 1, "a fixed token has no successor");
}
