//! Which requests faults strike, and answers of their own.

use std::time::Duration;

use http::Method;
use repass_sandbox::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Drip, Fault, FaultError, Options, Provider,
    RequestMatcher, Sandbox, Timing,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{
    ALICE, ALICE_GUID, ALICE_PASSWORD, TOKEN, bare_request, get, identity_change, post_json, request, send,
    start, zoom_reset,
};

const NEW: &str = "Brand-New-42";

async fn arm(sandbox: &Sandbox, fault: Value) {
    let answer = post_json(sandbox, "/_sandbox/faults", &fault).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn canned_response_comes_before_or_after_the_change() {
    for (when, changes) in [("before-apply", 0), ("after-apply", 1)] {
        let sandbox = start(Options::default()).await;
        let respond = json!({"status": 503, "headers": {"retry-after": "7", "content-type": "text/html"}, "body": "<p>"});
        arm(&sandbox, json!({"action": {"when": when, "respond": respond}})).await;
        let answer = zoom_reset(&sandbox, ALICE, NEW).await;
        assert_eq!(answer.status, 503);
        assert_eq!(
            [answer.header("retry-after"), answer.header("content-type")],
            ["7", "text/html"]
        );
        assert_eq!(&answer.body[..], b"<p>");
        assert_eq!(sandbox.changes(), changes);
        assert_eq!(sandbox.accepts(Provider::Zoom, ALICE, NEW), changes == 1);
        assert_eq!(sandbox.requests().routes[0].statuses.get(&503), Some(&1));
    }
}

#[tokio::test]
async fn fault_applies_to_the_nth_match_and_the_following_ones() {
    let sandbox = start(Options::default()).await;
    let matching = json!({
        "provider": "zoom", "method": "PUT", "path_contains": "/password", "user": "ALICE@example.com",
        "nth": 2, "times": 2,
    });
    arm(
        &sandbox,
        json!({"match": matching, "action": {"respond": {"status": 500}}}),
    )
    .await;
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, "x", "y").await.status,
        400,
        "another provider"
    );
    assert_eq!(
        zoom_reset(&sandbox, "bob@example.com", NEW).await.status,
        204,
        "another user"
    );
    let get = request(Method::GET, "/v2/users/alice@example.com", &[], b"");
    assert_eq!(send(&sandbox, get).await.status, 200, "another path and method");
    assert_eq!(
        zoom_reset(&sandbox, ALICE, "Brand-New-43").await.status,
        204,
        "the first"
    );
    let listed = crate::client::get(&sandbox, "/_sandbox/faults").await.json();
    assert_eq!(
        (
            &listed[0]["seen"],
            &listed[0]["struck"],
            &listed[0]["match"]["nth"]
        ),
        (&json!(1), &json!(0), &json!(2))
    );
    assert_eq!(
        zoom_reset(&sandbox, "alice%40example.com", NEW).await.status,
        500,
        "the second"
    );
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 500, "the third");
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 204, "the fourth");
    assert_eq!(
        crate::client::get(&sandbox, "/_sandbox/faults").await.json(),
        json!([])
    );
}

#[tokio::test]
async fn request_matcher_checks_each_condition() {
    let rows = [
        json!({"provider": "identity"}),
        json!({"method": "PATCH"}),
        json!({"path_contains": "/User/"}),
        json!({"user": "bob@example.com"}),
        json!({"nth": 2}),
    ];
    for matching in rows {
        let sandbox = start(Options::default()).await;
        arm(
            &sandbox,
            json!({"match": matching, "action": {"respond": {"status": 500}}}),
        )
        .await;
        assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 204, "{matching}");
    }
    for matching in [
        json!({"provider": "zoom"}),
        json!({"method": "PUT"}),
        json!({"path_contains": "/users/"}),
        json!({"user": ALICE}),
        json!({}),
    ] {
        let sandbox = start(Options::default()).await;
        arm(
            &sandbox,
            json!({"match": matching, "action": {"respond": {"status": 500}}}),
        )
        .await;
        assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 500, "{matching}");
    }
}

#[tokio::test]
async fn earlier_fault_applies_first() {
    let sandbox = start(Options::default()).await;
    for status in [500, 502] {
        let respond = Some(CannedResponse {
            status,
            headers: [].into(),
            body: String::new(),
            pad_to: 0,
        });
        let action = Action {
            respond,
            ..Action::default()
        };
        sandbox
            .inject(Fault {
                action,
                ..Fault::default()
            })
            .unwrap();
    }
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 500);
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 502);
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 204);
}

#[tokio::test]
async fn fault_can_be_disarmed() {
    let sandbox = start(Options::default()).await;
    let fault = json!({"match": {"times": 9}, "action": {"respond": {"status": 500}}});
    arm(&sandbox, fault.clone()).await;
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 500);
    let answer = send(
        &sandbox,
        bare_request(Method::DELETE, "/_sandbox/faults", &[], b""),
    )
    .await;
    assert_eq!(answer.status, 204);
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 204);
    arm(&sandbox, fault).await;
    sandbox.reset();
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 204);
}

#[tokio::test]
async fn canned_response_can_echo_the_password() {
    let sandbox = start(Options::default()).await;
    let respond = json!({"status": 400, "body": r#"{"code":300,"message":"bad: %PASSWORD%"}"#});
    arm(
        &sandbox,
        json!({"match": {"times": 3}, "action": {"respond": respond}}),
    )
    .await;
    let expected = r#"{"code":300,"message":"bad: Brand-New-42"}"#;
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.body, expected);
    assert_eq!(
        identity_change(&sandbox, ALICE_GUID, ALICE_PASSWORD, NEW)
            .await
            .body,
        expected
    );
    let form = b"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nBrand-New-42\r\n--x--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    let put = request(
        Method::PUT,
        "/v2/users/alice@example.com/password",
        &headers,
        form,
    );
    assert_eq!(send(&sandbox, put).await.body, expected);
}

#[tokio::test]
async fn canned_response_can_be_padded_and_still_be_json() {
    let sandbox = start(Options::default()).await;
    let respond = json!({"status": 200, "body": "{}", "pad_to": 3_000_000});
    arm(&sandbox, json!({"action": {"respond": respond}})).await;
    let answer = zoom_reset(&sandbox, ALICE, NEW).await;
    assert_eq!((answer.body.len(), answer.json()), (3_000_000, json!({})));
}

#[tokio::test]
async fn detached_change_is_applied_after_the_client_left() {
    let sandbox = start(Options::default()).await;
    let action = Action {
        delay_ms: 1500,
        detach: true,
        ..Action::default()
    };
    sandbox
        .inject(Fault {
            action,
            ..Fault::default()
        })
        .unwrap();
    let left = tokio::time::timeout(Duration::from_millis(50), zoom_reset(&sandbox, ALICE, NEW)).await;
    assert!(left.is_err());
    let made = async {
        while sandbox.changes() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), made).await.unwrap();
    let late = json!({"action": {"delay_ms": 1, "detach": true, "drip": {"bytes": 8, "every_ms": 1}}});
    arm(&sandbox, late).await;
    let answer = zoom_reset(&sandbox, ALICE, "Brand-New-43").await;
    assert_eq!((answer.status.as_u16(), sandbox.changes()), (204, 2));
}

#[tokio::test]
async fn delay_holds_the_response_or_the_change() {
    for (when, changes) in [(Timing::BeforeApply, 0), (Timing::AfterApply, 1)] {
        let sandbox = start(Options::default()).await;
        let action = Action {
            when,
            delay_ms: 60_000,
            ..Action::default()
        };
        sandbox
            .inject(Fault {
                action,
                ..Fault::default()
            })
            .unwrap();
        let held = tokio::time::timeout(Duration::from_millis(200), zoom_reset(&sandbox, ALICE, NEW)).await;
        assert!(held.is_err());
        assert_eq!(sandbox.changes(), changes, "{when}");
    }
    let sandbox = start(Options::default()).await;
    let action = Action {
        delay_ms: 1,
        ..Action::default()
    };
    sandbox
        .inject(Fault {
            action,
            ..Fault::default()
        })
        .unwrap();
    assert_eq!(
        zoom_reset(&sandbox, ALICE, NEW).await.status,
        204,
        "it is only late"
    );
}

#[tokio::test]
async fn dripped_response_is_slow_and_complete() {
    let sandbox = start(Options::default()).await;
    let drip = Some(Drip {
        bytes: 100,
        every_ms: 1,
    });
    sandbox
        .inject(Fault {
            action: Action {
                drip,
                ..Action::default()
            },
            ..Fault::default()
        })
        .unwrap();
    let mut socket = TcpStream::connect(sandbox.addr()).await.unwrap();
    let mut reads = Vec::new();
    for password in [NEW, "Brand-New-43"] {
        let body = json!({"password": password}).to_string();
        let head = format!(
            "PUT /v2/users/{ALICE}/password HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::with_capacity(4096);
        let mut count = 0;
        while !answer.ends_with(b"\r\n\r\n") {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0);
            count += 1;
        }
        assert!(answer.starts_with(b"HTTP/1.1 204 "));
        reads.push(count);
    }
    assert!(reads[0] > 1, "{reads:?}");
    assert_eq!(reads[1], 1);
    assert_eq!(sandbox.changes(), 2);
}

#[tokio::test]
async fn control_routes_are_exempt_from_faults() {
    let sandbox = start(Options::default()).await;
    arm(
        &sandbox,
        json!({"match": {"times": 99}, "action": {"respond": {"status": 500}}}),
    )
    .await;
    assert_eq!(get(&sandbox, "/_sandbox/ledger").await.status, 200);
    assert_eq!(get(&sandbox, "/anything").await.status, 500);
}

#[tokio::test]
async fn duplicated_request_is_applied_twice_and_announced() {
    let sandbox = start(Options::default()).await;
    arm(&sandbox, json!({"action": {"twice": true}})).await;
    let answer = zoom_reset(&sandbox, ALICE, NEW).await;
    assert_eq!(answer.header("x-envoy-attempt-count"), "2");
    // The second one finds the new password in place.
    assert_eq!((answer.zoom_error().0, sandbox.changes()), (400, 1));
    for action in [
        json!({"twice": true, "delay_ms": 1, "detach": true}),
        json!({"twice": true, "refuse_stream": true}),
        json!({"twice": true, "respond": {"status": 500}}),
    ] {
        let fault = serde_json::from_value(json!({ "action": action })).unwrap();
        assert_eq!(
            sandbox.inject(fault),
            Err(FaultError::NothingToRepeat),
            "{action}"
        );
    }
}

#[tokio::test]
async fn detach_needs_a_delayed_change() {
    let sandbox = start(Options::default()).await;
    let detached = |when, delay_ms, cut| Action {
        when,
        delay_ms,
        cut,
        detach: true,
        ..Action::default()
    };
    let at_once = Cut {
        at: CutPoint::Answer,
        how: CutKind::Fin,
    };
    for action in [
        detached(Timing::AfterApply, 1, None),
        detached(Timing::BeforeApply, 0, Some(at_once)),
        detached(Timing::BeforeApply, 1, Some(at_once)),
    ] {
        let fault = Fault {
            action,
            ..Fault::default()
        };
        assert_eq!(sandbox.inject(fault), Err(FaultError::NothingToDetach));
    }
}

#[tokio::test]
async fn contradictory_fault_is_rejected() {
    let sandbox = start(Options::default()).await;
    let respond = |status, name: &str| {
        Some(CannedResponse {
            status,
            headers: [(name.to_owned(), "x".to_owned())].into(),
            body: String::new(),
            pad_to: 0,
        })
    };
    let cut = |at| {
        Some(Cut {
            at,
            how: CutKind::Fin,
        })
    };
    let after = Timing::AfterApply;
    let rows = [
        (Action::default(), FaultError::Nothing),
        (
            Action {
                when: after,
                refuse_stream: true,
                ..Action::default()
            },
            FaultError::NotAfterApply,
        ),
        (
            Action {
                when: after,
                cut: cut(CutPoint::RequestHead),
                ..Action::default()
            },
            FaultError::NotAfterApply,
        ),
        (
            Action {
                when: after,
                cut: cut(CutPoint::RequestBody),
                ..Action::default()
            },
            FaultError::NotAfterApply,
        ),
        (
            Action {
                drip: Some(Drip {
                    bytes: 0,
                    every_ms: 1,
                }),
                ..Action::default()
            },
            FaultError::Zero,
        ),
        (
            Action {
                respond: respond(100, "a"),
                ..Action::default()
            },
            FaultError::BadResponse,
        ),
        (
            Action {
                respond: respond(1000, "a"),
                ..Action::default()
            },
            FaultError::BadResponse,
        ),
        (
            Action {
                respond: respond(200, "a b"),
                ..Action::default()
            },
            FaultError::BadResponse,
        ),
    ];
    for (action, error) in rows {
        let fault = Fault {
            action,
            ..Fault::default()
        };
        let answer = post_json(
            &sandbox,
            "/_sandbox/faults",
            &serde_json::to_value(&fault).unwrap(),
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (400, json!({"error": error.to_string()}))
        );
        assert_eq!(sandbox.inject(fault), Err(error));
    }
}

#[tokio::test]
async fn malformed_fault_is_rejected() {
    let sandbox = start(Options::default()).await;
    let matching = RequestMatcher {
        nth: 0,
        ..RequestMatcher::default()
    };
    let action = Action {
        delay_ms: 1,
        ..Action::default()
    };
    assert_eq!(sandbox.inject(Fault { matching, action }), Err(FaultError::Zero));
    for unknown in [
        json!({"action": {"explode": true}}),
        json!({}),
        json!({"when": "x", "action": {"delay_ms": 1}}),
    ] {
        assert_eq!(
            post_json(&sandbox, "/_sandbox/faults", &unknown).await.status,
            400
        );
    }
}
