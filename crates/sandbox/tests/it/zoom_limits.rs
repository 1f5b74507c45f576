//! Zoom's history, daily cap and rate limits.

use repass_sandbox::{LengthUnit, Options, RetryAfter, Sandbox, ZoomOptions, ZoomPlan};

use crate::client::{ALICE, ALICE_PASSWORD, get, zoom_reset};

async fn zoom(zoom: ZoomOptions) -> Sandbox {
    crate::client::start(Options {
        zoom,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn zoom_rejects_recent_passwords() {
    let sandbox = zoom(ZoomOptions {
        history: 3,
        ..ZoomOptions::default()
    })
    .await;
    for password in ["Brand-New-42", "Brand-New-43"] {
        assert_eq!(zoom_reset(&sandbox, ALICE, password).await.status, 204);
    }
    let text = "Users cannot reuse any of the last 3 passwords created.";
    for password in [ALICE_PASSWORD, "Brand-New-42"] {
        let answer = zoom_reset(&sandbox, ALICE, password).await;
        assert_eq!(answer.zoom_error(), (400, 1129, text.to_owned()));
    }
    let answer = zoom_reset(&sandbox, ALICE, "Brand-New-43").await;
    assert_eq!(
        answer.zoom_error().2,
        "Your new password can not match the old password."
    );
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-44").await.status, 204);
    assert_eq!(zoom_reset(&sandbox, ALICE, ALICE_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn changes_per_day_are_limited() {
    let sandbox = zoom(ZoomOptions {
        changes_per_day: Some(2),
        ..ZoomOptions::default()
    })
    .await;
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-42").await.status, 204);
    sandbox.advance_clock(80_000);
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-43").await.status, 204);
    let answer = zoom_reset(&sandbox, ALICE, "Brand-New-44").await;
    let text = "This password cannot be changed because it has already been changed the maximum number of \
                times over the past 24 hours.";
    assert_eq!(answer.zoom_error(), (400, 300, text.to_owned()));
    assert_eq!(
        zoom_reset(&sandbox, "bob@example.com", "Brand-New-44")
            .await
            .status,
        204
    );
    sandbox.advance_clock(6_400);
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-44").await.status, 204);
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-45").await.status, 400);
}

#[tokio::test]
async fn zoom_length_and_sequence_rules_are_options() {
    let rows = [
        (
            ZoomOptions {
                maximum_length: 32,
                ..ZoomOptions::default()
            },
            "Aa1-".repeat(8),
            204,
        ),
        (ZoomOptions::default(), "Aa1-".repeat(8), 400),
        (
            ZoomOptions {
                minimum_length: 14,
                ..ZoomOptions::default()
            },
            "Brand-New-42".to_owned(),
            400,
        ),
        (
            ZoomOptions {
                run_length: Some(3),
                ..ZoomOptions::default()
            },
            "Brand-abc-42".to_owned(),
            400,
        ),
        (
            ZoomOptions {
                run_length: Some(0),
                ..ZoomOptions::default()
            },
            "Brand-abcdefg-42".to_owned(),
            204,
        ),
        (
            ZoomOptions {
                length_unit: LengthUnit::Bytes,
                ..ZoomOptions::default()
            },
            "Aa1€€".to_owned(),
            204,
        ),
        (
            ZoomOptions {
                length_unit: LengthUnit::Utf16,
                ..ZoomOptions::default()
            },
            "Aa1€€".to_owned(),
            400,
        ),
        (
            ZoomOptions {
                length_unit: LengthUnit::Utf16,
                ..ZoomOptions::default()
            },
            "Aa1\u{1F511}\u{1F511}-".to_owned(),
            204,
        ),
        (ZoomOptions::default(), "Aa1\u{1F511}\u{1F511}-".to_owned(), 400),
    ];
    for (options, password, status) in rows {
        let sandbox = zoom(options).await;
        let answer = zoom_reset(&sandbox, ALICE, &password).await;
        assert_eq!(answer.status, status, "{password} {answer:?}");
    }
}

#[tokio::test]
async fn owner_reset_is_an_option() {
    let sandbox = zoom(ZoomOptions {
        owner_exempt: true,
        ..ZoomOptions::default()
    })
    .await;
    assert_eq!(zoom_reset(&sandbox, "me", "Brand-New-42").await.status, 204);
    assert_eq!(sandbox.ledger().changes[0].user, "owner@example.com");
    assert_eq!(
        zoom_reset(&sandbox, "admin@example.com", "Brand-New-42")
            .await
            .zoom_error()
            .1,
        1117
    );
}

#[tokio::test]
async fn per_second_limit_rejects_the_next_request() {
    let options = ZoomOptions {
        rate_limits: Some(ZoomPlan::Free),
        retry_after: RetryAfter::Seconds,
        ..ZoomOptions::default()
    };
    let sandbox = zoom(options).await;
    let mut refused = 0;
    for round in 0..20 {
        let answer = zoom_reset(&sandbox, ALICE, &format!("Brand-New-{round}")).await;
        if answer.status == 429 {
            refused += 1;
            let text = "You have reached the maximum per-second rate limit for this API. Try again later.";
            assert_eq!(answer.zoom_error(), (429, 429, text.to_owned()));
            let headers = [
                "x-ratelimit-category",
                "x-ratelimit-type",
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
            ];
            assert_eq!(
                headers.map(|name| answer.header(name)),
                ["Medium", "QPS", "2", "0"]
            );
            assert_eq!(answer.header("retry-after"), "1");
            // Once refused, a second on the sandbox's clock opens the window again.
            sandbox.advance_clock(1);
        }
    }
    assert!(refused > 0);
    assert_eq!(sandbox.changes(), 20 - refused);
}

#[tokio::test]
async fn daily_limit_rejects_until_midnight() {
    let options = ZoomOptions {
        rate_limits: Some(ZoomPlan::Business),
        daily_limit: Some(2),
        ..ZoomOptions::default()
    };
    let sandbox = zoom(options).await;
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-42").await.status, 204);
    assert_eq!(zoom_reset(&sandbox, "nobody", "x").await.status, 404);
    let answer = zoom_reset(&sandbox, ALICE, "Brand-New-43").await;
    let (status, code, text) = answer.zoom_error();
    assert_eq!((status, code), (429, 429));
    assert!(
        text.starts_with("You have reached the maximum daily rate limit for this API. Refer to"),
        "{text}"
    );
    assert_eq!(answer.header("x-ratelimit-type"), "Daily-limit");
    let reopens = answer.header("retry-after");
    assert!(reopens.ends_with("T00:00:00Z"), "{reopens}");
    // The light label has a count of its own.
    assert_eq!(get(&sandbox, "/v2/users/me").await.status, 401);
    sandbox.advance_clock(86_400);
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-43").await.status, 204);
}
