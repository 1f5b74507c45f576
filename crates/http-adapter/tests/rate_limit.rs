//! Rate limits whose delay stands in the body.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cases;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use repass_domain::{CallContext, Error, ErrorKind, Password, PasswordChange, PasswordService as _};
use repass_http_provider::{HttpService, Table};
use repass_transport::{Credentials, HttpTransport, Instant, MockHttpClient, Response, StatusCode, Timeouts};

use cases::Cases;

/// A reset at Matrix, where this comes first and a success then, and how long it took.
async fn reset_after(status: StatusCode, body: &'static str) -> (Result<(), Error>, Duration) {
    let count = AtomicUsize::new(0);
    let mut client = MockHttpClient::new();
    client.expect_attempt().returning(move |_, _, _| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(if first {
            Response::new(status)
                .with_body(body)
                .with_header("retry-after", "1")
        } else {
            Response::new(StatusCode::OK).with_body("{}")
        })
    });
    let table = Table::from_value(Cases::of("matrix").document("matrix")).unwrap();
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default());
    let service = HttpService::new("matrix", Arc::new(table), Arc::new(transport));
    let change = PasswordChange::reset("alice".parse().unwrap(), Password::new("New-Passw0rd-1").unwrap());
    let start = Instant::now();
    let cx = CallContext::with_budget(Duration::from_secs(30));
    let result = service.change_password(&cx, &change).await.map(drop);
    (result, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn delay_in_the_body_is_kept_and_reported() {
    let limited = StatusCode::TOO_MANY_REQUESTS;
    let (result, took) =
        reset_after(limited, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":9500}"#).await;
    assert!(
        result.is_ok() && took >= Duration::from_millis(9500),
        "{result:?} after {took:?}"
    );
    let (result, took) = reset_after(
        limited,
        r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":262000}"#,
    )
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(
        error.retry_after() >= Some(Duration::from_secs(262)),
        "{:?}",
        error.retry_after()
    );
    assert_eq!(
        took,
        Duration::ZERO,
        "longer than the budget, so nothing is waited for"
    );
    // What the body does not say, the header does.
    for body in [
        r#"{"errcode":"M_LIMIT_EXCEEDED"}"#,
        r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":"soon"}"#,
        "<html>",
    ] {
        let (result, took) = reset_after(limited, body).await;
        assert!(
            result.is_ok() && took < Duration::from_secs(5),
            "{body}: {result:?} after {took:?}"
        );
    }
}
