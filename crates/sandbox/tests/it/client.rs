//! The smallest client that says exactly what a test wants said: one connection for each request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use repass_sandbox::{Options, Sandbox};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const ALICE_GUID: &str = "a11ce000-0000-4000-8000-000000000001";
pub(crate) const ALICE_PASSWORD: &str = "Alice-Start-7";
pub(crate) const TOKEN: &str = "test-token";

/// An answer, read in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and message of a Zoom refusal.
    pub(crate) fn zoom_error(&self) -> (u16, u64, String) {
        let body = self.json();
        (
            self.status.as_u16(),
            body["code"].as_u64().unwrap(),
            body["message"].as_str().unwrap().to_owned(),
        )
    }

    /// Status, `succeeded` and the codes of a portal result.
    pub(crate) fn result(&self) -> (u16, bool, Vec<String>) {
        let body = self.json();
        let codes = body["errors"].as_array().unwrap();
        let codes = codes
            .iter()
            .map(|error| error["code"].as_str().unwrap().to_owned())
            .collect();
        (self.status.as_u16(), body["succeeded"].as_bool().unwrap(), codes)
    }
}

pub(crate) async fn start(options: Options) -> Sandbox {
    Sandbox::start_with(Options {
        token: Some(TOKEN.into()),
        ..options
    })
    .await
    .unwrap()
}

/// A request with the sandbox's token and these headers.
pub(crate) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Request<Full<Bytes>> {
    let mut request = bare_request(method, path, headers, body);
    let bearer = format!("Bearer {TOKEN}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    request
}

/// A request with these headers only.
pub(crate) fn bare_request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "sandbox");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}

pub(crate) async fn send(sandbox: &Sandbox, request: Request<Full<Bytes>>) -> Answer {
    let socket = TcpStream::connect(sandbox.addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(sender);
    driver.await.unwrap().unwrap();
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}

pub(crate) async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, bare_request(Method::GET, path, &[], b"")).await
}

pub(crate) async fn post_json(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    send(
        sandbox,
        request(Method::POST, path, &json, body.to_string().as_bytes()),
    )
    .await
}

pub(crate) async fn put_json(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    send(
        sandbox,
        request(Method::PUT, path, &json, body.to_string().as_bytes()),
    )
    .await
}

/// A Zoom reset in JSON.
pub(crate) async fn zoom_reset(sandbox: &Sandbox, user: &str, password: &str) -> Answer {
    let path = format!("/v2/users/{user}/password");
    put_json(sandbox, &path, &serde_json::json!({"password": password})).await
}

/// A portal change in JSON.
pub(crate) async fn identity_change(sandbox: &Sandbox, user: &str, old: &str, new: &str) -> Answer {
    let path = format!("/identity/api/User/{user}/changepassword");
    post_json(
        sandbox,
        &path,
        &serde_json::json!({"oldPassword": old, "newPassword": new}),
    )
    .await
}

/// A request with another token than the sandbox's own.
pub(crate) async fn send_as(sandbox: &Sandbox, token: &str, mut request: Request<Full<Bytes>>) -> Answer {
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    send(sandbox, request).await
}

/// A TLS connection under this name and application protocol, trusting the sandbox's authority only.
pub(crate) async fn tls(
    sandbox: &Sandbox,
    name: &'static str,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(sandbox.ca_pem().unwrap().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let socket = TcpStream::connect(sandbox.addr()).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name).unwrap(), socket)
        .await
}
