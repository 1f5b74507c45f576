//! Settling an unknown outcome.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{
    CallContext, Error, ErrorKind, Outcome, Password, PasswordChange, PasswordService as _, Resolution,
    UnknownOutcome,
};
use repass_transport::{MockTransport, Response, StatusCode};
use repass_zoom::{ZoomService, ZoomSettings};

async fn resolve(response: Response) -> Result<Resolution, Error> {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(response));
    let service = ZoomService::new("zoom", ZoomSettings::default(), Arc::new(transport));
    let new = Password::new("New-Passw0rd").unwrap();
    let change = PasswordChange::reset("alice@example.com".parse().unwrap(), new);
    service
        .resolve(&CallContext::default(), &UnknownOutcome::new("zoom"), &change)
        .await
}

fn refusal(body: &'static str) -> Response {
    Response::new(StatusCode::BAD_REQUEST).with_body(body)
}

#[tokio::test]
async fn resolve_by_resending_the_change() {
    assert_eq!(
        resolve(Response::new(StatusCode::NO_CONTENT)).await.unwrap(),
        Resolution::InPlace
    );
    let same = refusal(r#"{"code":300,"message":"Your new password can not match the old password."}"#);
    assert_eq!(resolve(same).await.unwrap(), Resolution::InPlace);
    let cap = refusal(
        r#"{"code":300,"message":"This password cannot be changed because it has already been changed the maximum number of times over the past 24 hours."}"#,
    );
    assert_eq!(resolve(cap).await.unwrap(), Resolution::StillUnknown);
}

#[tokio::test]
async fn resolve_unrelated_response_stays_unknown() {
    for (response, kind, effect) in [
        (
            refusal(r#"{"code":1126,"message":"…"}"#),
            ErrorKind::PasswordRefused,
            Outcome::NotApplied,
        ),
        (
            Response::new(StatusCode::UNAUTHORIZED).with_header("www-authenticate", "Bearer"),
            ErrorKind::Unauthenticated,
            Outcome::NotApplied,
        ),
        (
            Response::new(StatusCode::BAD_GATEWAY),
            ErrorKind::ProviderFault,
            Outcome::Unknown,
        ),
    ] {
        let error = resolve(response).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, effect));
    }
}
