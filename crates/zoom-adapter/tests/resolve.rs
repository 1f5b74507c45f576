//! Settling an unknown outcome.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{
    Attempt, CallContext, Effect, Error, ErrorKind, Password, PasswordChange, PasswordService as _,
    Resolution,
};
use repass_transport::{Answer, MockTransport, StatusCode};
use repass_zoom::{ZoomConfig, ZoomService};

async fn resolve(answer: Answer) -> Result<Resolution, Error> {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(answer));
    let service = ZoomService::new("zoom", ZoomConfig::default(), Arc::new(transport));
    let new = Password::new("New-Passw0rd").unwrap();
    let change = PasswordChange::reset("alice@example.com".parse().unwrap(), new);
    service
        .resolve(&CallContext::default(), &Attempt::new("zoom"), &change)
        .await
}

fn refusal(body: &'static str) -> Answer {
    Answer::new(StatusCode::BAD_REQUEST).with_body(body)
}

#[tokio::test]
async fn one_more_sending_tells() {
    assert_eq!(
        resolve(Answer::new(StatusCode::NO_CONTENT)).await.unwrap(),
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
async fn what_says_nothing_about_the_password_settles_nothing() {
    for (answer, kind, effect) in [
        (
            refusal(r#"{"code":1126,"message":"…"}"#),
            ErrorKind::PasswordRefused,
            Effect::NotApplied,
        ),
        (
            Answer::new(StatusCode::UNAUTHORIZED).with_header("www-authenticate", "Bearer"),
            ErrorKind::Unauthenticated,
            Effect::NotApplied,
        ),
        (
            Answer::new(StatusCode::BAD_GATEWAY),
            ErrorKind::ProviderFault,
            Effect::Unknown,
        ),
    ] {
        let error = resolve(answer).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (kind, effect));
    }
}
