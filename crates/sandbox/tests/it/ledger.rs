//! The control routes: what was applied, and what arrived.

use std::sync::Arc;

use http::Method;
use repass_sandbox::{Ledger, Options, Provider, numbered_password};
use serde_json::json;

use crate::client::{
    ALICE, ALICE_GUID, ALICE_PASSWORD, bare_request, get, identity_change, post_json, send, start, zoom_reset,
};

#[tokio::test]
async fn ledger_records_changes_without_passwords() {
    let sandbox = start(Options::default()).await;
    zoom_reset(&sandbox, ALICE, "Brand-New-42").await;
    identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, "Brand-New-42").await;
    zoom_reset(&sandbox, ALICE, "Brand-New-43").await;
    zoom_reset(&sandbox, ALICE, "Brand-New-43").await;

    let answer = get(&sandbox, "/_sandbox/ledger").await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(
        !text.contains("Brand-New") && !text.contains(ALICE_PASSWORD),
        "{text}"
    );
    let ledger: Ledger = serde_json::from_str(&text).unwrap();
    assert_eq!(ledger, sandbox.ledger());
    let seen: Vec<_> = ledger
        .changes
        .iter()
        .map(|it| (it.seq, it.provider, it.operation.name()))
        .collect();
    let expected = [
        (1, Provider::Zoom, "reset"),
        (2, Provider::Identity, "change"),
        (3, Provider::Zoom, "reset"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(ledger.changes[0].fingerprint, ledger.changes[1].fingerprint);
    assert_ne!(ledger.changes[0].fingerprint, ledger.changes[2].fingerprint);
    assert_eq!(ledger.count(Provider::Zoom, ALICE), 2);
    assert_eq!(ledger.count(Provider::Identity, ALICE_GUID), 1);
    assert_eq!(
        answer.json()["totals"][0],
        json!({"provider": "zoom", "user": ALICE, "count": 2})
    );
}

#[tokio::test]
async fn ledger_fingerprints_differ_between_runs() {
    let (one, other) = (start(Options::default()).await, start(Options::default()).await);
    assert_eq!(one.fingerprint("x"), one.fingerprint("x"));
    assert_ne!(one.fingerprint("x"), other.fingerprint("x"));
}

#[tokio::test]
async fn control_verify_accepts_only_the_current_password() {
    let sandbox = start(Options::default()).await;
    zoom_reset(&sandbox, ALICE, "Brand-New-42").await;
    let rows = [
        ("zoom", ALICE, "Brand-New-42", true),
        ("zoom", ALICE, ALICE_PASSWORD, false),
        ("identity", ALICE_GUID, ALICE_PASSWORD, true),
        ("identity", "d17ec704-0000-4000-8000-000000000004", "", false),
        ("zoom", "nobody", "", false),
    ];
    for (provider, user, password, current) in rows {
        let body = json!({"provider": provider, "user": user, "password": password});
        let answer = post_json(&sandbox, "/_sandbox/verify", &body).await;
        assert_eq!(answer.json(), json!({"current": current}), "{body}");
    }
    let answer = post_json(&sandbox, "/_sandbox/verify", &json!({"provider": "zoom"})).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_control_routes_are_not() {
    let sandbox = start(Options::default()).await;
    assert_eq!(sandbox.requests().total, 0);
    zoom_reset(&sandbox, ALICE, "Brand-New-42").await;
    zoom_reset(&sandbox, "bob@example.com", "weak").await;
    identity_change(&sandbox, ALICE_GUID, "wrong", "x").await;
    get(&sandbox, "/favicon.ico").await;
    get(&sandbox, "/_sandbox/ledger").await;
    let answer = get(&sandbox, "/_sandbox/requests").await.json();
    assert_eq!(answer["total"], 4);
    assert_eq!(answer["connections"], 6);
    let rows = [
        (
            "zoom",
            "PUT",
            "/v2/users/{id}/password",
            2,
            json!({"204": 1, "400": 1}),
        ),
        (
            "identity",
            "POST",
            "/api/User/{id}/changepassword",
            1,
            json!({"400": 1}),
        ),
        ("identity", "GET", "other", 1, json!({"200": 1})),
    ];
    for (provider, method, route, received, statuses) in rows {
        let row = json!({
            "provider": provider, "method": method, "route": route, "received": received, "statuses": statuses,
        });
        assert!(
            answer["routes"].as_array().unwrap().contains(&row),
            "{row} in {answer}"
        );
    }
}

#[tokio::test]
async fn control_reset_restores_the_initial_state() {
    let sandbox = start(Options::default()).await;
    zoom_reset(&sandbox, ALICE, "Brand-New-42").await;
    let answer = send(&sandbox, bare_request(Method::POST, "/_sandbox/reset", &[], b"")).await;
    assert_eq!(answer.status, 204);
    assert_eq!((sandbox.changes(), sandbox.requests().total), (0, 0));
    assert!(sandbox.accepts(Provider::Zoom, ALICE, ALICE_PASSWORD));
}

#[tokio::test]
async fn control_clock_advances_time() {
    let sandbox = start(Options::default()).await;
    zoom_reset(&sandbox, ALICE, "Brand-New-42").await;
    post_json(&sandbox, "/_sandbox/clock", &json!({"advance_seconds": 86_400})).await;
    zoom_reset(&sandbox, ALICE, "Brand-New-43").await;
    let changes = sandbox.ledger().changes;
    assert!(changes[1].at.duration_since(changes[0].at).as_secs() >= 86_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_responses_match_the_ledger() {
    let sandbox = Arc::new(
        start(Options {
            users: 4,
            ..Options::default()
        })
        .await,
    );
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16_u32 {
        let sandbox = Arc::clone(&sandbox);
        callers.spawn(async move {
            let mut applied = [0_u64; 4];
            for round in 0..25_u32 {
                let n = (caller + round) % 4;
                let user = format!("user{:06}@example.com", n + 1);
                // Some of these collide with the current password and are refused.
                let answer = zoom_reset(&sandbox, &user, &format!("Round-{}-x", round % 5)).await;
                applied[n as usize] += u64::from(answer.status == 204);
            }
            applied
        });
    }
    let applied = callers
        .join_all()
        .await
        .into_iter()
        .fold([0; 4], |sum, one| std::array::from_fn(|n| sum[n] + one[n]));
    let ledger = sandbox.ledger();
    for n in 0..4_u32 {
        let user = format!("user{:06}@example.com", n + 1);
        assert_eq!(ledger.count(Provider::Zoom, &user), applied[n as usize], "{user}");
        let last = ledger.changes.iter().rfind(|change| change.user == user).unwrap();
        let current = (0..5)
            .find(|k| sandbox.accepts(Provider::Zoom, &user, &format!("Round-{k}-x")))
            .unwrap();
        assert_eq!(
            last.fingerprint,
            sandbox.fingerprint(&format!("Round-{current}-x")),
            "{user}"
        );
    }
    assert!(
        ledger
            .changes
            .iter()
            .zip(1..)
            .all(|(change, seq)| change.seq == seq)
    );
}

#[tokio::test]
async fn numbered_users_exist_up_to_their_count() {
    let sandbox = start(Options {
        users: 7,
        ..Options::default()
    })
    .await;
    let id = "00000000-0000-4000-8000-000000000007";
    assert!(sandbox.accepts(Provider::Zoom, "user000007@example.com", &numbered_password(7)));
    assert!(sandbox.accepts(Provider::Identity, id, "Start-000-007"));
    assert_eq!(
        identity_change(&sandbox, id, "Start-000-007", "Brand-New-42")
            .await
            .status,
        200
    );
    assert_eq!(
        zoom_reset(&sandbox, "user000008@example.com", "Brand-New-42")
            .await
            .status,
        404
    );
    assert_eq!(
        zoom_reset(&sandbox, "user000000@example.com", "Brand-New-42")
            .await
            .status,
        404
    );
    assert_eq!(numbered_password(999_999), "Start-999-999");
}

#[tokio::test]
async fn control_root_lists_the_routes() {
    let sandbox = start(Options::default()).await;
    for path in ["/_sandbox", "/_sandbox/"] {
        let answer = get(&sandbox, path).await;
        assert_eq!(answer.status, 200, "{path}");
        let listed: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let routes = listed["routes"].as_array().unwrap();
        let reads = routes
            .iter()
            .filter_map(|route| route.as_str()?.strip_prefix("GET "));
        for route in reads {
            assert_eq!(get(&sandbox, route).await.status, 200, "{route}");
        }
    }
    let unknown = get(&sandbox, "/_sandbox/nothing").await;
    assert_eq!(unknown.status, 404);
}
