//! Settling an unknown outcome, and looking users up.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;

use mockall::Sequence;
use repass_domain::{
    CallContext, Error, ErrorKind, Outcome, Password, PasswordChange, PasswordService as _, Resolution,
    UnknownOutcome,
};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::{MockTransport, Response, StatusCode};

const GUID: &str = "7d5cbf1d-3c4e-4b43-8c1b-5e6a1f0f0a01";

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn change(user: &str) -> PasswordChange {
    PasswordChange::change(
        user.parse().unwrap(),
        password("Old-Passw0rd"),
        password("New-Passw0rd"),
    )
}

async fn resolve(change: &PasswordChange, response: Response) -> Result<Resolution, Error> {
    let mut transport = MockTransport::new();
    transport
        .expect_deliver()
        .withf(|request| {
            request.secret_body().unwrap().bytes().trim_ascii_end()
                == r#"{"oldPassword":"New-Passw0rd","newPassword":"New-Passw0rd"}"#.as_bytes()
        })
        .times(1)
        .return_once(|_| Ok(response));
    let service = IdentityService::new("portal", IdentitySettings::default(), Arc::new(transport));
    service
        .resolve(&CallContext::default(), &UnknownOutcome::new("portal"), change)
        .await
}

fn result(body: &'static str) -> Response {
    Response::new(StatusCode::OK).with_body(body)
}

#[tokio::test]
async fn resolve_changes_the_new_password_to_itself() {
    let reset = PasswordChange::reset(GUID.parse().unwrap(), password("New-Passw0rd"));
    for change in [change(GUID), reset] {
        let done = resolve(&change, result(r#"{"succeeded":true}"#)).await.unwrap();
        assert_eq!(done, Resolution::InPlace);
        let wrong = r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch"}]}"#;
        assert_eq!(
            resolve(&change, result(wrong)).await.unwrap(),
            Resolution::NotInPlace
        );
        let unsaid =
            Response::new(StatusCode::BAD_REQUEST).with_body(r#"{"errors":[{"code":"PasswordTooShort"}]}"#);
        assert!(resolve(&change, unsaid).await.is_err());
        // A portal may check the rules before the old password.
        let broken_rule = r#"{"succeeded":false,"errors":[{"code":"PasswordRequiresUpper"}]}"#;
        assert!(resolve(&change, result(broken_rule)).await.is_err());
        for passed in [
            r#"{"succeeded":false,"errors":[{"code":"ConcurrencyFailure"}]}"#,
            r#"{"succeeded":false,"errors":[{"code":"InvalidUserName"}]}"#,
        ] {
            assert_eq!(
                resolve(&change, result(passed)).await.unwrap(),
                Resolution::InPlace
            );
        }
    }
}

#[tokio::test]
async fn resolve_unrelated_response_stays_unknown() {
    let locked = r#"{"succeeded":false,"errors":[{"code":"UserLockedOut"}]}"#;
    for (response, kind, effect) in [
        (result(locked), ErrorKind::LockedOut, Outcome::NotApplied),
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
        (result("<html>"), ErrorKind::UnexpectedAnswer, Outcome::Unknown),
    ] {
        let error = resolve(&change(GUID), response).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, effect));
    }
}

#[tokio::test]
async fn resolve_looks_up_an_address_in_the_organization() {
    let mut transport = MockTransport::new();
    let mut order = Sequence::new();
    transport
        .expect_deliver()
        .withf(|request| request.path() == "/api/User/users/org-1?searchTerm=ann%40example.com&top=100")
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| {
            Ok(result(r#"{"totalCount":1,"results":[{"id":"7d5cbf1d-3c4e-4b43-8c1b-5e6a1f0f0a01","email":"Ann@example.com"}]}"#))
        });
    transport
        .expect_deliver()
        .withf(|request| request.path() == format!("/api/User/{GUID}/changepassword"))
        .times(1)
        .in_sequence(&mut order)
        .returning(|_| Ok(result(r#"{"succeeded":true}"#)));
    let config = IdentitySettings {
        organization: Some("org-1".to_owned()),
        ..IdentitySettings::default()
    };
    let service = IdentityService::new("portal", config, Arc::new(transport));
    assert!(
        service
            .change_password(&CallContext::default(), &change("ann@example.com"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn resolve_failed_lookup_is_not_applied() {
    for (response, kind) in [
        (result(r#"{"results":[]}"#), ErrorKind::UserNotFound),
        (Response::new(StatusCode::BAD_GATEWAY), ErrorKind::ProviderFault),
        (result(r#"{"results":"#).cut(), ErrorKind::ConnectionLost),
    ] {
        let mut transport = MockTransport::new();
        transport.expect_deliver().times(1).return_once(|_| Ok(response));
        let config = IdentitySettings {
            organization: Some("org-1".to_owned()),
            ..IdentitySettings::default()
        };
        let service = IdentityService::new("portal", config, Arc::new(transport));
        let changed = service
            .change_password(&CallContext::default(), &change("ann@example.com"))
            .await;
        let error = changed.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, Outcome::NotApplied));
    }
}
