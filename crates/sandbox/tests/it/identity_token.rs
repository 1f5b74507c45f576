//! The portal's token endpoint, and what tokens are good for.

use http::Method;
use repass_sandbox::{IdentityOptions, JsonTokenRequest, Options, Provider, Sandbox};
use serde_json::json;

use crate::client::{ALICE_GUID, ALICE_PASSWORD, Answer, bare_request, request, send, send_as, start};

const APP: &str = "client_id=sandbox-client&client_secret=sandbox-secret";
const GRANT: &str = "grant_type=client_credentials&client_id=sandbox-client&client_secret=sandbox-secret";

async fn identity(identity: IdentityOptions) -> Sandbox {
    start(Options {
        identity,
        ..Options::default()
    })
    .await
}

async fn ask(sandbox: &Sandbox, form: &str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(
        sandbox,
        bare_request(
            Method::POST,
            "/acme/identity_/connect/token",
            &headers,
            form.as_bytes(),
        ),
    )
    .await
}

async fn token(sandbox: &Sandbox, scope: &str) -> String {
    let answer = ask(sandbox, &format!("{GRANT}&scope={scope}")).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn change_as(sandbox: &Sandbox, token: &str) -> Answer {
    let path = format!("/identity/api/User/{ALICE_GUID}/changepassword");
    let body = json!({"oldPassword": ALICE_PASSWORD, "newPassword": ALICE_PASSWORD}).to_string();
    let headers = [("content-type", "application/json")];
    send_as(
        sandbox,
        token,
        request(Method::POST, &path, &headers, body.as_bytes()),
    )
    .await
}

#[tokio::test]
async fn issued_token_authorizes_a_change() {
    let sandbox = start(Options::default()).await;
    let answer = ask(&sandbox, &format!("{GRANT}&scope=PM.User")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store, no-cache, max-age=0");
    let body = answer.json();
    assert_eq!(
        (&body["expires_in"], &body["token_type"], &body["scope"]),
        (&json!(3600), &json!("Bearer"), &json!("PM.User"))
    );
    assert_eq!(
        change_as(&sandbox, body["access_token"].as_str().unwrap())
            .await
            .status,
        200
    );
    let basic = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", "Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ="),
    ];
    let form = b"grant_type=client_credentials";
    let answer = send(
        &sandbox,
        bare_request(Method::POST, "/identity/connect/token", &basic, form),
    )
    .await;
    assert_eq!(answer.json()["scope"], "PM.Setting PM.User");
}

#[tokio::test]
async fn portal_token_error_has_status_400() {
    let sandbox = start(Options::default()).await;
    let rows = [
        (
            "grant_type=client_credentials&client_id=sandbox-client&client_secret=wrong".to_owned(),
            "invalid_client",
        ),
        ("grant_type=client_credentials".to_owned(), "invalid_client"),
        (APP.to_owned(), "invalid_request"),
        (format!("{APP}&grant_type=password"), "unsupported_grant_type"),
        (format!("{GRANT}&scope=PM.User+PM.User.Write"), "invalid_scope"),
        (format!("{GRANT}&scope=offline_access"), "invalid_scope"),
    ];
    for (form, error) in rows {
        let answer = ask(&sandbox, &form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (400, json!({"error": error})),
            "{form}"
        );
    }
}

#[tokio::test]
async fn token_request_in_json_gets_the_page_or_an_error() {
    for (json_token_request, status) in [
        (JsonTokenRequest::Page, 200),
        (JsonTokenRequest::InvalidRequest, 400),
    ] {
        let sandbox = identity(IdentityOptions {
            json_token_request,
            ..IdentityOptions::default()
        })
        .await;
        let headers = [("content-type", "application/json")];
        let answer = send(
            &sandbox,
            bare_request(Method::POST, "/identity/connect/token", &headers, b"{}"),
        )
        .await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("content-type").starts_with("text/html"),
            status == 200
        );
    }
}

#[tokio::test]
async fn portal_accepts_either_scope() {
    let scopes = ["PM.User.Read", "PM.User.Write", "PM.Setting.Read"]
        .map(str::to_owned)
        .to_vec();
    let sandbox = identity(IdentityOptions {
        scopes,
        ..IdentityOptions::default()
    })
    .await;
    assert_eq!(
        change_as(&sandbox, &token(&sandbox, "PM.User.Write").await)
            .await
            .status,
        200
    );
    let reader = token(&sandbox, "PM.User.Read+PM.Setting.Read").await;
    let answer = change_as(&sandbox, &reader).await;
    let text = "Scope(s) 'PM.User.Read,PM.Setting.Read' is(are) invalid. Expect to have 'PM.User' or 'PM.User.Write'. ";
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (403, json!({"errorMessage": text}))
    );
    let read = |path: &str| request(Method::GET, path, &[], b"");
    assert_eq!(
        send_as(
            &sandbox,
            &reader,
            read(&format!("/identity/api/User/{ALICE_GUID}"))
        )
        .await
        .status,
        200
    );
    assert_eq!(
        send_as(&sandbox, &reader, read("/identity/api/Setting"))
            .await
            .status,
        200
    );
    let writer = token(&sandbox, "PM.User.Write").await;
    let answer = send_as(&sandbox, &writer, read("/identity/api/Setting")).await;
    assert!(
        answer.json()["errorMessage"]
            .as_str()
            .unwrap()
            .contains("'PM.Setting' or 'PM.Setting.Read'")
    );
    assert_eq!(sandbox.changes(), 1);
}

#[tokio::test]
async fn expired_or_revoked_token_is_rejected() {
    let sandbox = start(Options::default()).await;
    let expired = token(&sandbox, "PM.User").await;
    sandbox.advance_clock(3600);
    let answer = change_as(&sandbox, &expired).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer error=\"invalid_token\", error_description=\"The token is expired\""
    );
    let revoked = token(&sandbox, "PM.User").await;
    assert_eq!(change_as(&sandbox, &revoked).await.status, 200);
    sandbox.revoke_tokens(Provider::Identity);
    assert_eq!(change_as(&sandbox, &revoked).await.status, 401);
}
