//! What is asked of a server, and how its answers are read, by the client of passwords and that of tokens.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use repass_transport::{
    BaseUrl, Cause, HttpClient, Idempotency, Json, Method, OneShotClient, PooledClient, Request, Response,
    SecretBody, SideEffect, TransportError, TrustedRoots,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SECOND: Duration = Duration::from_secs(1);

fn wires(base_url: &BaseUrl) -> [Box<dyn HttpClient>; 2] {
    let roots = TrustedRoots::default;
    [
        Box::new(PooledClient::new(base_url.clone(), roots(), 5 * SECOND)),
        Box::new(OneShotClient::new(base_url.clone(), roots(), 5 * SECOND)),
    ]
}

/// What each client makes of these bytes, and what it had asked.
async fn exchange(answer: &[u8]) -> Vec<(Result<Response, TransportError>, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url: BaseUrl = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let mut exchanges = Vec::new();
    for client in wires(&base_url) {
        let serving = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.windows(5).any(|window| window == b"\"end\"") {
                assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0);
            }
            socket.write_all(answer).await.unwrap();
            socket.shutdown().await.unwrap();
            // Until the client has closed, so that nothing is lost to a reset.
            while matches!(socket.read_buf(&mut seen).await, Ok(1..)) {}
            String::from_utf8(seen).unwrap()
        };
        let request = Request::new("test", Method::PUT, Idempotency::NonIdempotent)
            .segment("users")
            .body(SecretBody::json(&"end"));
        let call = async {
            let result = client.attempt(&request, None, 10 * SECOND).await;
            drop(client);
            result
        };
        exchanges.push(tokio::join!(call, serving));
    }
    exchanges
}

async fn answers(answer: &[u8]) -> Vec<Result<Response, TransportError>> {
    let exchanges = exchange(answer).await;
    exchanges.into_iter().map(|(result, _)| result).collect()
}

#[tokio::test]
async fn request_accepts_json_without_encoding() {
    for (_, request) in exchange(b"HTTP/1.1 204 No Content\r\n\r\n").await {
        let head = request.to_ascii_lowercase();
        assert!(head.contains("\r\naccept: application/json\r\n"), "{request}");
        assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{request}");
        assert_eq!(head.matches("accept").count(), 2, "{request}");
    }
}

#[tokio::test]
async fn response_with_malformed_headers_is_read_leniently() {
    let many: String = "Via: 1.1 a\r\n".repeat(200);
    for header in [
        "Set-Cookie: ___utmvaX=dmo\x01OZPF; path=/\r\n",
        "X-Trace: a\x7fb\r\n",
        "X-Name: caf\u{e9}\r\n",
        "Content-Security-Policy: a\r\n\tb\r\n",
        "Content-Security-Policy: a;\r\n   b;\r\n \r\n c\r\n",
        "X-Folded:\r\n value\r\n",
        "X Powered By: x\r\n",
        "Server : x\r\n",
        "Server\t: x\r\n",
        "no colon at all\r\n",
        ": no name\r\n",
        "X-Empty:\r\n",
        "(c): x\r\n",
        &many,
    ] {
        for (status, body) in [("200 OK", r#"{"succeeded":true}"#), ("200", r#"{"code":300}"#)] {
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\n{header}Content-Length : {length}\r\n\r\n{body}");
            for result in answers(head.as_bytes()).await {
                let answer = result.unwrap_or_else(|failure| panic!("{header:?}: {failure}"));
                assert!(answer.is_complete(), "{header:?}");
                assert_eq!(answer.body(), body.as_bytes(), "{header:?}");
            }
        }
    }
    let folded = b"HTTP/1.1 204 No Content\r\nRetry-After:\r\n 60\r\n\r\n";
    for result in answers(folded).await {
        assert_eq!(result.unwrap().header("retry-after").map(str::trim), Some("60"));
    }
}

#[tokio::test]
async fn response_that_is_not_http_is_reported_as_unreadable() {
    for bytes in [
        "garbage\r\n\r\n",
        "<html>busy</html>\r\n\r\n",
        "HTTP/1.1 2xx OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nX-Bad: a\0b\r\n\r\n",
    ] {
        for result in answers(bytes.as_bytes()).await {
            let failure = result.expect_err(bytes);
            let seen = (failure.cause(), failure.acted());
            assert_eq!(seen, (Cause::UnreadableAnswer, SideEffect::Possible), "{bytes:?}");
            assert!(
                failure.to_string().contains("its answer is not readable HTTP"),
                "{failure}"
            );
        }
    }
}

#[tokio::test]
async fn response_with_unrequested_compression_is_decoded() {
    // `{"succeeded":true,"errors":[]}` by gzip.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xab\x56\x2a\x2e\x4d\x4e\x4e\x4d\x4d\x49\x4d\x51\xb2\x2a\x29\x2a\x4d\xd5\x51\x4a\x2d\x2a\xca\x2f\x2a\x56\xb2\x8a\x8e\xad\x05\x00";
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n".to_vec();
    answer.extend_from_slice(gzip);
    for result in answers(&answer).await {
        let response = result.unwrap();
        let json = response.json().unwrap();
        let succeeded = json.get("succeeded").and_then(Json::as_bool);
        assert_eq!((succeeded, json.members().len()), (Some(true), 2));
    }
    let brotli = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\n\x0b\x0f\x80";
    for result in answers(brotli).await {
        let answer = result.unwrap();
        assert!(!answer.is_complete() && answer.body().is_empty());
    }
}
