//! Starting, announcing, TLS, stopping.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use repass_sandbox::{Options, Provider, Sandbox, SeedError, SeededUser, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{ALICE, TOKEN, request, start, tls, zoom_reset};

#[tokio::test]
async fn startup_info_contains_everything_a_client_needs() {
    let sandbox = start(Options {
        users: 3,
        ..Options::default()
    })
    .await;
    let json = serde_json::to_value(sandbox.startup_info()).unwrap();
    let origin = format!("http://{}", sandbox.addr());
    assert_eq!(json["listen"], sandbox.addr().to_string());
    assert_eq!(json["zoom"]["base_url"], format!("{origin}/v2"));
    assert_eq!(json["zoom"]["base_url"], sandbox.zoom_base_url());
    assert_eq!(json["identity"]["base_url"], format!("{origin}/identity"));
    assert_eq!(json["identity"]["base_urls"].as_array().unwrap().len(), 4);
    assert_eq!(json["zoom"]["token_url"], sandbox.zoom_token_url());
    assert_eq!(json["identity"]["token_url"], sandbox.identity_token_url());
    assert_eq!(json["token"], TOKEN);
    assert_eq!(json["ledger_url"], format!("{origin}/_sandbox/ledger"));
    assert_eq!(json["numbered_users"]["count"], 3);
    assert_eq!(json.get("ca_pem"), None);
    let users = json["users"].as_array().unwrap();
    let known = users.iter().filter(|user| user.get("password").is_some());
    assert_eq!(known.clone().count(), 10);
    for user in known {
        let provider: Provider = user["provider"].as_str().unwrap().parse().unwrap();
        let [id, password] = ["id", "password"].map(|key| user[key].as_str().unwrap());
        assert!(sandbox.accepts(provider, id, password), "{user}");
    }
}

#[tokio::test]
async fn token_is_generated_when_none_is_configured() {
    let (one, other) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    assert_ne!(one.startup_info().token, other.startup_info().token);
    assert_ne!(one.startup_info().token, "");
}

#[tokio::test]
async fn seeded_user_exists_with_its_password() {
    let seeded = [
        "zoom:eve@example.com=a:b=c",
        "zoom:Alice@example.com=other",
        "identity:A11CE000000040008000000000000001=mine",
    ];
    let seeded = seeded.map(|text| text.parse().unwrap()).to_vec();
    let sandbox = start(Options {
        seeded,
        ..Options::default()
    })
    .await;
    assert!(sandbox.accepts(Provider::Zoom, "eve@example.com", "a:b=c"));
    assert!(sandbox.accepts(Provider::Zoom, ALICE, "other"));
    assert!(sandbox.accepts(Provider::Identity, crate::client::ALICE_GUID, "mine"));
    assert_eq!(
        zoom_reset(&sandbox, "eve@example.com", "Brand-New-42")
            .await
            .status,
        204
    );
}

#[test]
fn malformed_seed_is_rejected_without_quoting_the_password() {
    let rows = [
        ("hunter2", SeedError::Form),
        ("zoom:hunter2", SeedError::Form),
        ("zoom:=hunter2", SeedError::Form),
        ("zoom:eve=", SeedError::Form),
        ("other:eve=hunter2", SeedError::UnknownProvider),
    ];
    for (text, expected) in rows {
        let error = text.parse::<SeededUser>().unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("hunter2") && !format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn contradictory_options_and_taken_port_are_start_errors() {
    let seeded = vec!["identity:har-3107=x".parse().unwrap()];
    let error = Sandbox::start_with(Options {
        seeded,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, StartError::NotAGuid(id) if id == "har-3107"));
    let error = Sandbox::start_with(Options {
        users: 1_000_000,
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, StartError::TooManyUsers(1_000_000)));
    let sandbox = Sandbox::start().await.unwrap();
    let error = Sandbox::start_with(Options {
        listen: sandbox.addr(),
        ..Options::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, StartError::Listen(addr, _) if addr == sandbox.addr()));
}

#[tokio::test]
async fn tls_covers_every_local_name_over_http1_and_http2() {
    let sandbox = start(Options {
        tls: true,
        ..Options::default()
    })
    .await;
    assert!(sandbox.zoom_base_url().starts_with("https://127.0.0.1:"));
    let body = br#"{"password":"Brand-New-42"}"#;
    let path = "/v2/users/alice@example.com/password";
    let headers = [("content-type", "application/json")];
    for name in ["localhost", "127.0.0.1", "::1"] {
        let socket = TokioIo::new(tls(&sandbox, name, b"http/1.1").await.unwrap());
        let (mut sender, driver) = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(socket)
            .await
            .unwrap();
        tokio::spawn(driver);
        let answer = sender
            .send_request(request(Method::PUT, path, &headers, body))
            .await
            .unwrap();
        assert_eq!(answer.status(), if name == "localhost" { 204 } else { 400 });
    }
    let socket = TokioIo::new(tls(&sandbox, "localhost", b"h2").await.unwrap());
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), socket)
            .await
            .unwrap();
    tokio::spawn(driver);
    let mut put = request(
        Method::PUT,
        "https://localhost/v2/users/bob@example.com/password",
        &headers,
        body,
    );
    put.headers_mut().remove("host");
    assert_eq!(
        sender.send_request(put).await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(sandbox.changes(), 2);
}

#[tokio::test]
async fn expired_certificate_is_an_option() {
    let sandbox = start(Options {
        tls: true,
        tls_expired: true,
        ..Options::default()
    })
    .await;
    let error = tls(&sandbox, "localhost", b"http/1.1").await.unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[tokio::test]
async fn required_client_certificate_rejects_a_client_without_one() {
    let sandbox = start(Options {
        tls: true,
        ..Options::default()
    })
    .await;
    sandbox.require_client_certificates(true);
    // TLS 1.3: the client is done before it hears of it.
    let mut socket = tls(&sandbox, "localhost", b"http/1.1").await.unwrap();
    let _ = socket
        .write_all(b"PUT /v2/users/x/password HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let error = socket.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    assert_eq!(sandbox.requests().total, 0);
    sandbox.require_client_certificates(false);
    assert!(tls(&sandbox, "localhost", b"http/1.1").await.is_ok());
}

#[tokio::test]
async fn http2_works_without_tls() {
    let sandbox = start(Options::default()).await;
    let socket = TokioIo::new(TcpStream::connect(sandbox.addr()).await.unwrap());
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), socket)
            .await
            .unwrap();
    tokio::spawn(driver);
    let mut get = request(Method::GET, "http://sandbox/_sandbox/ledger", &[], b"");
    get.headers_mut().remove("host");
    let answer = sender.send_request(get).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(
        answer
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .starts_with(b"{\"changes\":")
    );
}

#[tokio::test]
async fn shutdown_lets_a_request_in_flight_finish_and_then_refuses() {
    let sandbox = start(Options::default()).await;
    let addr = sandbox.addr();
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let body = r#"{"password":"Brand-New-42"}"#;
    let head = format!(
        "PUT /v2/users/{ALICE}/password HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    while sandbox.requests().total == 0 {
        tokio::task::yield_now().await;
    }
    let stopped = tokio::spawn(sandbox.shutdown());
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    socket.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    stopped.await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_idle_connections() {
    let sandbox = start(Options::default()).await;
    let mut silent = TcpStream::connect(sandbox.addr()).await.unwrap();
    while sandbox.requests().connections == 0 {
        tokio::task::yield_now().await;
    }
    sandbox.shutdown().await;
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn dropped_sandbox_stops() {
    let sandbox = start(Options::default()).await;
    let addr = sandbox.addr();
    let mut open = TcpStream::connect(addr).await.unwrap();
    drop(sandbox);
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0);
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
