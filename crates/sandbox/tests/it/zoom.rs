//! Zoom's password route.

use http::{Method, StatusCode};
use repass_sandbox::{Options, Provider, Sandbox, ZoomBody, ZoomOptions, ZoomRules};
use serde_json::json;

use crate::client::{ALICE, ALICE_PASSWORD, bare_request, put_json, request, send, start, zoom_reset};

const NEW: &str = "Brand-New-42";

async fn zoom(zoom: ZoomOptions) -> Sandbox {
    start(Options {
        zoom,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn reset_is_204_and_recorded_once() {
    let sandbox = start(Options::default()).await;
    let answer = zoom_reset(&sandbox, ALICE, NEW).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("x-ratelimit-category"), "Medium");
    let tracking_id = answer.header("x-zm-trackingid");
    let rid = tracking_id.strip_prefix("v=2.0;clid=us02;rid=WEB_").unwrap();
    assert!(
        rid.len() == 32 && rid.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{rid}"
    );

    let ledger = sandbox.ledger();
    assert_eq!(ledger.changes.len(), 1);
    let change = &ledger.changes[0];
    assert_eq!(
        (change.seq, change.provider, change.user.as_str()),
        (1, Provider::Zoom, ALICE)
    );
    assert_eq!(change.operation.name(), "reset");
    assert_eq!(change.fingerprint, sandbox.fingerprint(NEW));
    assert_eq!(change.tracking_id.as_deref(), Some(tracking_id));
    assert!(sandbox.accepts(Provider::Zoom, ALICE, NEW));
    assert!(!sandbox.accepts(Provider::Zoom, ALICE, ALICE_PASSWORD));
}

#[tokio::test]
async fn zoom_rejection_has_its_code_and_changes_nothing() {
    let sandbox = zoom(ZoomOptions {
        rules: ZoomRules::Enhanced,
        ..ZoomOptions::default()
    })
    .await;
    let rows = [
        (
            "nobody@example.com",
            NEW,
            404,
            1001,
            "User does not exist: nobody@example.com.",
        ),
        ("a%2Fb%20%3F%25", NEW, 404, 1001, "User does not exist: a/b ?%."),
        (
            "admin@example.com",
            NEW,
            400,
            1117,
            "Can not update Admin's password",
        ),
        (
            "sso@example.com",
            NEW,
            400,
            1123,
            "Can only update password of Zoom work email account",
        ),
        (ALICE, "Sh0rt-1", 400, 1124, "Have at least 8 characters"),
        (ALICE, "4242-4242", 400, 1125, "Have at least 1 letter (a, b, c…)"),
        (
            ALICE,
            "No-Digits-Here",
            400,
            1126,
            "Have at least 1 number (1, 2, 3…)",
        ),
        (
            ALICE,
            "NoSpecial42",
            400,
            1127,
            "Have at least 1 special character (!, @, #…)",
        ),
        (
            ALICE,
            "one-case-42",
            400,
            1128,
            "Include both Upper case and Lower case characters",
        ),
        (
            ALICE,
            "aaaaaaaa",
            400,
            1130,
            "Password can't use the same character.",
        ),
        (
            ALICE,
            "Abcdefgh-42",
            400,
            1131,
            "Password can't use continuation character.Such as 'abcdef','123456'.",
        ),
        (
            ALICE,
            "My-Password-42",
            400,
            1136,
            "Your password is too easy to guess. Try another one.",
        ),
        (
            ALICE,
            ALICE_PASSWORD,
            400,
            300,
            "Your new password can not match the old password.",
        ),
    ];
    for (user, password, status, code, message) in rows {
        let answer = zoom_reset(&sandbox, user, password).await;
        assert_eq!(answer.zoom_error(), (status, code, message.to_owned()));
        assert!(
            answer.header("x-zm-trackingid").starts_with("v=2.0;"),
            "{message}"
        );
    }
    assert_eq!(sandbox.changes(), 0);
    assert!(sandbox.accepts(Provider::Zoom, ALICE, ALICE_PASSWORD));
}

#[tokio::test]
async fn too_long_password_is_an_invalid_field() {
    let sandbox = start(Options::default()).await;
    let longest = format!("Aa1{}", "x-".repeat(14));
    assert_eq!(zoom_reset(&sandbox, ALICE, &longest).await.status, 204);
    let answer = zoom_reset(&sandbox, ALICE, &format!("{longest}x")).await;
    assert_eq!(
        answer.json(),
        json!({
            "code": 300,
            "message": "Validation Failed.",
            "errors": [{"field": "password", "message": "Invalid field."}],
        })
    );
}

#[tokio::test]
async fn zoom_checks_the_token_right_after_the_route() {
    let sandbox = start(Options::default()).await;
    let path = "/v2/users/alice@example.com/password";
    for headers in [
        &[][..],
        &[("authorization", "Bearer wrong")],
        &[("authorization", "Basic test-token")],
    ] {
        let answer = send(
            &sandbox,
            bare_request(Method::PUT, path, headers, b"not even json"),
        )
        .await;
        assert_eq!(
            answer.zoom_error(),
            (401, 124, "Invalid access token.".to_owned())
        );
    }
    for (method, path) in [
        (Method::GET, path),
        (Method::PUT, "/v2/nothing"),
        (Method::GET, "/v2"),
    ] {
        let answer = send(&sandbox, bare_request(method, path, &[], b"")).await;
        assert_eq!(
            answer.zoom_error(),
            (404, 2300, "This API endpoint is not recognized.".to_owned())
        );
    }
}

#[tokio::test]
async fn invalid_json_has_its_own_message() {
    let sandbox = start(Options::default()).await;
    let path = "/v2/users/alice@example.com/password";
    let not_json = (400, 300, "Request Body should be a valid JSON object.".to_owned());
    for body in [
        "",
        "{",
        "[]",
        "\"text\"",
        r#"{"password":42}"#,
        "{\"password\":\"\u{0}\"}",
    ] {
        let json = [("content-type", "application/json")];
        let answer = send(&sandbox, request(Method::PUT, path, &json, body.as_bytes())).await;
        assert_eq!(answer.zoom_error(), not_json, "{body}");
    }
    let answer = put_json(&sandbox, path, &json!({"pass": NEW})).await;
    assert_eq!(answer.zoom_error(), (400, 300, "Validation Failed.".to_owned()));
    assert_eq!(sandbox.changes(), 0);
}

#[tokio::test]
async fn unsupported_content_type_is_415_and_not_applied() {
    const JSON: (&str, &str) = (
        "application/json; charset=utf-8",
        r#"{"password":"Brand-New-42"}"#,
    );
    const FORM: (&str, &str) = (
        "multipart/form-data; boundary=x",
        "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nBrand-New-42\r\n--x--\r\n",
    );
    const URL_ENCODED: (&str, &str) = ("application/x-www-form-urlencoded", "password=Brand-New-42");
    let rows = [
        (ZoomBody::Any, JSON, true),
        (ZoomBody::Any, FORM, true),
        (ZoomBody::Any, URL_ENCODED, false),
        (ZoomBody::Json, JSON, true),
        (ZoomBody::Json, FORM, false),
        (ZoomBody::FormData, JSON, false),
        (ZoomBody::FormData, FORM, true),
    ];
    for (body, (content_type, text), taken) in rows {
        let sandbox = zoom(ZoomOptions {
            body,
            ..ZoomOptions::default()
        })
        .await;
        let path = "/v2/users/alice@example.com/password";
        let headers = [("content-type", content_type)];
        let answer = send(&sandbox, request(Method::PUT, path, &headers, text.as_bytes())).await;
        if taken {
            assert_eq!(answer.status, 204, "{body} {content_type}");
        } else {
            assert_eq!(
                answer.zoom_error(),
                (415, 300, "Unsupported Content Type".to_owned())
            );
        }
        assert_eq!(sandbox.changes(), usize::from(taken), "{body} {content_type}");
    }
    let sandbox = start(Options::default()).await;
    let untyped = request(
        Method::PUT,
        "/v2/users/alice@example.com/password",
        &[],
        JSON.1.as_bytes(),
    );
    assert_eq!(send(&sandbox, untyped).await.status, 415);
}

#[tokio::test]
async fn zoom_user_id_is_decoded_and_case_insensitive() {
    let sandbox = start(Options::default()).await;
    assert_eq!(zoom_reset(&sandbox, "Alice%40EXAMPLE.com", NEW).await.status, 204);
    assert_eq!(sandbox.ledger().count(Provider::Zoom, ALICE), 1);
}
