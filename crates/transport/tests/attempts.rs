//! What one attempt says about each thing a peer can do, over a real socket. The peer counts a
//! request once it has read all of it: that is when a provider may have acted.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use repass_transport::{
    BaseUrl, Cause, HttpTransport, Idempotency, Method, PooledClient, Request, Response, SecretBody,
    SideEffect, StatusCode, Timeouts, Transport as _, TransportError, TrustedRoots,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "canary-token-5150";

#[derive(Clone, Copy)]
enum Peer {
    /// Reads the request, then writes this and closes.
    Says(&'static str),
    /// Reads the request, then resets the connection.
    Resets,
    /// Reads the request, then is silent.
    Stalls,
    /// Closes before it reads.
    ClosesAtOnce,
    /// Reads the request and then writes without end.
    Floods,
}

struct Listening {
    base_url: String,
    requests: Arc<AtomicUsize>,
}

async fn listen(peer: Peer) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, peer, Arc::clone(&counter)));
        }
    });
    Listening { base_url, requests }
}

async fn serve(mut socket: TcpStream, peer: Peer, requests: Arc<AtomicUsize>) {
    if matches!(peer, Peer::ClosesAtOnce) {
        return;
    }
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(b"\"end\"                                                                ") {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => seen.extend_from_slice(&buffer[..n]),
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    match peer {
        Peer::Says(text) => socket.write_all(text.as_bytes()).await.unwrap(),
        Peer::Resets => socket.set_zero_linger().unwrap(),
        Peer::Stalls => std::future::pending().await,
        Peer::Floods => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
            let mut writing = socket.write_all(head.as_bytes()).await;
            while writing.is_ok() {
                writing = socket.write_all(&[b'x'; 4096]).await;
            }
        }
        Peer::ClosesAtOnce => {}
    }
}

fn transport(base_url: &str) -> HttpTransport {
    let base_url: BaseUrl = base_url.parse().unwrap();
    let client = PooledClient::new(base_url, TrustedRoots::default(), Duration::from_secs(5));
    HttpTransport::with_bearer(client, &TOKEN.into(), Timeouts::default()).unwrap()
}

fn request() -> Request {
    Request::new("test", Method::PUT, Idempotency::NonIdempotent)
        .segment("users")
        .body(SecretBody::json(&"end"))
        .budget(Duration::from_secs(20))
}

async fn attempt(peer: Peer) -> (Result<Response, TransportError>, usize) {
    let listening = listen(peer).await;
    let result = transport(&listening.base_url).deliver(&request()).await;
    (result, listening.requests.load(Ordering::SeqCst))
}

#[tokio::test]
async fn attempt_at_a_closed_port_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = transport(&base_url).deliver(&request()).await.unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::Unreachable, SideEffect::None)
    );
    assert!(failure.to_string().contains("connection refused"), "{failure}");
}

#[tokio::test]
async fn attempt_without_budget_is_not_sent() {
    let listening = listen(Peer::Says("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let failure = transport(&listening.base_url)
        .deliver(&request().budget(Duration::ZERO))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::BudgetExhausted, SideEffect::None)
    );
    assert_eq!(listening.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn attempt_broken_after_the_request_may_have_acted() {
    for (peer, cause) in [
        (Peer::Says(""), Cause::ConnectionLost),
        (Peer::Says("HTTP/1.1 20"), Cause::ConnectionLost),
        (Peer::Says("garbage\r\n\r\n"), Cause::UnreadableAnswer),
        (Peer::Resets, Cause::ConnectionLost),
    ] {
        let (result, requests) = attempt(peer).await;
        let failure = result.unwrap_err();
        assert_eq!((failure.cause(), failure.acted()), (cause, SideEffect::Possible));
        assert_eq!(requests, 1, "and it is not sent again");
    }
}

#[tokio::test]
async fn attempt_closed_before_the_body_is_not_sent() {
    let (result, requests) = attempt(Peer::ClosesAtOnce).await;
    let failure = result.unwrap_err();
    // Which of the two it is depends on whether the stack noticed before it wrote.
    let reported = (failure.cause(), failure.acted());
    assert!(
        [
            (Cause::ConnectionLost, SideEffect::Possible),
            (Cause::Unreachable, SideEffect::None)
        ]
        .contains(&reported),
        "{reported:?}"
    );
    assert_eq!(requests, 0);
}

#[tokio::test]
async fn attempt_without_response_times_out_and_may_have_acted() {
    let listening = listen(Peer::Stalls).await;
    let request = request().budget(Duration::from_millis(200));
    let failure = transport(&listening.base_url)
        .deliver(&request)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::TimedOut, SideEffect::Possible)
    );
    assert_eq!(listening.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn attempt_with_a_truncated_body_returns_a_cut_response() {
    let cut = attempt(Peer::Says("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"))
        .await
        .0
        .unwrap();
    assert_eq!(
        (cut.status(), cut.is_complete(), cut.body()),
        (StatusCode::OK, false, &b"half"[..])
    );
    let whole = attempt(Peer::Says("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhalf"))
        .await
        .0
        .unwrap();
    assert!(whole.is_complete());
}

#[tokio::test]
async fn attempt_with_a_stalled_body_returns_a_late_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let serving = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        socket.write_all(head).await.unwrap();
        std::future::pending::<()>().await;
    };
    let request = request().budget(Duration::from_millis(300));
    let transport = transport(&base_url);
    let answer = tokio::select! {
        answer = transport.deliver(&request) => answer.unwrap(),
        () = serving => unreachable!(),
    };
    assert!(answer.is_late() && !answer.is_complete());
    assert_eq!(answer.body(), b"half");
}

#[tokio::test]
async fn attempt_with_an_endless_body_is_read_up_to_the_limit() {
    let answer = attempt(Peer::Floods).await.0.unwrap();
    assert!(!answer.is_complete());
    assert!(answer.body().len() <= Response::MAX_BODY && !answer.body().is_empty());
}

#[tokio::test]
async fn attempt_does_not_follow_a_redirect() {
    let target = listen(Peer::Says("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let head = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
        target.base_url
    );
    let (result, _) = attempt(Peer::Says(head.leak())).await;
    assert_eq!(result.unwrap().status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(target.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn response_redacts_the_token_of_its_request() {
    let head =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 39\r\n\r\nbad canary\\u002dtoken%2d5150 or canary-t";
    let answer = attempt(Peer::Says(head)).await.0.unwrap();
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert_eq!(answer.sanitize(text), "bad [token] or [token]");
}

#[tokio::test]
async fn attempt_at_a_port_without_tls_is_not_sent() {
    let listening = listen(Peer::Stalls).await;
    let https = listening.base_url.replace("http:", "https:");
    let failure = transport(&https)
        .deliver(&request().budget(Duration::from_millis(500)))
        .await
        .unwrap_err();
    assert_eq!(failure.acted(), SideEffect::None, "{failure}");
    assert_eq!(listening.requests.load(Ordering::SeqCst), 0);
}

#[test]
fn token_with_control_characters_is_rejected() {
    for token in ["", "a b", "a\r\nx: y", "é"] {
        let client = PooledClient::new(
            "http://127.0.0.1:1".parse().unwrap(),
            TrustedRoots::default(),
            Duration::from_secs(1),
        );
        assert!(
            HttpTransport::with_bearer(client, &token.into(), Timeouts::default()).is_err(),
            "{token:?}"
        );
    }
}
