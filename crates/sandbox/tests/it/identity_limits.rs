//! The portal's lock-out, reuse limit, rate limits and switches of shape.

use std::time::Duration;

use http::Method;
use repass_sandbox::{
    BadId, IdentityOptions, Lockout, NullPassword, Options, Provider, RetryAfter, Sandbox, ScopeStatus,
    UnknownPath, UnknownUser,
};
use serde_json::json;

use crate::client::{ALICE_GUID, ALICE_PASSWORD, identity_change, post_json, put_json, request, send, start};

async fn identity(identity: IdentityOptions) -> Sandbox {
    start(Options {
        identity,
        ..Options::default()
    })
    .await
}

fn lockout(failures: u32, seconds: u64) -> Lockout {
    let duration = Duration::from_secs(seconds);
    Lockout {
        failures,
        duration,
        ..IdentityOptions::default().lockout
    }
}

#[tokio::test]
async fn repeated_wrong_old_passwords_lock_the_user() {
    let sandbox = identity(IdentityOptions {
        lockout: lockout(3, 300),
        ..IdentityOptions::default()
    })
    .await;
    let wrong = || identity_change(&sandbox, ALICE_GUID, "wrong", "Brand-New-42");
    let right = || identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, ALICE_PASSWORD);
    let locked = (400, false, vec!["UserLockedOut".to_owned()]);
    wrong().await;
    wrong().await;
    assert_eq!(right().await.status, 200, "two are not enough");
    for _ in 0..3 {
        assert_eq!(
            wrong().await.result().2,
            ["PasswordMismatch"],
            "a success has reset the count"
        );
    }
    assert_eq!(right().await.result(), locked);
    assert_eq!(wrong().await.result(), locked);
    sandbox.advance_clock(299);
    assert_eq!(right().await.result(), locked);
    sandbox.advance_clock(1);
    assert_eq!(right().await.status, 200);
    assert_eq!(sandbox.ledger().count(Provider::Identity, ALICE_GUID), 2);
}

#[tokio::test]
async fn weak_new_password_does_not_count_towards_a_lockout() {
    let sandbox = identity(IdentityOptions {
        lockout: lockout(1, 300),
        ..IdentityOptions::default()
    })
    .await;
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, "weak")
            .await
            .status,
        400
    );
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, ALICE_PASSWORD)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn reset_ends_a_lockout() {
    let sandbox = identity(IdentityOptions {
        lockout: lockout(1, 300),
        ..IdentityOptions::default()
    })
    .await;
    identity_change(&sandbox, ALICE_GUID, "wrong", "x").await;
    let path = format!("/identity/api/User/{ALICE_GUID}");
    assert_eq!(
        put_json(&sandbox, &path, &json!({"password": "Brand-New-42"}))
            .await
            .status,
        200
    );
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, "Brand-New-42", "Brand-New-43")
            .await
            .status,
        200
    );

    let sandbox = identity(IdentityOptions {
        lockout: lockout(0, 300),
        ..IdentityOptions::default()
    })
    .await;
    for _ in 0..20 {
        assert_eq!(
            identity_change(&sandbox, ALICE_GUID, "wrong", "x")
                .await
                .result()
                .2,
            ["PasswordMismatch"]
        );
    }
}

#[tokio::test]
async fn portal_rejects_recent_passwords() {
    let reuse_code = "PasswordUsedBefore".to_owned();
    let options = IdentityOptions {
        previous_use_limit: 2,
        reuse_code,
        ..IdentityOptions::default()
    };
    let sandbox = identity(options).await;
    let refused = (400, false, vec!["PasswordUsedBefore".to_owned()]);
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, ALICE_PASSWORD)
            .await
            .result(),
        refused
    );
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, "Brand-New-42")
            .await
            .status,
        200
    );
    let path = format!("/identity/api/User/{ALICE_GUID}");
    assert_eq!(
        put_json(&sandbox, &path, &json!({"password": ALICE_PASSWORD}))
            .await
            .result(),
        refused
    );
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, "Brand-New-42", "Brand-New-43")
            .await
            .status,
        200
    );
    assert_eq!(
        put_json(&sandbox, &path, &json!({"password": ALICE_PASSWORD}))
            .await
            .status,
        200
    );
    assert_eq!(sandbox.changes(), 3);
}

#[tokio::test]
async fn portal_limit_rejects_the_next_request_in_five_minutes() {
    let options = IdentityOptions {
        rate_limits: true,
        retry_after: RetryAfter::Seconds,
        ..IdentityOptions::default()
    };
    let sandbox = identity(options).await;
    let path = format!("/identity/api/User/{ALICE_GUID}");
    for _ in 0..160 {
        assert_eq!(
            put_json(&sandbox, &path, &json!({"name": "Alice"})).await.status,
            200
        );
    }
    let answer = put_json(&sandbox, &path, &json!({"password": "Brand-New-42"})).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (429, 0));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    // Other methods have limits of their own.
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, ALICE_PASSWORD)
            .await
            .status,
        200
    );
    sandbox.advance_clock(wait);
    assert_eq!(
        put_json(&sandbox, &path, &json!({"name": "Alice"})).await.status,
        200
    );
}

#[tokio::test]
async fn undocumented_settings_shape_is_an_option() {
    let nobody = "00000000-0000-4000-8000-000000000099";
    let sandbox = identity(IdentityOptions {
        unknown_user: UnknownUser::Result,
        ..IdentityOptions::default()
    })
    .await;
    let answer = identity_change(&sandbox, nobody, "x", "y").await;
    assert_eq!(answer.result(), (400, false, vec!["UserNotFound".to_owned()]));

    let sandbox = identity(IdentityOptions {
        bad_id: BadId::NotFound,
        ..IdentityOptions::default()
    })
    .await;
    let answer = identity_change(&sandbox, "har-3107", "x", "y").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["title"]),
        (404, &json!("Not Found"))
    );

    let null_password = NullPassword::ServerError;
    let sandbox = identity(IdentityOptions {
        null_password,
        ..IdentityOptions::default()
    })
    .await;
    let path = format!("/identity/api/User/{ALICE_GUID}/changepassword");
    let answer = post_json(&sandbox, &path, &json!({"newPassword": "Brand-New-42"})).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("errors")), (500, None));

    for (scope_status, status) in [
        (ScopeStatus::Forbidden, 403),
        (ScopeStatus::Unauthorized, 401),
        (ScopeStatus::BadRequest, 400),
    ] {
        let scopes = Vec::new();
        let sandbox = identity(IdentityOptions {
            scopes,
            scope_status,
            ..IdentityOptions::default()
        })
        .await;
        let answer = identity_change(&sandbox, ALICE_GUID, "x", "y").await;
        assert_eq!(answer.status, status);
        assert!(answer.json()["errorMessage"].is_string());
    }

    let sandbox = identity(IdentityOptions {
        unknown_path: UnknownPath::NotFound,
        ..IdentityOptions::default()
    })
    .await;
    let answer = send(&sandbox, request(Method::GET, "/nothing", &[], b"")).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0));
}

#[tokio::test]
async fn standalone_portal_has_no_underscored_base_path() {
    let sandbox = identity(IdentityOptions {
        standalone: true,
        ..IdentityOptions::default()
    })
    .await;
    for mount in ["/identity_", "/acme/identity_", "/acme/main/identity_"] {
        let answer = send(
            &sandbox,
            request(Method::POST, &format!("{mount}/connect/token"), &[], b""),
        )
        .await;
        assert_eq!(answer.status, 405);
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "UnsupportedApiVersion");
        let text = error["message"].as_str().unwrap();
        assert!(
            text.contains(mount) && text.ends_with("does not support HTTP method 'POST'."),
            "{text}"
        );
    }
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, ALICE_PASSWORD)
            .await
            .status,
        200
    );
    assert_eq!(sandbox.startup_info().identity.base_urls.len(), 1);
}
