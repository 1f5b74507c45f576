//! Servers with which no TLS connection comes about: nothing was sent, and the reason is named.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use repass_transport::{
    BaseUrl, Cause, HttpClient, Idempotency, Method, OneShotClient, PooledClient, Proxy, Request, Response,
    Route, SecretBody, SideEffect, TransportError, TrustedRoots,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    trusted: String,
}

fn authority() -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params, KeyPair::generate().unwrap())
}

/// A server's certificate, issued by an authority as it should be.
fn issued() -> Identity {
    let (params, key) = authority();
    let certificate = params.self_signed(&key).unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let server_key = KeyPair::generate().unwrap();
    let signed = server.signed_by(&server_key, &Issuer::new(params, key)).unwrap();
    Identity {
        chain: vec![signed.der().clone()],
        key: server_key,
        trusted: certificate.pem(),
    }
}

/// An authority's own certificate, used as the server's, as `openssl req -x509` makes them.
fn self_signed_authority() -> Identity {
    let (params, key) = authority();
    let certificate = params.self_signed(&key).unwrap();
    Identity {
        chain: vec![certificate.der().clone()],
        key,
        trusted: certificate.pem(),
    }
}

fn config(
    identity: &Identity,
    version: &'static SupportedProtocolVersion,
    asks_for_a_certificate: bool,
) -> Arc<ServerConfig> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap();
    let builder = if asks_for_a_certificate {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(identity.chain.clone());
        let (params, key) = authority();
        roots
            .add(params.self_signed(&key).unwrap().der().clone())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
        builder.with_client_cert_verifier(verifier.unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivatePkcs8KeyDer::from(identity.key.serialize_der()).into();
    let config = builder.with_single_cert(identity.chain.clone(), key);
    Arc::new(config.unwrap())
}

/// A server that takes one connection, and how much of a request it has read.
fn serve(then: impl FnOnce(TcpStream) -> String + Send + 'static) -> (BaseUrl, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let serving = std::thread::spawn(move || then(listener.accept().unwrap().0));
    (base_url, serving)
}

fn tls(config: Arc<ServerConfig>) -> impl FnOnce(TcpStream) -> String + Send + 'static {
    tls_answering(config, b"")
}

fn tls_answering(
    config: Arc<ServerConfig>,
    answer: &'static [u8],
) -> impl FnOnce(TcpStream) -> String + Send + 'static {
    move |socket| {
        let tls = ServerConnection::new(config).unwrap();
        let mut stream = rustls::StreamOwned::new(tls, socket);
        let mut seen = Vec::new();
        let mut buffer = [0; 1024];
        while !seen.windows(5).any(|window| window == b"\"end\"") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => seen.extend_from_slice(&buffer[..read]),
            }
        }
        if !answer.is_empty() {
            stream.write_all(answer).unwrap();
            stream.flush().unwrap();
            // Until the client has read it and closed.
            let _ = stream.read(&mut buffer);
        }
        String::from_utf8(seen).unwrap()
    }
}

/// A proxy for one connection, and what it saw: the head that asks for the tunnel, and the first bytes inside.
fn proxy(answer: &'static str) -> (Proxy, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let serving = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0; 1];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        client.write_all(answer.as_bytes()).unwrap();
        if !answer.starts_with("HTTP/1.1 200") {
            return (head, Vec::new());
        }
        let target = head.split(' ').nth(1).unwrap();
        let mut server = TcpStream::connect(target).unwrap();
        let (mut back, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let copying = std::thread::spawn(move || {
            let _ = std::io::copy(&mut back, &mut to_client);
            let _ = to_client.shutdown(std::net::Shutdown::Both);
        });
        let mut sent = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            sent.extend_from_slice(&buffer[..read]);
            if server.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(std::net::Shutdown::Both);
        copying.join().unwrap();
        (head, sent)
    });
    (proxy, serving)
}

fn says(bytes: &'static [u8]) -> impl FnOnce(TcpStream) -> String + Send + 'static {
    move |mut socket| {
        let mut hello = [0; 5];
        socket.read_exact(&mut hello).unwrap();
        socket.write_all(bytes).unwrap();
        // Until the client has read it and closed.
        let _ = socket.read_to_end(&mut Vec::new());
        String::new()
    }
}

fn roots(identity: &Identity) -> TrustedRoots {
    TrustedRoots::default()
        .with_pem(identity.trusted.as_bytes())
        .unwrap()
}

async fn attempt(client: impl HttpClient) -> Result<Response, TransportError> {
    attempt_by(&client).await
}

async fn attempt_by(client: &dyn HttpClient) -> Result<Response, TransportError> {
    let request = Request::new("test", Method::PUT, Idempotency::NonIdempotent)
        .segment("users")
        .body(SecretBody::json(&"end"));
    client.attempt(&request, None, Duration::from_secs(10)).await
}

#[tokio::test]
async fn proxy_tunnels_tls_and_sees_only_ciphertext() {
    for one_shot in [false, true] {
        let identity = issued();
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        let (base_url, serving) = serve(tls_answering(config(&identity, &TLS13, false), answer));
        let (proxy, proxying) = proxy("HTTP/1.1 200 Connection established\r\n\r\n");
        let (host, route) = (base_url.host().to_owned(), Route::by(proxy));
        let answer = if one_shot {
            attempt(OneShotClient::new(base_url, roots(&identity), CONNECT).over(route)).await
        } else {
            attempt(PooledClient::new(base_url, roots(&identity), CONNECT).over(route)).await
        };
        assert_eq!(answer.unwrap().status().as_u16(), 204);
        assert!(
            serving.join().unwrap().contains("PUT /users HTTP/1.1"),
            "the path is relative"
        );
        let (head, sent) = proxying.join().unwrap();
        assert!(
            head.starts_with(&format!("CONNECT {host} HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
        let in_clear = [&b"\"end\""[..], b"PUT", b"users"];
        assert!(sent.starts_with(b"\x16\x03"), "a TLS handshake");
        assert!(
            in_clear
                .iter()
                .all(|text| !sent.windows(text.len()).any(|window| window == *text))
        );
    }
}

#[tokio::test]
async fn proxy_certificate_is_not_accepted_for_the_provider() {
    let (identity, strangers) = (issued(), issued());
    let (base_url, serving) = serve(tls(config(&identity, &TLS13, false)));
    let (proxy, proxying) = proxy("HTTP/1.1 200 OK\r\n\r\n");
    let client = PooledClient::new(base_url, roots(&strangers), CONNECT).over(Route::by(proxy));
    let failure = attempt(client).await.unwrap_err();
    assert_eq!((failure.cause(), failure.acted()), (Cause::Tls, SideEffect::None));
    serving.join().unwrap();
    proxying.join().unwrap();
}

#[tokio::test]
async fn proxy_failure_is_reported_as_the_proxys() {
    let base_url: BaseUrl = "https://provider.example.com".parse().unwrap();
    let wires = |route: &Route| -> [Box<dyn HttpClient>; 2] {
        let (one, other) = (base_url.clone(), base_url.clone());
        [
            Box::new(PooledClient::new(one, roots(&issued()), CONNECT).over(route.clone())),
            Box::new(OneShotClient::new(other, roots(&issued()), CONNECT).over(route.clone())),
        ]
    };
    for (answer, cause, part) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            Cause::Misconfigured,
            "asks for credentials",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            Cause::Unreachable,
            "refuses to connect to provider.example.com",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            Cause::Unreachable,
            "refuses to connect to provider.example.com",
        ),
        ("", Cause::Unreachable, "does not answer as a proxy does"),
    ] {
        for nth in [0, 1] {
            let (proxy, proxying) = proxy(answer);
            let host = proxy.host().to_owned();
            let client = wires(&Route::by(proxy)).into_iter().nth(nth).unwrap();
            let failure = attempt_by(&*client).await.unwrap_err();
            assert_eq!(
                (failure.cause(), failure.acted()),
                (cause, SideEffect::None),
                "{failure}"
            );
            let message = failure.to_string();
            assert!(
                message.contains(part) && message.contains(&format!("the proxy {host}")),
                "{message}"
            );
            proxying.join().unwrap();
        }
    }
    // No one listens at port 1.
    let closed: Proxy = "http://127.0.0.1:1".parse().unwrap();
    for client in wires(&Route::by(closed)) {
        let failure = attempt_by(&*client).await.unwrap_err();
        let message = failure.to_string();
        assert_eq!(
            message,
            "cannot connect to the proxy 127.0.0.1:1: connection refused"
        );
    }
    let loopback: BaseUrl = "http://127.0.0.1:1".parse().unwrap();
    let route = Route::by("http://127.0.0.1:1".parse().unwrap());
    let failure = attempt(PooledClient::new(loopback, TrustedRoots::default(), CONNECT).over(route)).await;
    assert!(failure.unwrap_err().to_string().contains("https only"));
}

#[tokio::test]
async fn route_hint_is_appended_to_a_connection_failure() {
    let base_url: BaseUrl = "https://127.0.0.1:1".parse().unwrap();
    let route = || Route::default().hinting("HTTPS_PROXY is set");
    let one = attempt(PooledClient::new(base_url.clone(), roots(&issued()), CONNECT).over(route())).await;
    let other = attempt(OneShotClient::new(base_url, roots(&issued()), CONNECT).over(route())).await;
    for failure in [one, other] {
        let message = failure.unwrap_err().to_string();
        assert_eq!(
            message,
            "cannot connect to 127.0.0.1:1: connection refused; HTTPS_PROXY is set"
        );
    }
}

const CONNECT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn tls_missing_client_certificate_is_not_sent() {
    for version in [&TLS13, &TLS12] {
        // Several rounds: the alert may come before or after the request has left.
        for _ in 0..8 {
            let identity = issued();
            let (base_url, serving) = serve(tls(config(&identity, version, true)));
            let failure = attempt(PooledClient::new(base_url, roots(&identity), CONNECT))
                .await
                .unwrap_err();
            let seen = (failure.cause(), failure.acted());
            assert_eq!(seen, (Cause::Tls, SideEffect::None), "{failure}");
            assert!(failure.to_string().contains("client certificate"), "{failure}");
            assert_eq!(serving.join().unwrap(), "");
        }
    }
    let identity = issued();
    let (base_url, serving) = serve(tls(config(&identity, &TLS12, true)));
    let failure = attempt(OneShotClient::new(base_url, roots(&identity), CONNECT))
        .await
        .unwrap_err();
    assert!(failure.to_string().contains("client certificate"), "{failure}");
    assert_eq!(failure.cause(), Cause::Tls);
    serving.join().unwrap();
}

#[tokio::test]
async fn tls_close_after_the_request_may_have_acted() {
    for version in [&TLS13, &TLS12] {
        let identity = issued();
        let (base_url, serving) = serve(tls(config(&identity, version, false)));
        let failure = attempt(PooledClient::new(base_url, roots(&identity), CONNECT))
            .await
            .unwrap_err();
        let seen = (failure.cause(), failure.acted());
        assert_eq!(seen, (Cause::ConnectionLost, SideEffect::Possible), "{failure}");
        assert!(serving.join().unwrap().contains("\"end\""));
    }
}

#[tokio::test]
async fn tls_record_without_data_leaves_a_kept_connection_usable() {
    let identity = issued();
    let server = ServerConnection::new(config(&identity, &TLS13, false)).unwrap();
    let (answered, answering) = std::sync::mpsc::channel();
    let (rekeyed, rekeying) = tokio::sync::oneshot::channel();
    // It takes no second connection.
    let (base_url, serving) = serve(move |socket| {
        let mut stream = rustls::StreamOwned::new(server, socket);
        let mut buffer = [0; 1024];
        let mut answer = |stream: &mut rustls::StreamOwned<_, _>| {
            let mut seen = Vec::new();
            while !seen.windows(5).any(|window| window == b"\"end\"") {
                let read @ 1.. = stream.read(&mut buffer).unwrap() else {
                    panic!("the client has closed");
                };
                seen.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        };
        answer(&mut stream);
        // Not in the same segment.
        answering.recv().unwrap();
        stream.conn.refresh_traffic_keys().unwrap();
        stream.flush().unwrap();
        rekeyed.send(()).unwrap();
        answer(&mut stream);
        String::new()
    });
    let client = PooledClient::new(base_url, roots(&identity), Duration::from_secs(10));
    assert!(attempt_by(&client).await.is_ok());
    answered.send(()).unwrap();
    rekeying.await.unwrap();
    // Until the runtime has looked at its sockets.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let next = attempt_by(&client).await;
    assert_eq!(next.unwrap().status(), 204);
    serving.join().unwrap();
}

#[tokio::test]
async fn tls_ca_certificate_used_by_a_server_is_explained() {
    let identity = self_signed_authority();
    for trusted in [roots(&identity), roots(&issued())] {
        let (base_url, serving) = serve(tls(config(&identity, &TLS13, false)));
        let failure = attempt(PooledClient::new(base_url, trusted, CONNECT))
            .await
            .unwrap_err();
        assert_eq!((failure.cause(), failure.acted()), (Cause::Tls, SideEffect::None));
        assert!(failure.to_string().contains("CA:TRUE"), "{failure}");
        serving.join().unwrap();
    }
}

#[tokio::test]
async fn tls_missing_or_outdated_version_is_explained() {
    // A ServerHello of TLS 1.1 with one of its cipher suites, and no extensions.
    const TLS11: &[u8] = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\xc0\x13\x00";
    for (bytes, part) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], "TLS 1.1 or older"),
        (TLS11, "TLS 1.1 or older"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "client certificate"),
        (b"\x15\x03\x03\x00\x02\x02\x70", "host name"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak TLS"),
    ] {
        let (base_url, serving) = serve(says(bytes));
        let failure = attempt(PooledClient::new(base_url, TrustedRoots::default(), CONNECT))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.cause(), failure.acted()),
            (Cause::Tls, SideEffect::None),
            "{failure}"
        );
        assert!(failure.to_string().contains(part), "{failure}");
        serving.join().unwrap();
    }
}
