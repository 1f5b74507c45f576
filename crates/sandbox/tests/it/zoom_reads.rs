//! What Zoom tells of users and settings.

use http::Method;
use repass_sandbox::{Options, Sandbox, SettingsShape, ZoomOptions, ZoomRules};
use serde_json::json;

use crate::client::{Answer, request, send, start};

async fn read(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, request(Method::GET, path, &[], b"")).await
}

#[tokio::test]
async fn zoom_user_shows_whether_a_reset_is_possible() {
    let sandbox = start(Options::default()).await;
    let rows = [
        ("alice@example.com", "2", json!([100])),
        ("admin@example.com", "1", json!([100])),
        ("me", "0", json!([100])),
        ("sso@example.com", "2", json!([101])),
    ];
    for (user, role_id, login_types) in rows {
        let answer = read(&sandbox, &format!("/v2/users/{user}")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-category"), "Light");
        let body = answer.json();
        assert_eq!(
            (&body["role_id"], &body["login_types"]),
            (&json!(role_id), &login_types),
            "{user}"
        );
        assert_eq!(body["status"], "active");
    }
    assert_eq!(read(&sandbox, "/v2/users/nobody").await.zoom_error().1, 1001);
    assert_eq!(
        read(&sandbox, "/v2/users/pending@example.com")
            .await
            .zoom_error()
            .1,
        1120
    );
}

#[tokio::test]
async fn zoom_security_settings_contain_the_rules_in_both_shapes() {
    let path = "/v2/accounts/me/settings?option=security";
    let rows = [
        (ZoomOptions::default(), json!([0, false, 0, false])),
        (
            ZoomOptions {
                rules: ZoomRules::Enhanced,
                minimum_length: 12,
                ..ZoomOptions::default()
            },
            json!([12, true, 4, true]),
        ),
        (
            ZoomOptions {
                run_length: Some(5),
                ..ZoomOptions::default()
            },
            json!([0, false, 5, false]),
        ),
    ];
    for (zoom, expected) in rows {
        for settings_shape in [SettingsShape::Wrapped, SettingsShape::Flat] {
            let zoom = ZoomOptions {
                settings_shape,
                ..zoom.clone()
            };
            let sandbox = start(Options {
                zoom,
                ..Options::default()
            })
            .await;
            let mut body = read(&sandbox, path).await.json();
            if settings_shape == SettingsShape::Wrapped {
                body = body["security"].take();
            }
            let keys = [
                "minimum_password_length",
                "have_special_character",
                "consecutive_characters_length",
                "weak_enhance_detection",
            ];
            let seen = keys.map(|key| body["password_requirement"][key].clone());
            assert_eq!(json!(seen), expected, "{settings_shape}");
        }
    }
}

#[tokio::test]
async fn zoom_settings_are_rejected_as_documented() {
    let sandbox = start(Options::default()).await;
    assert_eq!(read(&sandbox, "/v2/accounts/me/settings").await.json(), json!({}));
    let answer = read(&sandbox, "/v2/accounts/42/settings?option=security").await;
    assert_eq!(
        answer.zoom_error(),
        (404, 2001, "Account does not exist: 42".to_owned())
    );
    let zoom = ZoomOptions {
        paid: false,
        ..ZoomOptions::default()
    };
    let sandbox = start(Options {
        zoom,
        ..Options::default()
    })
    .await;
    let answer = read(&sandbox, "/v2/accounts/me/settings?option=security").await;
    assert_eq!(
        answer.zoom_error(),
        (200, 200, "Only available for paid accounts.".to_owned())
    );
}
