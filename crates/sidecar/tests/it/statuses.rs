//! Every status, with its code and effect.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use http::Request;
use repass_domain::{ChangeReceipt, Error, ErrorKind, ProviderDetail, UnknownOutcome, UserId};
use repass_sidecar::{Options, Sidecar, Token};
use serde_json::{Value, json};

use crate::world::{ALICE, CHANGES, Read, SCRIPTED, Scripted, Services, get, keyed, memory, post, send};

fn over_memory() -> Sidecar {
    Services::default().with(&memory()).sidecar(Options::default())
}

async fn changed(sidecar: &Sidecar, body: Value) -> Read {
    send(sidecar, post(CHANGES, body.to_string())).await
}

#[track_caller]
fn assert_problem(read: &Read, status: u16, code: &str, effect: &str) {
    assert_eq!(read.status, status, "{read:?}");
    assert_eq!(read.header("content-type"), "application/problem+json");
    assert_eq!(read.json["status"], status);
    assert_eq!(read.json["code"], code);
    assert_eq!(read.json["effect"], effect);
    assert_eq!(read.json["type"], format!("/docs#{code}"));
    assert!(
        read.json["violations"].is_array() && read.json["title"].is_string(),
        "{read:?}"
    );
}

#[tokio::test]
async fn change_applied_is_200_with_its_tracking_id() {
    let memory = memory();
    let sidecar = Services::default().with(&memory).sidecar(Options::default());
    let read = changed(&sidecar, json!({"user": "alice", "new_password": "New-Passw0rd"})).await;
    assert_eq!(
        (read.status.as_u16(), &read.json["effect"]),
        (200, &json!("applied")),
        "{read:?}"
    );
    assert!(memory.accepts("alice", "New-Passw0rd"));
    let both = json!({"user": "alice", "current_password": "New-Passw0rd", "new_password": "Newer-Passw0rd"});
    assert_eq!(changed(&sidecar, both).await.status, 200);
    assert!(memory.accepts("alice", "Newer-Passw0rd"));
    // Escapes are not taken for what they look like.
    let escaped = post(
        CHANGES,
        r#"{"user":"alice","new_password":"\u00e9\"\\ \ud83d\ude00 long 1"}"#,
    );
    assert_eq!(send(&sidecar, escaped).await.status, 200);
    assert!(memory.accepts("alice", "é\"\\ 😀 long 1"));
}

#[tokio::test]
async fn change_rejected_lists_every_violation() {
    let sidecar = over_memory();
    let read = changed(&sidecar, json!({"user": "alice", "new_password": "short"})).await;
    assert_problem(&read, 422, "password_refused", "not_applied");
    let codes: Vec<&Value> = read.json["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["code"])
        .collect();
    assert_eq!(codes, ["min_length", "digit"]);
    let wrong = json!({"user": "alice", "current_password": "canary-1", "new_password": "New-Passw0rd"});
    assert_problem(
        &changed(&sidecar, wrong).await,
        403,
        "wrong_current_password",
        "not_applied",
    );
    let nobody = json!({"user": "nobody", "new_password": "New-Passw0rd"});
    assert_problem(
        &changed(&sidecar, nobody).await,
        404,
        "user_not_found",
        "not_applied",
    );
    let nowhere = send(&sidecar, post("/v1/providers/none/password-changes", ALICE)).await;
    assert_problem(&nowhere, 404, "provider_not_found", "not_applied");
}

#[tokio::test]
async fn unknown_outcome_is_resolved_by_its_handle() {
    let memory = memory();
    let sidecar = Services::default().with(&memory).sidecar(Options::default());
    memory.lose_next_response();
    let lost = send(&sidecar, post(CHANGES, ALICE)).await;
    assert_problem(&lost, 409, "connection_lost", "unknown");
    assert_eq!(
        lost.json["resolution"]["href"],
        "/v1/providers/memory/resolutions"
    );
    let attempt = &lost.json["resolution"]["attempt"];
    let question = json!({"user": "alice", "new_password": "New-Passw0rd", "attempt": attempt});
    let settled = send(
        &sidecar,
        post("/v1/providers/memory/resolutions", question.to_string()),
    )
    .await;
    assert_eq!(
        settled.json,
        json!({"resolution": "in_place", "effect": "applied", "provider": "memory"})
    );
    let other = json!({"user": "alice", "new_password": "Other-Passw0rd"});
    let settled = send(
        &sidecar,
        post("/v1/providers/memory/resolutions", other.to_string()),
    )
    .await;
    assert_eq!(
        (&settled.json["resolution"], &settled.json["effect"]),
        (&json!("not_in_place"), &json!("not_applied"))
    );
    let forged = json!({"user": "alice", "new_password": "x", "attempt": "bm9uc2Vuc2U"});
    let forged = send(
        &sidecar,
        post("/v1/providers/memory/resolutions", forged.to_string()),
    )
    .await;
    assert_problem(&forged, 400, "invalid_request", "unknown");
    assert_eq!(forged.json.get("resolution"), None);
}

const RESOLUTIONS: &str = "/v1/providers/scripted/resolutions";

#[tokio::test]
async fn resolution_that_fails_leaves_the_outcome_unknown_with_its_handle() {
    let lost = || Error::unknown(ErrorKind::TimedOut, "x", UnknownOutcome::new("scripted"));
    let scripted = Scripted::new(move || Err(lost()));
    let options = |max_in_flight| Options {
        max_in_flight,
        ..Options::default()
    };
    let sidecar = Services::default().with(&scripted).sidecar(options(4));
    let lost = send(&sidecar, post(SCRIPTED, ALICE)).await;
    let handle = lost.json["resolution"]["attempt"].as_str().unwrap();
    let question = json!({"user": "alice", "new_password": "New-Passw0rd", "attempt": handle});
    let with = |member: &str, value: Value| {
        let mut question = question.clone();
        question[member] = value;
        question.to_string()
    };
    let question = question.to_string();

    let assert_unknown = |read: &Read, status: u16, code: &str, is_known: bool| {
        assert_problem(read, status, code, "unknown");
        let reported = read.json["resolution"]["attempt"].as_str();
        assert_eq!(reported, is_known.then_some(handle), "{read:?}");
    };
    // The provider was renamed, or the handle is another one's.
    let none = send(&sidecar, post("/v1/providers/none/resolutions", &*question)).await;
    assert_unknown(&none, 404, "provider_not_found", true);
    let both = Services::default()
        .with(&scripted)
        .with(&memory())
        .sidecar(Options::default());
    let other = send(&both, post("/v1/providers/memory/resolutions", &*question)).await;
    assert_unknown(&other, 400, "invalid_request", true);
    // The request is not good.
    for (body, is_known) in [
        (with("user", json!("a/b")), true),
        (with("user", json!(7)), true),
        (with("new_password", json!("")), true),
        (with("new_password", Value::Null), true),
        (with("canary", json!(1)), true),
        (with("attempt", json!("bm9uc2Vuc2U")), false),
        (question.replace('}', ""), false),
        (String::new(), false),
    ] {
        let read = send(&sidecar, post(RESOLUTIONS, body)).await;
        assert_unknown(&read, 400, "invalid_request", is_known);
    }
    let long = send(&sidecar, post(RESOLUTIONS, " ".repeat(32 * 1024 + 1))).await;
    assert_unknown(&long, 413, "body_too_large", false);
    for (header, value, status, code) in [
        ("content-type", "text/plain", 415, "unsupported_media_type"),
        ("transfer-encoding", "chunked", 411, "length_required"),
    ] {
        let mut request = post(RESOLUTIONS, &*question);
        request.headers_mut().insert(header, value.parse().unwrap());
        assert_unknown(&send(&sidecar, request).await, status, code, false);
    }
    let read = send(&sidecar, keyed(RESOLUTIONS, &"k".repeat(256), &*question)).await;
    assert_unknown(&read, 400, "invalid_request", true);
    // The key stands for another request.
    send(&sidecar, keyed(RESOLUTIONS, "k", ALICE)).await;
    let read = send(&sidecar, keyed(RESOLUTIONS, "k", &*question)).await;
    assert_unknown(&read, 422, "idempotency_mismatch", true);
    // No one is let in, or the path is not quite it.
    let token = Token::new(&"canary-token-0001".into());
    let closed = Services::default().with(&scripted).sidecar(Options {
        token,
        ..Options::default()
    });
    let read = send(&closed, post(RESOLUTIONS, &*question)).await;
    assert_unknown(&read, 401, "not_authenticated", false);
    assert_unknown(
        &get(&sidecar, RESOLUTIONS).await,
        405,
        "method_not_allowed",
        false,
    );
    let slash = send(&sidecar, post(&format!("{RESOLUTIONS}/"), &*question)).await;
    assert_unknown(&slash, 404, "not_found", false);
    // The only place is taken.
    let held = Scripted::held(|| Ok(ChangeReceipt::new()));
    let busy = Services::default().with(&held).sidecar(options(1));
    let first = send(&busy, post(SCRIPTED, ALICE));
    let second = async {
        while held.begun() == 0 {
            tokio::task::yield_now().await;
        }
        let read = send(&busy, post(RESOLUTIONS, &*question)).await;
        held.let_go(1);
        read
    };
    let (_, read) = tokio::join!(first, second);
    assert_unknown(&read, 503, "overloaded", true);
    // The probe fails, however it does.
    for kind in ErrorKind::ALL {
        let scripted = Scripted::new(move || Err(Error::not_applied(kind, "no")));
        let sidecar = Services::default().with(&scripted).sidecar(Options::default());
        let read = send(&sidecar, post(RESOLUTIONS, &*question)).await;
        let status = if kind == ErrorKind::Unsupported { 422 } else { 409 };
        assert_unknown(&read, status, kind.as_str(), true);
    }
    let broken = Scripted::new(|| panic!("a defect"));
    let broken = Services::default().with(&broken).sidecar(Options::default());
    let read = send(&broken, post(RESOLUTIONS, &*question)).await;
    assert_unknown(&read, 409, "internal", true);
}

#[tokio::test(start_paused = true)]
async fn resolution_with_a_missing_body_is_unknown() {
    let sidecar = over_memory();
    let mut request = post("/v1/providers/memory/resolutions", ALICE);
    *request.body_mut() = Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    assert_problem(&send(&sidecar, request).await, 408, "request_timeout", "unknown");
}

#[tokio::test]
async fn resolution_not_in_place_is_not_applied_only_after_the_in_flight_window() {
    let memory = memory();
    let sidecar = Services::default().with(&memory).sidecar(Options::default());
    memory.lose_next_response();
    let lost = send(&sidecar, post(CHANGES, ALICE)).await;
    let handle = lost.json["resolution"]["attempt"].as_str().unwrap();
    let attempt: Value = serde_json::from_slice(&Base64UrlUnpadded::decode_vec(handle).unwrap()).unwrap();
    for (seconds, effect) in [(0, "unknown"), (110, "unknown"), (130, "not_applied")] {
        let mut attempt = attempt.clone();
        let at = SystemTime::now() - Duration::from_secs(seconds);
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        attempt["at"] = json!({"secs_since_epoch": at, "nanos_since_epoch": 0});
        let handle = Base64UrlUnpadded::encode_string(attempt.to_string().as_bytes());
        let question = json!({"user": "alice", "new_password": "Other-Passw0rd", "attempt": handle});
        let read = send(
            &sidecar,
            post("/v1/providers/memory/resolutions", question.to_string()),
        )
        .await;
        let expected = json!({"resolution": "not_in_place", "effect": effect, "provider": "memory"});
        assert_eq!(read.json, expected, "{seconds}");
    }
}

#[tokio::test]
async fn unknown_outcome_is_resolved_at_once_with_resolve_unknown() {
    let memory = memory();
    let options = Options {
        resolve_unknown: true,
        ..Options::default()
    };
    let sidecar = Services::default().with(&memory).sidecar(options);
    memory.lose_next_response();
    assert_eq!(send(&sidecar, post(CHANGES, ALICE)).await.status, 200);
}

#[tokio::test]
async fn resolution_with_a_failed_probe_is_unknown() {
    let limited = || {
        Error::not_applied(ErrorKind::RateLimited, "slow down")
            .with_retry_after(Some(Duration::from_millis(1200)))
    };
    let scripted = Scripted::new(move || Err(limited()));
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    let read = send(&sidecar, post("/v1/providers/scripted/resolutions", ALICE)).await;
    assert_problem(&read, 409, "rate_limited", "unknown");
    assert_eq!(read.header("retry-after"), "2");
    let read = send(&sidecar, post(SCRIPTED, ALICE)).await;
    assert_problem(&read, 429, "rate_limited", "not_applied");
    assert_eq!(read.header("retry-after"), "2");
}

#[tokio::test]
async fn provider_failure_has_the_status_of_its_kind() {
    for (kind, status, retry) in [
        (ErrorKind::PermissionDenied, 502, ""),
        (ErrorKind::Unauthenticated, 502, ""),
        (ErrorKind::Unreachable, 503, "5"),
        (ErrorKind::LockedOut, 403, ""),
        (ErrorKind::Conflict, 409, ""),
        (ErrorKind::Unsupported, 422, ""),
        (ErrorKind::Internal, 500, ""),
    ] {
        let detail = ProviderDetail {
            tracking_id: Some("t-1".into()),
            ..ProviderDetail::default()
        };
        let scripted = Scripted::new(move || Err(Error::not_applied(kind, "no").with_detail(detail.clone())));
        let sidecar = Services::default().with(&scripted).sidecar(Options::default());
        let read = send(&sidecar, post(SCRIPTED, ALICE)).await;
        assert_problem(&read, status, kind.as_str(), "not_applied");
        assert_eq!(
            (&read.json["tracking_id"], read.header("retry-after")),
            (&json!("t-1"), retry)
        );
    }
}

#[tokio::test]
async fn change_that_panics_is_unknown() {
    let scripted = Scripted::new(|| panic!("a defect"));
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    let read = send(&sidecar, post(SCRIPTED, ALICE)).await;
    assert_problem(&read, 409, "internal", "unknown");
    assert!(read.json["resolution"]["attempt"].is_string());
}

#[tokio::test]
async fn malformed_request_is_rejected_without_quoting_it() {
    let scripted = Scripted::new(|| {
        Err(Error::unknown(
            ErrorKind::TimedOut,
            "x",
            UnknownOutcome::new("scripted"),
        ))
    });
    let sidecar = Services::default().with(&scripted).sidecar(Options::default());
    let long = "canary".repeat(200);
    for (body, status, code) in [
        ("", 400, "invalid_request"),
        ("canary-77", 400, "invalid_request"),
        ("\"canary-77\"", 400, "invalid_request"),
        (r#"["canary-77"]"#, 400, "invalid_request"),
        (r#"{"canary-77":1}"#, 400, "invalid_request"),
        (r#"{"user":"alice"}"#, 400, "invalid_request"),
        (r#"{"user":"alice","new_password":""}"#, 400, "invalid_request"),
        (
            r#"{"user":"alice","new_password":{"canary-77":1}}"#,
            400,
            "invalid_request",
        ),
        (
            r#"{"user":"canary/77","new_password":"x"}"#,
            400,
            "invalid_request",
        ),
        (
            r#"{"user":"alice","new_password":"canary","new_password":"canary"}"#,
            400,
            "invalid_request",
        ),
        (
            r#"{"user":"alice","new_password":"canary-77\u0000"}"#,
            400,
            "invalid_request",
        ),
        (
            r#"{"user":"alice","new_password":"canary-77"} canary"#,
            400,
            "invalid_request",
        ),
        (
            &format!(r#"{{"user":"alice","new_password":"{long}"}}"#),
            400,
            "invalid_request",
        ),
        (&" ".repeat(32 * 1024 + 1), 413, "body_too_large"),
    ] {
        let read = send(&sidecar, post(SCRIPTED, body)).await;
        assert_problem(&read, status, code, "not_applied");
        assert!(!read.text.contains("canary"), "{read:?}");
    }
    let mut other = post(SCRIPTED, ALICE);
    other
        .headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    assert_problem(
        &send(&sidecar, other).await,
        415,
        "unsupported_media_type",
        "not_applied",
    );
    let mut chunked = post(SCRIPTED, ALICE);
    chunked
        .headers_mut()
        .insert("transfer-encoding", "chunked".parse().unwrap());
    assert_problem(
        &send(&sidecar, chunked).await,
        411,
        "length_required",
        "not_applied",
    );
    assert_eq!(scripted.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn request_body_that_stalls_is_408() {
    let sidecar = over_memory();
    let mut request = post(CHANGES, ALICE);
    *request.body_mut() = Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    assert_problem(
        &send(&sidecar, request).await,
        408,
        "request_timeout",
        "not_applied",
    );
}

#[tokio::test]
async fn unknown_path_is_404_and_unsupported_method_is_405() {
    let sidecar = over_memory();
    assert_problem(&get(&sidecar, "/v2/x").await, 404, "not_found", "not_applied");
    let read = get(&sidecar, CHANGES).await;
    assert_problem(&read, 405, "method_not_allowed", "not_applied");
    assert_eq!(read.header("allow"), "POST");
    for path in ["/healthz", "/readyz", "/docs", "/openapi.json", "/v1/providers"] {
        assert_eq!(get(&sidecar, path).await.status, 200, "{path}");
    }
    assert_problem(&get(&sidecar, "/metrics").await, 404, "no_metrics", "not_applied");
    assert_problem(
        &get(&sidecar, "/v1/providers/%ff/policy").await,
        404,
        "provider_not_found",
        "not_applied",
    );
}

#[tokio::test]
async fn index_redirects_browsers_and_lists_routes() {
    let sidecar = over_memory();
    let read = get(&sidecar, "/").await;
    assert!(read.status == 200 && read.text.contains("/docs"), "{read:?}");
    let browser = Request::get("/").header("accept", "text/html,*/*;q=0.8");
    let read = send(&sidecar, browser.body(Body::empty()).unwrap()).await;
    assert_eq!((read.status.as_u16(), read.header("location")), (303, "/docs"));
    let docs = get(&sidecar, "/docs").await;
    assert!(
        docs.text
            .contains("/v1/providers/memory/password-changes &lt;&lt;")
    );
    assert_eq!(docs.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(get(&sidecar, "/docs").await.text, docs.text);
    let described = get(&sidecar, "/openapi.json").await;
    assert_eq!(
        described.json,
        serde_json::from_str::<Value>(&sidecar.openapi()).unwrap()
    );
    let user = &described.json["components"]["schemas"]["ChangeRequest"]["properties"]["user"]["pattern"];
    assert!(user.as_str().unwrap().starts_with("^[^"), "{user}");
    // Names that say nothing outside of these sources are not in generated clients.
    let mut names: Vec<&String> = described.json["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    names.retain(|name| {
        ![
            "Change",
            "Resolution",
            "Policy",
            "Provider",
            "Problem",
            "GeneratedPassword",
        ]
        .iter()
        .any(|noun| name.starts_with(noun))
    });
    assert_eq!(names, [""; 0]);
}

/// The characters that a pattern `^[^…]+$` excludes, as ranges of code units.
fn excluded(pattern: &str) -> Vec<(u32, u32)> {
    let class = pattern.strip_prefix("^[^").unwrap().strip_suffix("]+$").unwrap();
    let (mut rest, mut ranges, mut is_range) = (class, Vec::new(), false);
    while let Some(first) = rest.chars().next() {
        let (character, length) = match rest.strip_prefix('\\') {
            Some(escaped) if escaped.starts_with('u') => {
                (u32::from_str_radix(&escaped[1..5], 16).unwrap(), 6)
            }
            Some(escaped) => (escaped.chars().next().unwrap().into(), 2),
            None => (first.into(), 1),
        };
        rest = &rest[length..];
        if is_range {
            let (_, end): &mut (u32, u32) = ranges.last_mut().unwrap();
            *end = character;
        } else {
            ranges.push((character, character));
        }
        is_range = rest.starts_with('-');
        rest = &rest[usize::from(is_range)..];
    }
    ranges
}

#[test]
fn openapi_user_pattern_matches_every_accepted_user_id() {
    let sidecar = over_memory();
    let api: Value = serde_json::from_str(&sidecar.openapi()).unwrap();
    for schema in ["ChangeRequest", "ResolutionRequest"] {
        let user = &api["components"]["schemas"][schema]["properties"]["user"];
        let excluded = excluded(user["pattern"].as_str().unwrap());
        for character in (0..=0xffff).filter_map(char::from_u32) {
            let is_taken = UserId::new(&format!("a{character}")).is_ok();
            let is_described = !excluded
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&character.into()));
            assert!(is_described || !is_taken, "{character:?}");
            assert!(
                is_taken || !is_described || !character.is_ascii(),
                "{character:?}"
            );
        }
    }
}

#[tokio::test]
async fn policy_routes_show_check_and_generate() {
    let sidecar = over_memory();
    let policy = get(&sidecar, "/v1/providers/memory/policy").await;
    assert_eq!(policy.json["rules"][0]["code"], "min_length", "{policy:?}");
    let check = |password: &str| {
        post(
            "/v1/providers/memory/policy/check",
            json!({"new_password": password}).to_string(),
        )
    };
    let read = send(&sidecar, check("canary")).await;
    assert_eq!((read.status.as_u16(), &read.json["ok"]), (200, &json!(false)));
    assert!(!read.text.contains("canary"));
    let generate = Request::post("/v1/providers/memory/policy/generate")
        .body(Body::empty())
        .unwrap();
    let generated = send(&sidecar, generate).await;
    assert_eq!(generated.header("cache-control"), "no-store");
    let read = send(&sidecar, check(generated.json["password"].as_str().unwrap())).await;
    assert_eq!(
        (&read.json["ok"], &read.json["violations"]),
        (&json!(true), &json!([]))
    );
    let can = get(&sidecar, "/v1/providers/memory/capabilities").await;
    assert_eq!(can.json["administrator"], true);
    let all = get(&sidecar, "/v1/providers").await;
    assert_eq!(
        (
            &all.json["providers"][0]["name"],
            &all.json["providers"][0]["default"]
        ),
        (&json!("memory"), &json!(true))
    );
}

#[tokio::test]
async fn token_is_required_by_every_route_except_health() {
    let token = Token::new(&"canary-token-0001".into());
    let sidecar = Services::default().with(&memory()).sidecar(Options {
        token,
        ..Options::default()
    });
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&sidecar, path).await.status, 200);
    }
    for path in [
        "/metrics",
        "/docs",
        "/openapi.json",
        "/v1/providers",
        "/nowhere",
        "/healthz/",
    ] {
        let read = get(&sidecar, path).await;
        assert_problem(&read, 401, "not_authenticated", "not_applied");
        assert!(read.header("www-authenticate").starts_with("Bearer"));
    }
    let shown = |token: &str| {
        let mut request = post(CHANGES, ALICE);
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    assert_eq!(send(&sidecar, shown("canary-token-0002")).await.status, 401);
    assert_eq!(send(&sidecar, shown("canary-token-0001")).await.status, 200);
    let api: Value = serde_json::from_str(&sidecar.openapi()).unwrap();
    assert_eq!(api["security"], json!([{"token": []}]));
}

#[tokio::test]
async fn change_above_the_limit_is_503_before_anything_is_sent() {
    let scripted = Scripted::held(|| Ok(ChangeReceipt::new()));
    let options = Options {
        max_in_flight: 1,
        ..Options::default()
    };
    let sidecar = Services::default().with(&scripted).sidecar(options);
    let first = send(&sidecar, post(SCRIPTED, ALICE));
    let second = async {
        while scripted.begun() == 0 {
            tokio::task::yield_now().await;
        }
        let read = send(&sidecar, post(SCRIPTED, ALICE)).await;
        scripted.let_go(1);
        read
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    assert_problem(&second, 503, "overloaded", "not_applied");
    assert_eq!((second.header("retry-after"), scripted.begun()), ("1", 1));
}
