//! The portal's service over a mocked transport: what it makes of each response.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use repass_domain::{
    CallContext, ChangeReceipt, Error, ErrorKind, Outcome, Password, PasswordServiceExt as _, UserId,
};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::{MockTransport, Response, StatusCode};

fn user() -> UserId {
    "7d5cbf1d-3c4e-4b43-8c1b-5e6a1f0f0a01".parse().unwrap()
}

fn response(status: u16, body: &'static str) -> Response {
    Response::new(StatusCode::from_u16(status).unwrap()).with_body(body)
}

async fn change(response: Response) -> Result<ChangeReceipt, Error> {
    let mut transport = MockTransport::new();
    transport.expect_deliver().times(1).return_once(|_| Ok(response));
    let service = IdentityService::new("portal", IdentitySettings::default(), Arc::new(transport));
    let password = |text| Password::new(text).unwrap();
    service
        .change(
            &CallContext::default(),
            user(),
            password("Old-Passw0rd"),
            password("New-Passw0rd"),
        )
        .await
}

#[tokio::test]
async fn password_only_succeeded_true_is_applied() {
    for body in [
        r#"{"succeeded":true,"errors":[]}"#,
        r#"{"succeeded":true,"errors":null}"#,
        r#"{"Succeeded":true}"#,
    ] {
        assert!(change(response(200, body)).await.is_ok(), "{body}");
    }
}

#[tokio::test]
async fn password_rejection_is_the_same_with_200_and_400() {
    for status in [200, 400] {
        let wrong = r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch","description":"Incorrect password."}]}"#;
        let error = change(response(status, wrong)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::WrongCurrentPassword, Outcome::NotApplied)
        );
        let nested = r#"{"result":{"succeeded":false,"errors":[{"code":"ConcurrencyFailure"}]}}"#;
        assert_eq!(
            change(response(status, nested)).await.unwrap_err().kind(),
            ErrorKind::Conflict
        );
        let locked =
            r#"{"succeeded":false,"errors":[{"code":"UserLockedOut","description":"User is locked out."}]}"#;
        assert_eq!(
            change(response(status, locked)).await.unwrap_err().kind(),
            ErrorKind::LockedOut
        );
    }
}

#[tokio::test]
async fn password_policy_codes_are_violations() {
    let body = r#"{"succeeded":false,"errors":[
        {"code":"PasswordTooShort","description":"Passwords must be at least 10 characters."},
        {"code":"PasswordRequiresNonAlphanumeric","description":""},
        {"code":"PasswordRequiresDigit"}, {"code":"PasswordRequiresLower"}, {"code":"PasswordRequiresUpper"},
        {"code":"PasswordRequiresUniqueChars","description":"Passwords must use at least 4 different characters."},
        {"code":"PasswordFromTheFuture"}]}"#;
    let error = change(response(200, body)).await.unwrap_err();
    let reported: Vec<_> = error
        .violations()
        .iter()
        .map(|v| (v.rule().code(), v.rule().limit()))
        .collect();
    let expected = [
        ("min_length", Some(10)),
        ("special", None),
        ("digit", None),
        ("lowercase", None),
        ("uppercase", None),
        ("distinct_characters", Some(4)),
        ("other", None),
    ];
    assert_eq!(reported, expected);
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::PasswordRefused, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn password_rejections_have_distinct_kinds() {
    let problem = r#"{"errors":{"userId":["The value 'x' is not valid."]},"title":"One or more validation errors occurred.","status":400}"#;
    let scope =
        r#"{"errorMessage":"Scope(s) 'X' is(are) invalid. Expect to have 'PM.User' or 'PM.User.Write'. "}"#;
    for (status, body, kind) in [
        (400, problem, ErrorKind::InvalidRequest),
        (403, scope, ErrorKind::PermissionDenied),
        (403, "", ErrorKind::PermissionDenied),
        (
            404,
            r#"{"title":"Not Found","status":404,"traceId":"00-0-0-00"}"#,
            ErrorKind::UserNotFound,
        ),
        (
            405,
            r#"{"error":{"code":"UnsupportedApiVersion","message":"x"}}"#,
            ErrorKind::Misconfigured,
        ),
        (404, "<!DOCTYPE html><html></html>", ErrorKind::Misconfigured),
        (429, "", ErrorKind::RateLimited),
    ] {
        let error = change(response(status, body)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (kind, Outcome::NotApplied),
            "{body}"
        );
    }
}

#[tokio::test]
async fn password_unproven_response_is_unknown() {
    for unclear in [
        response(200, ""),
        response(200, "{}"),
        response(200, r#"{"succeeded":tr"#).cut(),
        response(400, r#"{"succeeded":true}"#),
        response(500, r#"{"succeeded":false,"errors":[]}"#),
        response(502, "<html>"),
    ] {
        let error = change(unclear).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    }
}

#[tokio::test]
async fn password_echoed_in_a_response_is_redacted() {
    let body =
        r#"{"succeeded":false,"errors":[{"code":"X","description":"New-Passw0rd for Old-Passw0rd?"}]}"#;
    let error = change(response(400, body)).await.unwrap_err();
    let all = format!("{error} {error:?}");
    assert!(
        all.contains("[redacted] for [redacted]?") && !all.contains("Passw0rd"),
        "{all}"
    );
}
