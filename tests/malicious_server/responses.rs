//! One case for each kind of misbehavior, at both providers.

use std::time::Duration;

use repass::{CallContext, ChangeReceipt, Error, Outcome, Password, PasswordServiceExt as _, Services};
use repass_testkit::fault_server::{FaultServer, RawRequest, RawResponse, Then};
use serde_json::json;
use tokio::time::timeout;

const NEW: &str = "Canary-New-Passw0rd-77";
const USER: &str = "a11ce000-0000-4000-8000-000000000001";
const BUDGET: Duration = Duration::from_millis(700);
// More than the socket buffers of this machine hold.
const MOST: u64 = 16 << 20;

fn services(server: &FaultServer) -> Services {
    let (auth, address) = (
        "auth = { kind = \"bearer\", token = { command = [\"printf\", \"canary-token-1\"] } }",
        server.address(),
    );
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"http://{address}/v2\"\n{auth}\n\
         [providers.portal]\nkind = \"identity\"\nbase_url = \"http://{address}/identity\"\n{auth}\n"
    );
    Services::builder().toml(&text).build().unwrap()
}

async fn reset(services: &Services, provider: &str) -> Result<ChangeReceipt, Error> {
    let service = services.get(provider).unwrap();
    let new = Password::new(NEW).unwrap();
    let cx = CallContext::with_budget(BUDGET);
    let call = service.reset(&cx, USER.parse().unwrap(), new);
    // Far beyond any budget.
    timeout(Duration::from_secs(20), call)
        .await
        .expect("the call returns")
}

fn assert_harmless(error: &Error, what: &str) {
    let shown = format!("{error} {error:?}");
    for secret in [NEW, "Canary-New", "canary-token", USER] {
        assert!(!shown.contains(secret), "{what}: {shown}");
    }
    let moves = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!error.to_string().contains(moves), "{what}: {error:?}");
    assert!(shown.len() < 4000, "{what}: {} bytes are shown", shown.len());
}

async fn expect_outcome(what: &str, response: RawResponse, outcome: Outcome) {
    let server = FaultServer::start(move |_| response.clone()).await;
    expect_outcome_of(what, &server, outcome).await;
    let sent = server.bytes_sent();
    assert!(sent < MOST, "{what}: {sent} bytes were read");
}

async fn expect_outcome_of(what: &str, server: &FaultServer, outcome: Outcome) {
    let services = services(server);
    for provider in ["zoom", "portal"] {
        let error = reset(&services, provider).await.expect_err(what);
        assert_eq!(error.outcome(), outcome, "{what} at {provider}: {error:?}");
        assert_harmless(&error, what);
    }
}

fn endless(start: &str, more: &str) -> RawResponse {
    RawResponse::new(start).then(Then::Repeat(more.into()))
}

fn with_body(status: &str, kind: &str, body: &str) -> RawResponse {
    let length = body.len();
    RawResponse::new(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

/// Rejects the request, and quotes it wherever it can.
fn echo(request: &RawRequest) -> RawResponse {
    let text = request.head.clone() + &String::from_utf8_lossy(&request.body);
    let errors = json!([{"code": text, "description": text}]);
    let body = json!({"code": 1123, "message": text, "succeeded": false, "errors": errors}).to_string();
    let head = format!(
        "HTTP/1.1 400 No\r\nx-zm-trackingid: {}\r\ncontent-length: {}\r\n\r\n",
        text.lines().last().unwrap_or_default().trim(),
        body.len()
    );
    RawResponse::new(head + &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_head_is_cut_off() {
    // Interim responses are discarded as they arrive, so only the budget ends them.
    for line in ["103 Early Hints", "100 Continue"] {
        let response = endless("", &format!("HTTP/1.1 {line}\r\n\r\n"));
        let server = FaultServer::start(move |_| response.clone()).await;
        expect_outcome_of(line, &server, Outcome::Unknown).await;
    }
    expect_outcome(
        "a status line",
        endless("HTTP/1.1 200 ", "xxxxxxxx"),
        Outcome::Unknown,
    )
    .await;
    expect_outcome(
        "one header",
        endless("HTTP/1.1 200 OK\r\nx: ", "xxxxxxxx"),
        Outcome::Unknown,
    )
    .await;
    expect_outcome(
        "headers",
        endless("HTTP/1.1 200 OK\r\n", "x-a: b\r\n"),
        Outcome::Unknown,
    )
    .await;
    expect_outcome(
        "a folded header",
        endless("HTTP/1.1 200 OK\r\nx: y\r\n", " z\r\n"),
        Outcome::Unknown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_body_is_cut_off() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let chunked = |status: &str| format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
    let long = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 9999999999\r\n\r\n");
    expect_outcome("chunks", endless(&chunked("200 OK"), &chunk), Outcome::Unknown).await;
    expect_outcome(
        "a success",
        endless(&long("200 OK"), "{\"succeeded\":true}        "),
        Outcome::Unknown,
    )
    .await;
    // 400 proves nothing unless the provider's own format does; HTTP defines 404, whatever the body.
    for (status, outcome) in [
        ("400 Bad Request", Outcome::Unknown),
        ("404 Not Found", Outcome::NotApplied),
    ] {
        expect_outcome(status, endless(&long(status), "[[[[[[[["), outcome).await;
    }
    expect_outcome(
        "until the end of the connection",
        endless("HTTP/1.1 500 X\r\n\r\n", "xxxxxxxx"),
        Outcome::Unknown,
    )
    .await;
    let extension = format!("1;{}", "x".repeat(4096));
    expect_outcome(
        "one chunk's extension",
        endless(&chunked("200 OK"), &extension),
        Outcome::Unknown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_response_ends_with_the_budget() {
    expect_outcome(
        "a slow head",
        RawResponse::new("").then(Then::Drip(
            b"HTTP/1.1 200 OK\r\nx-a: b\r\n".to_vec(),
            Duration::from_millis(20),
        )),
        Outcome::Unknown,
    )
    .await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"succeeded\":";
    expect_outcome(
        "half a response",
        RawResponse::new(head).then(Then::Stall),
        Outcome::Unknown,
    )
    .await;
    expect_outcome(
        "half a refusal",
        RawResponse::new(head.replace("200 OK", "400 No")).then(Then::Stall),
        Outcome::Unknown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_response_leaves_the_outcome_unknown() {
    for (what, text) in [
        ("nothing", ""),
        ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n"),
        ("an alert of TLS", "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}"),
        ("another version", "HTTP/3.0 200 OK\r\n\r\n"),
        ("no version", "<html>{\"succeeded\":true}</html>"),
        ("half a status line", "HTTP/1.1 20"),
        ("a status that is none", "HTTP/1.1 999999 OK\r\n\r\n"),
        (
            "a length that is none",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        ),
        (
            "two lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 18\r\ncontent-length: 2\r\n\r\n{\"succeeded\":true}",
        ),
        (
            "a chunk that is none",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ),
        (
            "a cut chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n12\r\n{\"succeeded\":tr",
        ),
        (
            "a switch of protocols",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        ),
    ] {
        expect_outcome(what, RawResponse::new(text), Outcome::Unknown).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_body_never_hides_the_outcome() {
    let deep = "[".repeat(100_000);
    for (what, kind, body) in [
        (
            "a web page",
            "text/html",
            "<!DOCTYPE html><title>\u{1b}]0;x\u{7}</title>",
        ),
        ("packed", "application/json", "\u{1f}\u{8b}\u{8}\0\0\0\0\0"),
        ("deep", "application/json", &deep),
        (
            "numbers",
            "application/json",
            &format!("{{\"code\":{}}}", "9".repeat(5000)),
        ),
        ("not UTF-8", "application/json", "{\"message\":\"\u{fffd}\u{0}\"}"),
    ] {
        expect_outcome(what, with_body("500 X", kind, body), Outcome::Unknown).await;
        expect_outcome(what, with_body("400 No", kind, body), Outcome::Unknown).await;
        expect_outcome(what, with_body("405 No", kind, body), Outcome::NotApplied).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn terminal_controls_in_a_response_are_not_shown() {
    let nasty = "\\u001b]0;title\\u0007\\u001b[2J\\r\\nforged: line\\u009b31m\\u202egnp";
    let body = format!(
        "{{\"code\":1123,\"message\":\"{nasty}\",\"succeeded\":false,\"errors\":[{{\"code\":\"{nasty}\",\"description\":\"{nasty}\"}}]}}"
    );
    expect_outcome(
        "escapes",
        with_body("400 No", "application/json", &body),
        Outcome::NotApplied,
    )
    .await;
    let header =
        "HTTP/1.1 405 No\r\nx-zm-trackingid: a\u{9}b\r\ntraceparent: a\u{9}b\r\ncontent-length: 0\r\n\r\n";
    expect_outcome("a tab in a header", RawResponse::new(header), Outcome::NotApplied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn echoed_request_shows_no_secret() {
    let server = FaultServer::start(echo).await;
    expect_outcome_of("an echo", &server, Outcome::NotApplied).await;
}

// A second response to one request must not become the response to the next request.
#[tokio::test(flavor = "multi_thread")]
async fn surplus_response_is_not_taken_for_the_next_one() {
    for provider in ["zoom", "portal"] {
        let done = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n{\"succeeded\":true}";
        let two = format!("{done}{done}");
        let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
        let server = FaultServer::start(move |request| match request.connection {
            0 => RawResponse::new(two.clone()).then(Then::Stall),
            _ => RawResponse::new(refusal),
        })
        .await;
        let services = services(&server);
        let first = reset(&services, provider).await;
        let second = reset(&services, provider).await;
        let second = second.expect_err("the second response to the first request is discarded");
        assert_ne!(
            first.as_ref().map_err(Error::outcome).err(),
            Some(Outcome::NotApplied),
            "{first:?}"
        );
        assert_harmless(&second, "a surplus response");
    }
}
