//! Rate limits in every form in which servers state them: believed once, never hammered.

use repass::ErrorKind::RateLimited;
use repass_testkit::fault_server::RawResponse;

use crate::case::Call::{Portal, Zoom};
use crate::case::Expected::{Applied, NotApplied};
use crate::case::{Case, case, empty, json, raw, replay};

fn limited(headers: &[&str]) -> RawResponse {
    raw("429 Too Many Requests", headers, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_that_is_longer_than_the_budget_is_reported_at_once() {
    let mut cases = Vec::new();
    for call in [Portal, Zoom] {
        for (headers, says) in [
            (&["Retry-After: 60"][..], "try again in 60 s"),
            (&["Retry-After: 299.997"], "try again in 300 s"),
            (&["X-RateLimit-Reset: 60"], "try again in 60 s"),
            (
                &[
                    "Retry-After: Fri, 27 Nov 2026 00:21:00 GMT",
                    "Date: Fri, 27 Nov 2026 00:20:00 GMT",
                ],
                "try again in 60 s",
            ),
            (
                &[
                    "Retry-After: Friday, 27-Nov-26 00:21:00 GMT",
                    "Date: Fri, 27 Nov 2026 00:20:00 GMT",
                ],
                "try again in 60 s",
            ),
            (
                &[
                    "Retry-After: Fri Nov 27 00:21:00 2026",
                    "Date: Fri, 27 Nov 2026 00:20:00 GMT",
                ],
                "try again in 60 s",
            ),
            (
                &[
                    "Retry-After: 2026-11-27T00:21:00Z",
                    "Date: Fri, 27 Nov 2026 00:20:00 GMT",
                ],
                "try again in 60 s",
            ),
        ] {
            let name = headers.join(", ");
            cases.push(case(name, call, limited(headers), NotApplied(RateLimited)).says(says));
        }
    }
    let daily = limited(&["X-RateLimit-Type: Daily-limit"]);
    cases.push(case("Zoom's daily limit", Zoom, daily, NotApplied(RateLimited)));
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_that_says_now_is_believed_once() {
    let mut cases: Vec<Case> = Vec::new();
    let done = r#"{"succeeded":true,"errors":[]}"#;
    for header in [
        "Retry-After: 0",
        "Retry-After: 2020-05-31T00:00:00Z",
        "Retry-After: Sun, 31 May 2020 00:00:00 GMT",
        "X-RateLimit-Reset: 0",
        "X-RateLimit-Reset: 1590883200",
    ] {
        let passes = case(header, Portal, limited(&[header]), Applied).then(json(200, done));
        cases.push(passes.requests(2));
        let passes = case(header, Zoom, limited(&[header]), Applied).then(empty(204));
        cases.push(passes.requests(2));
    }
    replay(cases).await;
}

/// The provider says "now" again and again: a handful of requests within the budget of three seconds.
#[tokio::test(flavor = "multi_thread")]
async fn limit_that_always_says_now_is_backed_off_from() {
    use repass::{CallContext, Password, PasswordServiceExt as _, Services};
    use repass_testkit::fault_server::FaultServer;
    use std::time::Duration;

    for header in [
        "Retry-After: 0",
        "X-RateLimit-Reset: 1590883200",
        "X-Nothing: said",
    ] {
        let response = limited(&[header]);
        let server = FaultServer::start(move |_| response.clone()).await;
        let text = format!(
            "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbody = \"json\"\nbase_url = \"http://{}/v2\"\n\
             auth = {{ kind = \"bearer\", token = {{ command = [\"printf\", \"t\"] }} }}\n",
            server.address()
        );
        let service = Services::builder()
            .toml(&text)
            .build()
            .unwrap()
            .get("zoom")
            .unwrap();
        let cx = CallContext::with_budget(Duration::from_secs(3));
        let new = Password::new(crate::case::NEW).unwrap();
        let error = service
            .reset(&cx, "alice@example.com".parse().unwrap(), new)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), RateLimited, "{header}: {error}");
        let requests = server.requests().len();
        assert!((1..=8).contains(&requests), "{header}: {requests} requests");
    }
}
