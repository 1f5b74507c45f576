//! Cut connections: at every point, in every way, over both versions of HTTP, plain and TLS.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use repass_sandbox::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Fault, Options, Provider, Sandbox, Timing,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{ALICE, ALICE_PASSWORD, TOKEN, post_json, request, start, tls, zoom_reset};

const NEW: &str = "Brand-New-42";

fn cut(when: Timing, at: CutPoint, how: CutKind) -> Fault {
    Fault {
        action: Action {
            when,
            cut: Some(Cut { at, how }),
            ..Action::default()
        },
        ..Fault::default()
    }
}

fn raw_request() -> String {
    let body = format!(r#"{{"password":"{NEW}"}}"#);
    format!(
        "PUT /v2/users/{ALICE}/password HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What a plain client reads, and how it ends.
async fn raw(sandbox: &Sandbox) -> (String, io::Result<()>) {
    let mut socket = TcpStream::connect(sandbox.addr()).await.unwrap();
    socket.write_all(raw_request().as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let end = socket.read_to_end(&mut read).await;
    (String::from_utf8(read).unwrap(), end.map(drop))
}

#[tokio::test]
async fn response_is_cut_at_the_cut_point() {
    let sandbox = start(Options::default()).await;
    let respond = CannedResponse {
        status: 200,
        headers: [("x-own".to_owned(), "1".to_owned())].into(),
        body: "0123456789".to_owned(),
        pad_to: 0,
    };
    for when in [Timing::BeforeApply, Timing::AfterApply] {
        for (at, rest) in [
            (CutPoint::Answer, None),
            (CutPoint::StatusLine, Some("HTTP/1.1 20")),
            (CutPoint::Head, Some("\r\n\r\n")),
            (CutPoint::Body, Some("\r\n\r\n01234")),
        ] {
            sandbox.reset();
            let mut fault = cut(when, at, CutKind::Fin);
            fault.action.respond = Some(respond.clone());
            sandbox.inject(fault).unwrap();
            let (read, end) = raw(&sandbox).await;
            assert!(end.is_ok(), "{at} {end:?}");
            assert!(read.ends_with(rest.unwrap_or_default()), "{at} {read:?}");
            assert_eq!(read.is_empty(), rest.is_none(), "{at} {read:?}");
            assert_eq!(
                read.contains("x-own: 1"),
                matches!(at, CutPoint::Head | CutPoint::Body),
                "{read:?}"
            );
            assert_eq!(
                sandbox.changes(),
                usize::from(when == Timing::AfterApply),
                "{when} {at}"
            );
        }
    }
}

#[tokio::test]
async fn cut_response_never_looks_applied_before_the_change() {
    let sandbox = start(Options::default()).await;
    sandbox
        .inject(cut(Timing::AfterApply, CutPoint::Head, CutKind::Fin))
        .unwrap();
    let (read, _) = raw(&sandbox).await;
    assert!(
        read.starts_with("HTTP/1.1 204 ") && read.contains("x-zm-trackingid: "),
        "{read}"
    );
    assert!(sandbox.accepts(Provider::Zoom, ALICE, NEW));
    sandbox.reset();
    sandbox
        .inject(cut(Timing::BeforeApply, CutPoint::Head, CutKind::Fin))
        .unwrap();
    let (read, _) = raw(&sandbox).await;
    assert!(
        read.starts_with("HTTP/1.1 502 ") && read.ends_with("\r\n\r\n"),
        "{read}"
    );
    assert!(sandbox.accepts(Provider::Zoom, ALICE, ALICE_PASSWORD));
}

#[tokio::test]
async fn cut_kinds_close_or_reset_the_connection() {
    let sandbox = start(Options::default()).await;
    for at in [CutPoint::Answer, CutPoint::StatusLine, CutPoint::Head] {
        sandbox.inject(cut(Timing::AfterApply, at, CutKind::Rst)).unwrap();
        let (_, end) = raw(&sandbox).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "{at}");
        sandbox.inject(cut(Timing::AfterApply, at, CutKind::Fin)).unwrap();
        assert!(raw(&sandbox).await.1.is_ok(), "{at}");
    }
}

#[tokio::test]
async fn cut_in_the_request_prevents_the_change() {
    let sandbox = start(Options::default()).await;
    for at in [CutPoint::RequestHead, CutPoint::RequestBody] {
        sandbox
            .inject(cut(Timing::BeforeApply, at, CutKind::Fin))
            .unwrap();
        let mut socket = TcpStream::connect(sandbox.addr()).await.unwrap();
        let request = raw_request();
        // Half a body at most: it can only end because the sandbox does not wait for the rest.
        let sent = if at == CutPoint::RequestHead {
            request.find('{').unwrap()
        } else {
            request.len() - 5
        };
        socket.write_all(&request.as_bytes()[..sent]).await.unwrap();
        let mut read = Vec::new();
        socket.read_to_end(&mut read).await.unwrap();
        assert!(read.is_empty(), "{at} {read:?}");
    }
    assert_eq!(sandbox.changes(), 0);
    assert_eq!(sandbox.requests().routes[0].received, 2);
    assert!(sandbox.requests().routes[0].statuses.is_empty());
}

#[tokio::test]
async fn stalled_connection_stays_open_until_shutdown() {
    for tls_on in [false, true] {
        let sandbox = start(Options {
            tls: tls_on,
            ..Options::default()
        })
        .await;
        sandbox
            .inject(cut(Timing::AfterApply, CutPoint::Head, CutKind::Stall))
            .unwrap();
        let mut socket: Box<dyn Socket> = if tls_on {
            Box::new(tls(&sandbox, "localhost", b"http/1.1").await.unwrap())
        } else {
            Box::new(TcpStream::connect(sandbox.addr()).await.unwrap())
        };
        socket.write_all(raw_request().as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0);
        }
        assert_eq!(sandbox.changes(), 1);
        // It stays so: neither more bytes nor an end.
        assert!(
            timeout(Duration::from_millis(50), socket.read_buf(&mut read))
                .await
                .is_err()
        );
        sandbox.shutdown().await;
        let rest = socket.read_buf(&mut read).await;
        assert!(matches!(rest, Ok(0) | Err(_)), "{rest:?}");
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

async fn socket(sandbox: &Sandbox, tls_on: bool, http2: bool) -> TokioIo<Box<dyn Socket>> {
    let alpn: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
    TokioIo::new(if tls_on {
        Box::new(tls(sandbox, "localhost", alpn).await.unwrap())
    } else {
        Box::new(TcpStream::connect(sandbox.addr()).await.unwrap())
    })
}

fn reset_request(http2: bool) -> Request<Full<Bytes>> {
    let headers = [("content-type", "application/json")];
    let path = format!("/v2/users/{ALICE}/password");
    let path = if http2 {
        format!("http://localhost{path}")
    } else {
        path
    };
    let mut request = request(
        Method::PUT,
        &path,
        &headers,
        format!(r#"{{"password":"{NEW}"}}"#).as_bytes(),
    );
    if http2 {
        request.headers_mut().remove("host");
    }
    request
}

/// The status that a client sees, if it sees one, and whether it could read the body.
async fn seen(sandbox: &Sandbox, tls_on: bool, http2: bool) -> Result<(StatusCode, bool), hyper::Error> {
    let socket = socket(sandbox, tls_on, http2).await;
    let answer = if http2 {
        let (mut sender, driver) = hyper::client::conn::http2::handshake(TokioExecutor::new(), socket)
            .await
            .unwrap();
        tokio::spawn(driver);
        sender.send_request(reset_request(http2)).await?
    } else {
        let (mut sender, driver) = hyper::client::conn::http1::handshake(socket).await.unwrap();
        tokio::spawn(driver);
        sender.send_request(reset_request(http2)).await?
    };
    let status = answer.status();
    Ok((status, answer.into_body().collect().await.is_ok()))
}

#[tokio::test]
async fn cut_reaches_the_client_over_every_protocol() {
    for (tls_on, http2) in [(false, false), (false, true), (true, false), (true, true)] {
        let sandbox = start(Options {
            tls: tls_on,
            ..Options::default()
        })
        .await;
        for at in [
            CutPoint::Answer,
            CutPoint::StatusLine,
            CutPoint::Head,
            CutPoint::Body,
        ] {
            for how in [CutKind::Fin, CutKind::Rst] {
                for when in [Timing::BeforeApply, Timing::AfterApply] {
                    sandbox.reset();
                    let mut fault = cut(when, at, how);
                    let body = "x".repeat(1000);
                    fault.action.respond = Some(CannedResponse {
                        status: 418,
                        headers: [].into(),
                        body,
                        pad_to: 0,
                    });
                    sandbox.inject(fault).unwrap();
                    let shows_head = !http2 && matches!(at, CutPoint::Head | CutPoint::Body);
                    let row = format!("tls {tls_on}, http2 {http2}, {at}, {how}, {when}");
                    match seen(&sandbox, tls_on, http2).await {
                        Ok((status, body_is_whole)) => {
                            assert!(shows_head, "{row}");
                            assert_eq!((status.as_u16(), body_is_whole), (418, false), "{row}");
                        }
                        // After a reset, the head may be lost on its way as well.
                        Err(_) => assert!(how == CutKind::Rst || !shows_head, "{row}"),
                    }
                    assert_eq!(
                        sandbox.changes(),
                        usize::from(when == Timing::AfterApply),
                        "{row}"
                    );
                    // It struck once; the next request goes through.
                    let (status, _) = seen(&sandbox, tls_on, http2).await.unwrap();
                    let expected = if when == Timing::AfterApply { 400 } else { 204 };
                    assert_eq!(status, expected, "{row}");
                }
            }
        }
    }
}

#[tokio::test]
async fn refused_stream_resets_the_http2_stream() {
    let sandbox = start(Options::default()).await;
    let action = Action {
        refuse_stream: true,
        ..Action::default()
    };
    sandbox
        .inject(Fault {
            action,
            ..Fault::default()
        })
        .unwrap();
    let socket = socket(&sandbox, false, true).await;
    let (mut sender, driver) = hyper::client::conn::http2::handshake(TokioExecutor::new(), socket)
        .await
        .unwrap();
    tokio::spawn(driver);
    let error = sender.send_request(reset_request(true)).await.unwrap_err();
    let source = std::error::Error::source(&error)
        .unwrap()
        .downcast_ref::<h2::Error>()
        .unwrap();
    assert_eq!(source.reason(), Some(h2::Reason::REFUSED_STREAM));
    assert_eq!(sandbox.changes(), 0);
    // The connection lives on.
    assert_eq!(
        sender.send_request(reset_request(true)).await.unwrap().status(),
        204
    );
    assert_eq!(sandbox.requests().connections, 1);
}

#[tokio::test]
async fn connection_is_closed_on_accept() {
    let sandbox = start(Options::default()).await;
    sandbox.close_next_connections(2);
    for _ in 0..2 {
        let mut socket = TcpStream::connect(sandbox.addr()).await.unwrap();
        assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    }
    assert_eq!(sandbox.requests().total, 0);
    assert_eq!(zoom_reset(&sandbox, ALICE, NEW).await.status, 204);
    assert_eq!(sandbox.requests().connections, 3);
}

#[tokio::test]
async fn connections_are_refused_for_the_given_time() {
    let sandbox = start(Options::default()).await;
    let mut open = TcpStream::connect(sandbox.addr()).await.unwrap();
    while sandbox.requests().connections == 0 {
        tokio::task::yield_now().await;
    }
    sandbox.refuse_connections(true).await;
    for _ in 0..3 {
        let error = TcpStream::connect(sandbox.addr()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
    // What was open stays open.
    open.write_all(
        raw_request()
            .replace("host: x", "host: x\r\nconnection: close")
            .as_bytes(),
    )
    .await
    .unwrap();
    let mut read = String::new();
    open.read_to_string(&mut read).await.unwrap();
    assert!(read.starts_with("HTTP/1.1 204 "), "{read}");
    sandbox.refuse_connections(false).await;
    assert_eq!(zoom_reset(&sandbox, ALICE, "Brand-New-43").await.status, 204);

    post_json(
        &sandbox,
        "/_sandbox/connections",
        &serde_json::json!({"refuse_ms": 20}),
    )
    .await;
    while TcpStream::connect(sandbox.addr()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    while TcpStream::connect(sandbox.addr()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sandbox_that_refuses_connections_can_be_shut_down() {
    let sandbox = start(Options::default()).await;
    sandbox.refuse_connections(true).await;
    sandbox.shutdown().await;
}
