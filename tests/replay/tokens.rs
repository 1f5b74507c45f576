//! Answers of token endpoints. Whatever they are, nothing was changed.

use repass::ErrorKind::{Misconfigured, RateLimited, Unauthenticated, Unreachable, UserNotFound};

use crate::case::Call::{PortalGranted, ZoomGranted};
use crate::case::Expected::{Applied, NotApplied};
use crate::case::{case, empty, json, page, raw, replay, xml};

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_token_endpoint_are_named() {
    let mut cases = Vec::new();
    for call in [PortalGranted, ZoomGranted] {
        for error in [
            "access_denied",
            "invalid_target",
            "invalid_client",
            "unauthorized_client",
            "invalid_scope",
        ] {
            let body = format!(r#"{{"error":"{error}","error_description":"client secret expired"}}"#);
            for status in [400, 401] {
                let row = case(error, call, empty(204), NotApplied(Unauthenticated));
                cases.push(
                    row.tokens([json(status, &body)])
                        .requests(0)
                        .says("client secret expired"),
                );
            }
        }
        for error in ["temporarily_unavailable", "server_error", "slow_down"] {
            let body = format!(r#"{{"error":"{error}"}}"#);
            let row = case(error, call, empty(204), NotApplied(Unreachable));
            cases.push(row.tokens([json(400, &body)]).requests(0));
        }
        let elsewhere = case("a page", call, empty(204), NotApplied(Misconfigured)).tokens([page(200)]);
        cases.push(elsewhere.requests(0).says("token_url"));
        let nowhere = case("a missing route", call, empty(204), NotApplied(Misconfigured));
        cases.push(
            nowhere
                .tokens([json(404, r#"{"message":"Not Found"}"#)])
                .requests(0)
                .says("token_url"),
        );
        let limited = raw("429 No", &["Retry-After: 60"], "");
        cases.push(
            case("a limit", call, empty(204), NotApplied(RateLimited))
                .tokens([limited])
                .requests(0),
        );
        cases.push(
            case("a fault", call, empty(204), NotApplied(Unreachable))
                .tokens([page(503)])
                .requests(0),
        );
        let echo = r#"{"error":"invalid_client","error_description":"secret fixed-canary-token is wrong"}"#;
        let row = case(
            "an echo of the secret",
            call,
            empty(204),
            NotApplied(Unauthenticated),
        );
        cases.push(row.tokens([json(400, echo)]).requests(0));
    }
    for body in [
        json(
            400,
            r#"{"status":false,"errorCode":4702,"errorMessage":"Invalid client."}"#,
        ),
        xml(
            400,
            "<result><code>4702</code><message>Invalid client.</message></result>",
        ),
        json(
            400,
            r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
        ),
    ] {
        let row = case(
            "Zoom's dialects",
            ZoomGranted,
            empty(204),
            NotApplied(Unauthenticated),
        );
        cases.push(row.tokens([body]).requests(0).says("client_secret"));
    }
    replay(cases).await;
}

/// A token that happens to stand in a response does not change what the response says.
#[tokio::test(flavor = "multi_thread")]
async fn short_token_does_not_spoil_the_answer() {
    let done = r#"{"succeeded":true,"errors":[]}"#;
    let token = |token: &str| json(200, &format!(r#"{{"access_token":"{token}","expires_in":3600}}"#));
    replay(vec![
        case("one letter", PortalGranted, json(200, done), Applied).tokens([token("t")]),
        case("a word of the answer", PortalGranted, json(200, done), Applied).tokens([token("succeeded")]),
        case(
            "a code",
            ZoomGranted,
            json(404, r#"{"code":1001,"message":"User does not exist"}"#),
            NotApplied(UserNotFound),
        )
        .tokens([token("1001")]),
    ])
    .await;
}

/// Two processes on one app whose grants void each other.
#[tokio::test(flavor = "multi_thread")]
async fn fresh_token_that_is_rejected_is_renewed_again() {
    let expired = r#"{"code":124,"message":"Invalid access token."}"#;
    replay(vec![
        case("rejected twice", ZoomGranted, json(401, expired), Applied)
            .then(json(401, expired))
            .then(empty(204))
            .requests(3)
            .token_requests(3),
    ])
    .await;
}
