//! One case for each kind of ill will, at both providers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use repass::{CallContext, ChangeReceipt, Error, Outcome, Password, PasswordServiceExt as _, Services};
use tokio::time::timeout;

use crate::peer::{Peer, Says, start};

const NEW: &str = "Canary-New-Passw0rd-77";
const USER: &str = "a11ce000-0000-4000-8000-000000000001";
const BUDGET: Duration = Duration::from_millis(700);
// What socket buffers of this machine may hold besides what was read.
const MOST: u64 = 16 << 20;

fn services(peer: &Peer) -> Services {
    let (auth, address) = (
        "auth = { kind = \"bearer\", token = { command = [\"printf\", \"canary-token-1\"] } }",
        peer.address,
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
    // A guard against hanging, far from any budget.
    timeout(Duration::from_secs(20), call)
        .await
        .expect("the call ends")
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

async fn ends(what: &str, says: Says, effect: Outcome) {
    let taken = ends_after(what, says, effect).await;
    assert!(taken < MOST, "{what}: {taken} bytes were taken");
}

// And how much of the answers was taken.
async fn ends_after(what: &str, says: Says, effect: Outcome) -> u64 {
    let peer = start(says).await;
    let services = services(&peer);
    for provider in ["zoom", "portal"] {
        let error = reset(&services, provider).await.expect_err(what);
        assert_eq!(error.outcome(), effect, "{what} at {provider}: {error:?}");
        assert_harmless(&error, what);
    }
    peer.taken.load(Ordering::Relaxed)
}

fn says(text: &str) -> Says {
    Says::Once(text.into())
}

fn with_body(status: &str, kind: &str, body: &str) -> Says {
    let length = body.len();
    says(&format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_end() {
    let interim = |line: &str| Says::Endlessly(Vec::new(), format!("HTTP/1.1 {line}\r\n\r\n").into());
    // They are thrown away as they come, so only time ends them.
    ends_after("early hints", interim("103 Early Hints"), Outcome::Unknown).await;
    ends_after("continue", interim("100 Continue"), Outcome::Unknown).await;
    let head = |start: &str, more: &str| Says::Endlessly(start.into(), more.into());
    ends(
        "a status line",
        head("HTTP/1.1 200 ", "xxxxxxxx"),
        Outcome::Unknown,
    )
    .await;
    ends(
        "one header",
        head("HTTP/1.1 200 OK\r\nx: ", "xxxxxxxx"),
        Outcome::Unknown,
    )
    .await;
    ends(
        "headers",
        head("HTTP/1.1 200 OK\r\n", "x-a: b\r\n"),
        Outcome::Unknown,
    )
    .await;
    ends(
        "a folded header",
        head("HTTP/1.1 200 OK\r\nx: y\r\n", " z\r\n"),
        Outcome::Unknown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_end() {
    let endless = |head: &str, more: &str| Says::Endlessly(head.into(), more.into());
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let chunked = |status: &str| format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
    let long = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 9999999999\r\n\r\n");
    ends("chunks", endless(&chunked("200 OK"), &chunk), Outcome::Unknown).await;
    ends(
        "a success",
        endless(&long("200 OK"), "{\"succeeded\":true}        "),
        Outcome::Unknown,
    )
    .await;
    // Without the provider's own words 400 proves nothing; 404 is defined by HTTP, whatever follows.
    for (status, effect) in [
        ("400 Bad Request", Outcome::Unknown),
        ("404 Not Found", Outcome::NotApplied),
    ] {
        ends(status, endless(&long(status), "[[[[[[[["), effect).await;
    }
    ends(
        "until the end of the connection",
        endless("HTTP/1.1 500 X\r\n\r\n", "xxxxxxxx"),
        Outcome::Unknown,
    )
    .await;
    let extension = format!("1;{}", "x".repeat(4096));
    ends(
        "one chunk's extension",
        endless(&chunked("200 OK"), &extension),
        Outcome::Unknown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_take_their_time() {
    ends(
        "a slow head",
        Says::Slowly(b"HTTP/1.1 200 OK\r\nx-a: b\r\n".to_vec()),
        Outcome::Unknown,
    )
    .await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"succeeded\":";
    ends("half an answer", Says::Stays(head.into()), Outcome::Unknown).await;
    ends(
        "half a refusal",
        Says::Stays(head.replace("200 OK", "400 No").into()),
        Outcome::Unknown,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none() {
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
        ends(what, says(text), Outcome::Unknown).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_none() {
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
        ends(what, with_body("500 X", kind, body), Outcome::Unknown).await;
        ends(what, with_body("400 No", kind, body), Outcome::Unknown).await;
        ends(what, with_body("405 No", kind, body), Outcome::NotApplied).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_write_to_a_terminal() {
    let nasty = "\\u001b]0;title\\u0007\\u001b[2J\\r\\nforged: line\\u009b31m\\u202egnp";
    let body = format!(
        "{{\"code\":1123,\"message\":\"{nasty}\",\"succeeded\":false,\"errors\":[{{\"code\":\"{nasty}\",\"description\":\"{nasty}\"}}]}}"
    );
    ends(
        "escapes",
        with_body("400 No", "application/json", &body),
        Outcome::NotApplied,
    )
    .await;
    let header =
        "HTTP/1.1 405 No\r\nx-zm-trackingid: a\u{9}b\r\ntraceparent: a\u{9}b\r\ncontent-length: 0\r\n\r\n";
    ends("a tab in a header", says(header), Outcome::NotApplied).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_request_sent_back() {
    ends("an echo", Says::Echo, Outcome::NotApplied).await;
}

// An answer to a question that nobody has asked yet must not become the next one's.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_many() {
    for provider in ["zoom", "portal"] {
        let done = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n{\"succeeded\":true}";
        let two = format!("{done}{done}");
        let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
        let peer = start(Says::InTurn(vec![Says::Stays(two.into()), says(refusal)])).await;
        let services = services(&peer);
        let first = reset(&services, provider).await;
        let second = reset(&services, provider).await;
        let second = second.expect_err("the second answer to the first request is nobody's");
        assert_ne!(
            first.as_ref().map_err(Error::outcome).err(),
            Some(Outcome::NotApplied),
            "{first:?}"
        );
        assert_harmless(&second, "an answer too many");
    }
}
