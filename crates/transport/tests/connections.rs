//! When a connection is kept and when it is closed, as the peer sees it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use repass_transport::{
    BaseUrl, Credentials, HttpTransport, Idempotency, Method, PooledClient, Request, Response, SecretBody,
    StatusCode, Timeouts, Transport as _, TransportError, TrustedRoots,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A listener that leaves it to the test to accept, read and answer.
struct Peer {
    listener: TcpListener,
    transport: HttpTransport,
}

async fn peer() -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url: BaseUrl = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let client = PooledClient::new(base_url, TrustedRoots::default(), Duration::from_secs(5));
    Peer {
        listener,
        transport: HttpTransport::new(client, Credentials::None, Timeouts::default()),
    }
}

fn request() -> Request {
    Request::new("test", Method::PUT, Idempotency::NonIdempotent)
        .segment("users")
        .body(SecretBody::json(&"end"))
        .budget(Duration::from_secs(20))
}

impl Peer {
    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// Sends a request while the peer answers it on this connection.
    async fn exchange(&self, socket: &mut TcpStream, answer: &str) -> Result<Response, TransportError> {
        let request = request();
        let (result, ()) = tokio::join!(self.transport.deliver(&request), serve(socket, answer));
        result
    }

    /// The first request, on the connection that it makes.
    async fn first(&self, answer: &str) -> (Result<Response, TransportError>, TcpStream) {
        let request = request();
        let serving = async {
            let mut socket = self.accept().await;
            serve(&mut socket, answer).await;
            socket
        };
        tokio::join!(self.transport.deliver(&request), serving)
    }
}

async fn serve(socket: &mut TcpStream, answer: &str) {
    read_request(socket).await;
    socket.write_all(answer.as_bytes()).await.unwrap();
}

async fn read_request(socket: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.windows(5).any(|window| window == b"\"end\"") || !seen.ends_with(b" ") {
        assert_ne!(
            socket.read_buf(&mut seen).await.unwrap(),
            0,
            "the client has closed"
        );
    }
}

/// Whether the client has closed it, with nothing more to say.
async fn is_closed(socket: &mut TcpStream) -> bool {
    let mut rest = [0; 1];
    matches!(
        tokio::time::timeout(Duration::from_secs(5), socket.read(&mut rest)).await,
        Ok(Ok(0) | Err(_))
    )
}

const APPLIED: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test]
async fn connection_is_reused_after_a_success() {
    let peer = peer().await;
    let (first, mut socket) = peer.first(APPLIED).await;
    assert_eq!(first.unwrap().status(), StatusCode::NO_CONTENT);
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        APPLIED,
    ] {
        let next = peer.exchange(&mut socket, answer).await.unwrap();
        assert!(next.is_complete() && next.status().is_success(), "{answer}");
    }
}

#[tokio::test]
async fn connection_is_closed_after_a_failure() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
    ] {
        let peer = peer().await;
        let (first, mut socket) = peer.first(answer).await;
        assert!(first.is_ok(), "{answer}");
        assert!(is_closed(&mut socket).await, "{answer}");
    }
}

#[tokio::test]
async fn connection_with_ambiguous_framing_is_closed() {
    for answer in [
        "HTTP/1.1 204 No Content\r\ncontent-length: 27\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nkeep-alive: timeout=1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
    ] {
        let peer = peer().await;
        let (first, mut socket) = peer.first(answer).await;
        assert_eq!(first.unwrap().status(), StatusCode::NO_CONTENT, "{answer}");
        assert!(is_closed(&mut socket).await, "{answer}");
    }
}

#[tokio::test]
async fn connection_of_a_peer_that_closes_early_is_not_reused() {
    let peer = peer().await;
    let (first, mut socket) = peer.first(APPLIED).await;
    first.unwrap();
    socket.shutdown().await.unwrap();
    // The close is seen before the second request, and remembered after it.
    let (second, mut socket) = peer.first(APPLIED).await;
    second.unwrap();
    assert!(is_closed(&mut socket).await);
}

#[tokio::test]
async fn connection_closed_by_its_peer_is_not_reused() {
    let peer = peer().await;
    let (first, mut socket) = peer.first(APPLIED).await;
    first.unwrap();
    socket.shutdown().await.unwrap();
    drop(socket);
    let (second, _socket) = peer.first(APPLIED).await;
    assert_eq!(second.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn connection_with_unsolicited_bytes_is_not_reused() {
    let peer = peer().await;
    let (first, mut socket) = peer.first(APPLIED).await;
    first.unwrap();
    // Taken for the answer, it would be a lie about the next request.
    socket.write_all(APPLIED.as_bytes()).await.unwrap();
    let (second, _socket) = peer
        .first("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(second.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn connection_is_closed_when_its_call_is_dropped() {
    let peer = peer().await;
    let transport = peer.transport;
    let call: JoinHandle<_> = tokio::spawn(async move {
        let request = request();
        let _ = transport.deliver(&request).await;
    });
    let mut socket = peer.listener.accept().await.unwrap().0;
    read_request(&mut socket).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert!(is_closed(&mut socket).await);
}

#[tokio::test]
async fn connection_is_not_shared_by_concurrent_calls() {
    let peer = peer().await;
    let (one, other) = (request(), request());
    let serving = async {
        // Neither is answered before both have come.
        let (mut first, mut second) = (peer.accept().await, peer.accept().await);
        tokio::join!(serve(&mut first, APPLIED), serve(&mut second, APPLIED));
    };
    let (one, other, ()) = tokio::join!(
        peer.transport.deliver(&one),
        peer.transport.deliver(&other),
        serving
    );
    assert!(one.unwrap().status().is_success() && other.unwrap().status().is_success());
}
