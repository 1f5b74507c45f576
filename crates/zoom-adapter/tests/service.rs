//! Zoom's service over a mocked transport: what it sends, and what it makes of each response.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use mockall::Sequence;
use repass_domain::{
    CallContext, Error, ErrorKind, Outcome, Password, PasswordChange, PasswordService as _,
    PasswordServiceExt as _,
};
use repass_transport::{Cause, MockTransport, Request, Response, StatusCode, TransportError};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings};

fn zoom(transport: MockTransport, body: BodyEncoding) -> ZoomService {
    ZoomService::new(
        "zoom",
        ZoomSettings {
            body,
            ..ZoomSettings::default()
        },
        Arc::new(transport),
    )
}

fn response(status: u16, body: &'static str) -> Response {
    Response::new(StatusCode::from_u16(status).unwrap())
        .with_header("x-zm-trackingid", "WEB_1")
        .with_body(body)
}

async fn reset(service: &ZoomService, new: &str) -> Result<repass_domain::ChangeReceipt, Error> {
    let user = "alice@example.com".parse().unwrap();
    service
        .reset(&CallContext::default(), user, Password::new(new).unwrap())
        .await
}

async fn refusal(response: Response) -> Error {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(response));
    reset(&zoom(transport, BodyEncoding::FormData), "New-Passw0rd")
        .await
        .unwrap_err()
}

fn is_json(request: &Request) -> bool {
    request.secret_body().unwrap().content_type() == "application/json"
}

#[tokio::test]
async fn password_204_is_applied_with_its_tracking_id() {
    let mut transport = MockTransport::new();
    transport
        .expect_deliver()
        .times(1)
        .return_once(|_| Ok(response(204, "").cut()));
    let changed = reset(&zoom(transport, BodyEncoding::Auto), "New-Passw0rd")
        .await
        .unwrap();
    assert_eq!(changed.tracking_id(), Some("WEB_1"));
}

#[tokio::test]
async fn password_auto_encoding_falls_back_to_json_and_stays() {
    let mut transport = MockTransport::new();
    let mut order = Sequence::new();
    let refused = || {
        Ok(response(
            415,
            r#"{"code":300,"message":"Unsupported Content Type"}"#,
        ))
    };
    transport
        .expect_deliver()
        .withf(|request| !is_json(request))
        .times(1)
        .in_sequence(&mut order)
        .returning(move |_| refused());
    transport
        .expect_deliver()
        .withf(is_json)
        .times(2)
        .in_sequence(&mut order)
        .returning(|_| Ok(response(204, "")));
    let service = zoom(transport, BodyEncoding::Auto);
    assert!(reset(&service, "New-Passw0rd").await.is_ok());
    assert!(reset(&service, "New-Passw0rd").await.is_ok());
}

#[tokio::test]
async fn password_fixed_encoding_is_never_changed() {
    for (body, json) in [(BodyEncoding::FormData, false), (BodyEncoding::Json, true)] {
        let mut transport = MockTransport::new();
        transport
            .expect_deliver()
            .withf(move |request| is_json(request) == json)
            .times(1)
            .returning(|_| {
                Ok(response(
                    415,
                    r#"{"code":300,"message":"Unsupported Content Type"}"#,
                ))
            });
        let error = reset(&zoom(transport, body), "New-Passw0rd").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Misconfigured, Outcome::NotApplied)
        );
    }
}

#[tokio::test]
async fn password_code_300_is_read_by_its_text() {
    for (message, code) in [
        (
            r#"{"code":300,"message":"Your new password can not match the old password."}"#,
            "not_current",
        ),
        (
            r#"{"code":300,"message":"This password cannot be changed because it has already been changed the maximum number of times over the past 24 hours."}"#,
            "changes_per_day",
        ),
    ] {
        let error = refusal(response(400, message)).await;
        assert_eq!(error.kind(), ErrorKind::PasswordRefused);
        assert_eq!(error.violations()[0].rule().code(), code);
    }
}

#[tokio::test]
async fn password_rejections_have_distinct_kinds() {
    for (status, body, kind) in [
        (
            404,
            r#"{"code":1001,"message":"User does not exist: alice@example.com."}"#,
            ErrorKind::UserNotFound,
        ),
        (
            401,
            r#"{"code":124,"message":"Invalid access token."}"#,
            ErrorKind::Unauthenticated,
        ),
        (
            429,
            r#"{"code":429,"message":"You have reached …"}"#,
            ErrorKind::RateLimited,
        ),
    ] {
        let error = refusal(response(status, body)).await;
        assert_eq!((error.kind(), error.outcome()), (kind, Outcome::NotApplied));
        assert!(!error.to_string().contains("alice"), "{error}");
        assert_eq!(
            error.provider_detail().unwrap().tracking_id.as_deref(),
            Some("WEB_1")
        );
    }
    let limited = refusal(response(429, "").with_header("retry-after", "7")).await;
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn password_unproven_response_is_unknown() {
    for body in [
        response(200, "<html>"),
        response(200, ""),
        response(500, "{}"),
        response(504, ""),
        response(200, "{").cut(),
    ] {
        let error = refusal(body).await;
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
        assert_eq!(error.unknown_outcome().unwrap().provider(), "zoom");
    }
    let mut transport = MockTransport::new();
    transport
        .expect_deliver()
        .return_once(|_| Err(TransportError::lost(Cause::TimedOut, "no response in time")));
    let error = reset(&zoom(transport, BodyEncoding::Auto), "New-Passw0rd")
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::TimedOut, Outcome::Unknown)
    );
}

#[tokio::test]
async fn password_violation_lists_every_documented_rule() {
    let mut transport = MockTransport::new();
    transport.expect_deliver().return_once(|_| {
        Ok(response(
            400,
            r#"{"code":1127,"message":"Have at least 1 special character (!, @, #…)"}"#,
        ))
    });
    let error = reset(&zoom(transport, BodyEncoding::Auto), "aaaaaaaa")
        .await
        .unwrap_err();
    let codes: Vec<_> = error
        .violations()
        .iter()
        .map(|violation| violation.rule().code())
        .collect();
    assert_eq!(codes, ["special", "digit", "mixed_case", "not_one_character"]);
}

#[tokio::test]
async fn password_impossible_length_or_mode_sends_nothing() {
    let service = zoom(MockTransport::new(), BodyEncoding::Auto);
    for password in ["Short-1", "Abcdefgh-Abcdefgh-Abcdefgh-12345"] {
        let error = reset(&service, password).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::PasswordRefused, Outcome::NotApplied)
        );
    }
    let current = Password::new("Old-Passw0rd").unwrap();
    let new = Password::new("New-Passw0rd").unwrap();
    let change = PasswordChange::change("alice@example.com".parse().unwrap(), current, new);
    let error = service
        .change_password(&CallContext::default(), &change)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::Unsupported, Outcome::NotApplied)
    );
}
