//! What is measured, and what that costs when no one listens.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use metrics_util::debugging::DebuggingRecorder;
use repass_transport::{
    Cause, Credentials, HttpTransport, Idempotency, Method, MockHttpClient, RateLimit, RateLimiter, Request,
    Response, StatusCode, Timeouts, Transport as _, TransportError,
};

fn transport(client: MockHttpClient) -> HttpTransport {
    HttpTransport::new(client, Credentials::None, Timeouts::default()).named("zoom")
}

fn request() -> Request {
    Request::new("zoom.test", Method::PUT, Idempotency::NonIdempotent)
        .counted_as("medium")
        .budget(Duration::from_secs(1))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

/// What a recorder hears of some work: metrics with their labels, and how many values or what number each has.
fn heard(work: impl Future<Output = ()>) -> Vec<String> {
    use metrics_util::debugging::DebugValue::{Counter, Gauge, Histogram};
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || run(work));
    let mut heard: Vec<String> = Vec::new();
    for (key, _, _, value) in recorder.snapshotter().snapshot().into_vec() {
        let key = key.key();
        let labels: Vec<String> = key
            .labels()
            .map(|it| format!("{}={}", it.key(), it.value()))
            .collect();
        let value = match value {
            Counter(count) => count.to_string(),
            Gauge(level) => level.to_string(),
            Histogram(values) => format!("{} values", values.len()),
        };
        heard.push(format!("{}{{{}}} {value}", key.name(), labels.join(",")));
    }
    heard.sort();
    heard
}

#[test]
fn meter_times_each_attempt_and_counts_each_rate_limit() {
    let heard = heard(async {
        let mut client = MockHttpClient::new();
        let mut answers = vec![
            Ok(Response::new(StatusCode::TOO_MANY_REQUESTS).with_header("retry-after", "3600")),
            Err(TransportError::lost(Cause::ConnectionLost, "lost")),
            Ok(Response::new(StatusCode::NO_CONTENT)),
        ];
        client
            .expect_attempt()
            .times(3)
            .returning(move |_, _, _| answers.pop().unwrap());
        let limits = [("medium", RateLimit::per_second(10))];
        let transport = transport(client).with_rate_limiter(RateLimiter::new(limits).into());
        assert!(transport.deliver(&request()).await.is_ok());
        assert!(transport.deliver(&request()).await.is_err());
        assert!(transport.deliver(&request()).await.is_ok());
        // The limit lasts longer than the budget, so this one is not sent.
        assert!(transport.deliver(&request()).await.is_err());
    });
    let (closed_until, heard): (Vec<_>, Vec<_>) = heard
        .into_iter()
        .partition(|it| it.starts_with("repass_provider_rate_limit_closed_until_seconds{provider=zoom} "));
    assert_eq!(closed_until.len(), 1, "an instant, which is another in each run");
    assert_eq!(
        heard,
        [
            "repass_provider_rate_limited_total{provider=zoom,kind=no_place} 1",
            "repass_provider_rate_limited_total{provider=zoom,kind=refused} 1",
            "repass_provider_request_duration_seconds{provider=zoom,operation=zoom.test} 3 values",
            "repass_token_refresh_total{provider=zoom,result=failed} 0",
            "repass_token_refresh_total{provider=zoom,result=granted} 0",
            "repass_token_refresh_total{provider=zoom,result=refused} 0",
        ]
    );
}

#[test]
fn meter_is_off_without_a_provider_name() {
    let heard = heard(async {
        let mut client = MockHttpClient::new();
        client
            .expect_attempt()
            .returning(|_, _, _| Ok(Response::new(StatusCode::NO_CONTENT)));
        let transport = HttpTransport::new(client, Credentials::None, Timeouts::default());
        transport.deliver(&request()).await.unwrap();
    });
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn meter_without_recorder_allocates_nothing() {
    let meter = repass_transport::Meter::new("zoom");
    let measured = |_| {
        let labels = [("operation", "reset"), ("outcome", "applied")];
        meter.count("repass_password_operations_total", &labels);
        meter.set("repass_unknown_outcomes", &[], 1.0);
        let labels = [("operation", "zoom.password")];
        meter.took("repass_request_seconds", &labels, Duration::from_millis(7));
    };
    let allocated = |times| allocation_counter::measure(|| (0..times).for_each(measured)).count_total;
    assert_ne!(allocated(1), 0, "the keys are made once");
    assert_eq!(allocated(1000), 0);
}
