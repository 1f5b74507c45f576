//! Heads and bodies that other clients read, and what cannot be read at all.

use std::time::Duration;

use repass::ErrorKind::{PasswordRefused, TimedOut, UnexpectedAnswer, UserNotFound, WrongCurrentPassword};
use repass::Resolution;

use repass_testkit::fault_server::Then;

use crate::case::Call::{Portal, PortalGranted, PortalProbe, Zoom};
use crate::case::Expected::{Applied, NotApplied, Resolved, Unknown};
use crate::case::{bytes, case, json, raw, replay};

const DONE: &str = r#"{"succeeded":true,"errors":[]}"#;

fn odd_heads() -> Vec<(&'static str, Vec<String>)> {
    let one = |header: &str| vec![header.to_owned()];
    vec![
        (
            "a control character in a value",
            one("Set-Cookie: ___utmvaX=dmo\u{1}OZPF; path=/"),
        ),
        ("a folded value", one("Content-Security-Policy: a\r\n\tb")),
        ("a fold by blanks", one("X-Long: a\r\n    b\r\n    c")),
        ("a blank in a name", one("X-Powered By: x")),
        ("a blank before the colon", one("Server : x")),
        ("no value", one("X-Empty:")),
        ("bytes that are not ASCII", one("X-Name: café")),
        (
            "200 headers",
            (0..195).map(|n| format!("X-Header-{n}: {n}")).collect(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_heads_are_read_as_other_clients_read_them() {
    let mut cases = Vec::new();
    for (name, headers) in odd_heads() {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let refusal = r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch","description":"Incorrect password."}]}"#;
        cases.push(case(name, Portal, raw("200 OK", &headers, DONE), Applied));
        cases.push(case(name, Zoom, raw("204 No Content", &headers, ""), Applied));
        cases.push(case(
            name,
            Portal,
            raw("400 Bad", &headers, refusal),
            NotApplied(WrongCurrentPassword),
        ));
        cases.push(case(
            name,
            PortalProbe,
            raw("200 OK", &headers, DONE),
            Resolved(Resolution::InPlace),
        ));
        let granted = raw("200 OK", &headers, r#"{"access_token":"t","expires_in":3600}"#);
        cases.push(
            case(name, PortalGranted, json(200, DONE), Applied)
                .tokens([granted])
                .token_requests(1),
        );
    }
    replay(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_in_every_encoding_that_other_clients_take() {
    let mark = |body: &str| format!("\u{feff}{body}");
    let mismatch = r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch","description":"No"}]}"#;
    let latin1: Vec<u8> = b"{\"succeeded\":false,\"errors\":[{\"code\":\"PasswordMismatch\",\"description\":\"Contrase\xf1a\"}]}".to_vec();
    let utf16: Vec<u8> = mark(DONE).encode_utf16().flat_map(u16::to_le_bytes).collect();
    replay(vec![
        case("a mark before a success", Portal, json(200, &mark(DONE)), Applied),
        case("a mark before a refusal", Portal, json(200, &mark(mismatch)), NotApplied(WrongCurrentPassword)),
        case("a mark before a refusal", Portal, json(400, &mark(mismatch)), NotApplied(WrongCurrentPassword)),
        case("a mark at Zoom", Zoom, json(404, &mark(r#"{"code":1001,"message":"User does not exist"}"#)), NotApplied(UserNotFound)),
        case("a mark before a token", PortalGranted, json(200, DONE), Applied)
            .tokens([json(200, &mark(r#"{"access_token":"t","expires_in":3600}"#))]),
        case("Latin-1", Portal, raw("200 OK", &[], latin1), NotApplied(WrongCurrentPassword)),
        case("UTF-16", Portal, raw("200 OK", &[], utf16), Applied),
        case("blanks around", Portal, json(200, &format!("\r\n  {DONE}\r\n\0")), Applied),
        case("a refusal whose end is cut although its JSON is whole", Zoom, bytes(
            "HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"code\":1126,\"message\":\"Have at least 1 number (1, 2, 3…)\"}"
        ), NotApplied(PasswordRefused)).violates("digit", None),
        case("a last chunk that is missing", Portal, bytes(format!(
            "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{mismatch}\r\n", mismatch.len()
        )), NotApplied(WrongCurrentPassword)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_says_so() {
    let mut cases = Vec::new();
    for (name, text) in [
        ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n"),
        ("no version", "<html>no</html>"),
        ("a status that is none", "HTTP/1.1 999999 OK\r\n\r\n"),
        ("a header without a colon at all, first", "HTTP/1.1 \r\n\r\n"),
    ] {
        for call in [Portal, Zoom] {
            cases.push(case(name, call, bytes(text), Unknown(UnexpectedAnswer)).says("not readable HTTP"));
        }
    }
    let stalls = bytes("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"succeeded\":").then(Then::Stall);
    cases.push(case("a body that stalls", Portal, stalls, Unknown(TimedOut)));
    replay(cases).await;
}

/// Two requests over one connection, unless the response forbids it.
#[tokio::test(flavor = "multi_thread")]
async fn connection_is_not_reused_beyond_what_its_response_allows() {
    use crate::case::NEW;
    use repass::{CallContext, Password, PasswordServiceExt as _, Services};
    use repass_testkit::fault_server::{FaultServer, RawResponse};

    for (name, head, pause) in [
        (
            "204 that announces a body",
            "HTTP/1.1 204 No Content\r\nContent-Length: 27\r\n\r\n",
            Duration::ZERO,
        ),
        (
            "204 that announces chunks",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
            Duration::ZERO,
        ),
        (
            "a keep-alive that is nearly over",
            "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=1\r\n\r\n",
            Duration::from_millis(1200),
        ),
    ] {
        let response = RawResponse::new(head).then(Then::KeepAlive(Duration::from_secs(1)));
        let server = FaultServer::start(move |_| response.clone()).await;
        let text = format!(
            "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbody = \"json\"\nbase_url = \"http://{}/v2\"\n\
             auth = {{ kind = \"bearer\", token = {{ command = [\"printf\", \"t\"] }} }}\n",
            server.address()
        );
        let service = Services::builder()
            .toml(&text)
            .build()
            .unwrap()
            .get("zoom")
            .unwrap();
        for _ in 0..2 {
            let cx = CallContext::with_budget(Duration::from_secs(5));
            let new = Password::new(NEW).unwrap();
            let changed = service
                .reset(&cx, "alice@example.com".parse().unwrap(), new)
                .await;
            assert!(changed.is_ok(), "{name}: {changed:?}");
            tokio::time::sleep(pause).await;
        }
        assert_eq!(server.requests().len(), 2, "{name}");
        assert_eq!(server.connections(), 2, "{name}");
    }
}
