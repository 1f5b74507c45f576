//! The portal's user routes.

use http::{Method, StatusCode};
use repass_sandbox::{
    FailureStatus, IdentityIds, IdentityOptions, IdentityRules, Options, Provider, Sandbox,
};
use serde_json::json;

use crate::client::{
    ALICE, ALICE_GUID, ALICE_PASSWORD, bare_request, identity_change, post_json, put_json, request, send,
    start,
};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn identity(identity: IdentityOptions) -> Sandbox {
    start(Options {
        identity,
        ..Options::default()
    })
    .await
}

fn path(user: &str) -> String {
    format!("/identity/api/User/{user}/changepassword")
}

#[tokio::test]
async fn portal_change_succeeds_at_every_base_path_in_any_case() {
    let sandbox = start(Options::default()).await;
    let mounts = [
        "/identity/api/User",
        "/identity_/api/User",
        "/acme/identity_/api/User",
        "/acme/main/identity_/api/User",
        "/ACME/Identity_/API/user",
    ];
    for (round, mount) in mounts.iter().enumerate() {
        let path = format!("{mount}/{ALICE_GUID}/ChangePassword");
        // The new password equals the old one: the framework allows that, and it is a change.
        let body = json!({"oldPassword": ALICE_PASSWORD, "newPassword": ALICE_PASSWORD});
        let answer = post_json(&sandbox, &path, &body).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(&answer.body[..], br#"{"succeeded":true,"errors":[]}"#);
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(
            sandbox.ledger().count(Provider::Identity, ALICE_GUID),
            round as u64 + 1
        );
    }
    let ledger = sandbox.ledger();
    assert_eq!(ledger.changes[0].operation.name(), "change");
    assert_eq!(ledger.changes[0].tracking_id, None);
}

#[tokio::test]
async fn wrong_old_password_hides_other_violations() {
    for (failure_status, status) in [(FailureStatus::BadRequest, 400), (FailureStatus::Ok, 200)] {
        let sandbox = identity(IdentityOptions {
            failure_status,
            ..IdentityOptions::default()
        })
        .await;
        let answer = identity_change(&sandbox, ALICE_GUID, "wrong", "weak").await;
        assert_eq!(
            answer.result(),
            (status, false, vec!["PasswordMismatch".to_owned()])
        );
        assert_eq!(answer.json()["errors"][0]["description"], "Incorrect password.");
        let directory = "d17ec704-0000-4000-8000-000000000004";
        let answer = identity_change(&sandbox, directory, "", "Brand-New-42").await;
        assert_eq!(
            answer.result(),
            (status, false, vec!["PasswordMismatch".to_owned()])
        );
        assert_eq!(sandbox.changes(), 0);
    }
}

#[tokio::test]
async fn portal_reports_all_violations_at_once() {
    let sandbox = identity(IdentityOptions {
        rules: IdentityRules::Aspnet,
        ..IdentityOptions::default()
    })
    .await;
    let answer = identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, "patr0nu5").await;
    let codes = ["PasswordRequiresNonAlphanumeric", "PasswordRequiresUpper"].map(str::to_owned);
    assert_eq!(answer.result(), (400, false, codes.to_vec()));
    assert_eq!(
        answer.json()["errors"][1]["description"],
        "Passwords must have at least one uppercase ('A'-'Z')."
    );
    let sandbox = start(Options::default()).await;
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, "patr0nu5")
            .await
            .status,
        200
    );
    assert!(sandbox.accepts(Provider::Identity, ALICE_GUID, "patr0nu5"));
}

#[tokio::test]
async fn unbindable_arguments_are_validation_problems() {
    let sandbox = start(Options::default()).await;
    let both = r#"{"oldPassword":"Alice-Start-7","newPassword":"Brand-New-42"}"#;
    let rows = [
        (
            "har-3107",
            both,
            json!({"userId": ["The value 'har-3107' is not valid."]}),
        ),
        (
            ALICE_GUID,
            "",
            json!({"": ["A non-empty request body is required."]}),
        ),
        (
            "har-3107",
            r#"{"newPassword":{}}"#,
            json!({
                "userId": ["The value 'har-3107' is not valid."],
                "newPassword": ["Unexpected character encountered while parsing value: {. \
                                 Path 'newPassword', line 1, position 16."],
            }),
        ),
        (
            ALICE_GUID,
            r#"{"oldPassword":"x"}"#,
            json!({"newPassword": ["The newPassword field is required."]}),
        ),
    ];
    for (user, body, errors) in rows {
        let answer = send(
            &sandbox,
            request(Method::POST, &path(user), &JSON, body.as_bytes()),
        )
        .await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json; charset=utf-8"
        );
        let problem = answer.json();
        assert_eq!(problem["errors"], errors, "{body}");
        assert_eq!(problem["title"], "One or more validation errors occurred.");
        assert!(answer.body.starts_with(b"{\"errors\":"), "{:?}", answer.body);
        let trace_id = problem["traceId"].as_str().unwrap();
        assert_eq!(trace_id.len(), 55, "{trace_id}");
    }
    assert_eq!(sandbox.changes(), 0);
}

#[tokio::test]
async fn portal_accepts_lenient_json() {
    let sandbox = start(Options::default()).await;
    let body = "{ 'OLDPASSWORD': 'Alice-Start-7', /* ours */ newPassword: \"a\\u0031bcdefg\", other: [1,], }";
    let answer = send(
        &sandbox,
        request(Method::POST, &path(ALICE_GUID), &JSON, body.as_bytes()),
    )
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(sandbox.accepts(Provider::Identity, ALICE_GUID, "a1bcdefg"));
}

#[tokio::test]
async fn request_is_checked_by_route_method_token_and_content_type_first() {
    let sandbox = start(Options::default()).await;
    let path = path(ALICE_GUID);

    let answer = send(&sandbox, bare_request(Method::GET, &path, &[], b"")).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));

    let answer = send(&sandbox, bare_request(Method::POST, &path, &[], b"")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("www-authenticate")),
        (401, "Bearer")
    );
    assert!(answer.body.is_empty());

    let wrong = [("authorization", "Bearer wrong")];
    let answer = send(&sandbox, bare_request(Method::POST, &path, &wrong, b"")).await;
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer error=\"invalid_token\", error_description=\"The signature is invalid\""
    );

    let form = [("content-type", "application/x-www-form-urlencoded")];
    for headers in [&[][..], &form] {
        let answer = send(&sandbox, request(Method::POST, &path, headers, b"oldPassword=x")).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(answer.json()["title"], "Unsupported Media Type");
    }

    for path in [
        "/",
        "/identity/nothing",
        "/nobody/knows",
        "/identity/api/User//changepassword",
    ] {
        let answer = send(&sandbox, request(Method::POST, path, &JSON, b"{}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
    }
}

#[tokio::test]
async fn unknown_users_are_not_found() {
    let sandbox = start(Options::default()).await;
    let answer = identity_change(
        &sandbox,
        "00000000-0000-4000-8000-000000000001",
        "x",
        "Brand-New-42",
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["title"]),
        (404, &json!("Not Found"))
    );
}

#[tokio::test]
async fn portal_accepts_any_id_when_configured() {
    let seeded = vec!["identity:har-3107=Free-Start-7".parse().unwrap()];
    let options = IdentityOptions {
        ids: IdentityIds::Any,
        ..IdentityOptions::default()
    };
    let sandbox = start(Options {
        seeded,
        identity: options,
        ..Options::default()
    })
    .await;
    let answer = identity_change(&sandbox, "har-3107", "Free-Start-7", "Brand-New-42").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(sandbox.ledger().count(Provider::Identity, "har-3107"), 1);
    assert_eq!(
        identity_change(&sandbox, ALICE, ALICE_PASSWORD, "Brand-New-42")
            .await
            .status,
        200
    );
    assert_eq!(sandbox.ledger().count(Provider::Identity, ALICE_GUID), 1);
    assert_eq!(
        identity_change(&sandbox, "nobody", "x", "Brand-New-42")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn portal_accepts_every_guid_format() {
    let sandbox = start(Options::default()).await;
    for id in [
        "A11CE000-0000-4000-8000-000000000001",
        "a11ce00000004000800000000000001",
        "%7Ba11ce000-0000-4000-8000-000000000001%7D",
    ] {
        let expected = if id.len() == 31 { 400 } else { 200 };
        let answer = identity_change(&sandbox, id, ALICE_PASSWORD, ALICE_PASSWORD).await;
        assert_eq!(answer.status, expected, "{id}");
    }
    assert_eq!(sandbox.ledger().count(Provider::Identity, ALICE_GUID), 2);
}

#[tokio::test]
async fn portal_reset_needs_no_old_password() {
    let sandbox = start(Options::default()).await;
    let path = format!("/identity/api/User/{ALICE_GUID}");
    let answer = put_json(&sandbox, &path, &json!({"password": "weak"})).await;
    let codes = ["PasswordTooShort", "PasswordRequiresDigit"].map(str::to_owned);
    assert_eq!(answer.result(), (400, false, codes.to_vec()));
    let answer = put_json(&sandbox, &path, &json!({"name": "Alice"})).await;
    assert_eq!(answer.result(), (200, true, Vec::new()));
    assert_eq!(sandbox.changes(), 0);

    let answer = put_json(&sandbox, &path, &json!({"password": "Brand-New-42"})).await;
    assert_eq!(answer.result(), (200, true, Vec::new()));
    let change = sandbox.ledger().changes.pop().unwrap();
    assert_eq!(
        (change.operation.name(), change.user.as_str()),
        ("reset", ALICE_GUID)
    );
    assert!(sandbox.accepts(Provider::Identity, ALICE_GUID, "Brand-New-42"));
}
