//! Zoom's token endpoint, and what tokens are good for.

use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use http::Method;
use repass_sandbox::{MissingScope, Options, Provider, Sandbox, ZoomOptions};
use serde_json::json;

use crate::client::{ALICE, Answer, bare_request, get, post_json, request, send, send_as, start};

const GRANT: &str = "grant_type=account_credentials&account_id=sandbox-account";

async fn zoom(zoom: ZoomOptions) -> Sandbox {
    start(Options {
        zoom,
        ..Options::default()
    })
    .await
}

async fn ask(sandbox: &Sandbox, credentials: &str, query: &str, form: &str) -> Answer {
    let basic = Base64::encode_string(credentials.as_bytes());
    let headers = [
        ("authorization", format!("Basic {basic}")),
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let path = if query.is_empty() {
        "/oauth/token".to_owned()
    } else {
        format!("/oauth/token?{query}")
    };
    send(
        sandbox,
        bare_request(Method::POST, &path, &headers, form.as_bytes()),
    )
    .await
}

async fn token(sandbox: &Sandbox) -> String {
    let answer = ask(sandbox, "sandbox-client:sandbox-secret", "", GRANT).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn reset_as(sandbox: &Sandbox, token: &str, password: &str) -> Answer {
    let path = format!("/v2/users/{ALICE}/password");
    let body = json!({"password": password}).to_string();
    let headers = [("content-type", "application/json")];
    send_as(
        sandbox,
        token,
        request(Method::PUT, &path, &headers, body.as_bytes()),
    )
    .await
}

#[tokio::test]
async fn tokens_are_issued_for_query_and_form_alike() {
    let sandbox = zoom(ZoomOptions {
        token_lifetime: Duration::from_secs(90),
        ..ZoomOptions::default()
    })
    .await;
    for (query, form) in [("", GRANT), (GRANT, "")] {
        let answer = ask(&sandbox, "sandbox-client:sandbox-secret", query, form).await;
        assert_eq!(answer.status, 200);
        let body = answer.json();
        assert_eq!(body["token_type"], "bearer");
        assert_eq!(body["expires_in"], 90);
        assert_eq!(
            body["scope"],
            "account:read:admin user:read:admin user:write:admin"
        );
        assert_eq!(body["api_url"], format!("http://{}", sandbox.addr()));
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(
            reset_as(&sandbox, token, &format!("Brand-New-4{}", form.len() % 2))
                .await
                .status,
            204
        );
    }
    let api_url = Some("https://api-eu.example.com".to_owned());
    let sandbox = zoom(ZoomOptions {
        api_url,
        ..ZoomOptions::default()
    })
    .await;
    let answer = ask(&sandbox, "sandbox-client:sandbox-secret", "", GRANT).await;
    assert_eq!(answer.json()["api_url"], "https://api-eu.example.com");
}

#[tokio::test]
async fn token_errors_have_their_own_shape() {
    let sandbox = start(Options::default()).await;
    let rows = [
        (
            "sandbox-client:wrong",
            GRANT,
            "Invalid client_id or client_secret",
            "invalid_client",
        ),
        (
            "other:sandbox-secret",
            GRANT,
            "Invalid client_id or client_secret",
            "invalid_client",
        ),
        (
            "sandbox-client:sandbox-secret",
            "grant_type=password&account_id=sandbox-account",
            "unsupported grant type",
            "unsupported_grant_type",
        ),
        (
            "sandbox-client:sandbox-secret",
            "",
            "unsupported grant type",
            "unsupported_grant_type",
        ),
        (
            "sandbox-client:sandbox-secret",
            "grant_type=account_credentials&account_id=other",
            "Bad Request",
            "invalid_request",
        ),
    ];
    for (credentials, form, reason, error) in rows {
        let answer = ask(&sandbox, credentials, "", form).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({"reason": reason, "error": error}));
    }
    let disabled = zoom(ZoomOptions {
        app_disabled: true,
        ..ZoomOptions::default()
    })
    .await;
    let answer = ask(&disabled, "sandbox-client:sandbox-secret", "", GRANT).await;
    assert_eq!(
        answer.json()["reason"],
        "The app has been disabled by the developer"
    );
    let answer = get(&sandbox, "/oauth/token").await;
    assert_eq!(answer.zoom_error().0, 404);
}

#[tokio::test]
async fn expired_token_is_rejected() {
    let sandbox = start(Options::default()).await;
    let token = token(&sandbox).await;
    sandbox.advance_clock(3590);
    assert_eq!(reset_as(&sandbox, &token, "Brand-New-42").await.status, 204);
    sandbox.advance_clock(10);
    let answer = reset_as(&sandbox, &token, "Brand-New-43").await;
    assert_eq!(
        answer.zoom_error(),
        (401, 124, "Access token is expired.".to_owned())
    );
    assert_eq!(sandbox.changes(), 1);
}

#[tokio::test]
async fn revoked_token_is_rejected() {
    let sandbox = start(Options::default()).await;
    let token = token(&sandbox).await;
    let answer = post_json(
        &sandbox,
        "/_sandbox/revoke-tokens",
        &json!({"provider": "identity"}),
    )
    .await;
    assert_eq!(answer.status, 204);
    assert_eq!(reset_as(&sandbox, &token, "Brand-New-42").await.status, 204);
    sandbox.revoke_tokens(Provider::Zoom);
    let answer = reset_as(&sandbox, &token, "Brand-New-43").await;
    assert_eq!(
        answer.zoom_error(),
        (401, 124, "Invalid access token.".to_owned())
    );
}

#[tokio::test]
async fn several_tokens_are_valid_unless_configured_otherwise() {
    for one_token_only in [false, true] {
        let sandbox = zoom(ZoomOptions {
            one_token_only,
            ..ZoomOptions::default()
        })
        .await;
        let (first, second) = (token(&sandbox).await, token(&sandbox).await);
        let expected = if one_token_only { 401 } else { 204 };
        assert_eq!(reset_as(&sandbox, &first, "Brand-New-42").await.status, expected);
        assert_eq!(reset_as(&sandbox, &second, "Brand-New-43").await.status, 204);
    }
}

#[tokio::test]
async fn missing_scope_is_rejected_with_each_known_code() {
    let rows = [
        (MissingScope::Code4711, 4711),
        (MissingScope::Code104, 104),
        (MissingScope::Code4700, 4700),
    ];
    for (missing_scope, code) in rows {
        let scopes = vec!["user:read:admin".to_owned()];
        let sandbox = zoom(ZoomOptions {
            scopes,
            missing_scope,
            ..ZoomOptions::default()
        })
        .await;
        let issued = token(&sandbox).await;
        for token in [&issued, crate::client::TOKEN] {
            let (status, seen, text) = reset_as(&sandbox, token, "Brand-New-42").await.zoom_error();
            assert_eq!((status, seen), (400, code));
            assert!(
                text.starts_with("Invalid access token, does not contain scopes:[user:write:admin, "),
                "{text}"
            );
        }
        assert_eq!(sandbox.changes(), 0);
    }
    let scopes = vec!["user:update:password:admin".to_owned()];
    let sandbox = zoom(ZoomOptions {
        scopes,
        ..ZoomOptions::default()
    })
    .await;
    assert_eq!(
        reset_as(&sandbox, crate::client::TOKEN, "Brand-New-42")
            .await
            .status,
        204
    );
}
