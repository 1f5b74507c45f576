//! One attempt over HTTP: the only place that talks to reqwest.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Response};

use crate::fuse::{Fuse, FusedBody};
use crate::{Answer, BaseUrl, Cause, Failure, Request, TrustedRoots};

/// Sends a request once. The seam at which a test or simulation can put its own network.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Wire: fmt::Debug + Send + Sync + 'static {
    /// Sends once and reads the answer, within `limit`. A body that is cut is still an answer.
    ///
    /// # Errors
    /// Says whether anything may have been sent.
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Answer, Failure>;
}

/// HTTP/1.1 over reqwest and rustls: no redirects, no cookies, no implicit proxy, no retries.
#[derive(Debug)]
pub struct HttpWire {
    base_url: BaseUrl,
    roots: TrustedRoots,
    connect_timeout: Duration,
    client: OnceLock<Result<Client, String>>,
    keeps_connections: bool,
}

impl HttpWire {
    /// A client for one base URL. It is built at the first request, so this costs nothing.
    pub fn new(base_url: BaseUrl, roots: TrustedRoots, connect_timeout: Duration) -> Self {
        Self {
            base_url,
            roots,
            connect_timeout,
            client: OnceLock::new(),
            keeps_connections: true,
        }
    }

    /// The same with a client of its own for each request, gone with its answer: a kept connection
    /// keeps a copy of the credentials that went over it.
    pub fn without_reuse(mut self) -> Self {
        self.keeps_connections = false;
        self
    }

    fn client(&self) -> Result<&Client, Failure> {
        let client = self.client.get_or_init(|| self.build());
        client
            .as_ref()
            .map_err(|why| Failure::not_sent(Cause::Tls, why.clone()))
    }

    fn build(&self) -> Result<Client, String> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that builds a client"
        )]
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(self.connect_timeout)
            // Shorter than servers keep idle connections, so that few are closed under a request.
            .pool_idle_timeout(Duration::from_secs(15))
            .user_agent(concat!("repass/", env!("CARGO_PKG_VERSION")))
            .https_only(self.base_url.is_https());
        // A plain client needs no roots, and reading the system's store takes its time.
        let tls = if self.base_url.is_https() {
            self.roots.client_config()?
        } else {
            TrustedRoots::none()?
        };
        builder = builder.tls_backend_preconfigured(tls);
        builder
            .build()
            .map_err(|_| "the HTTP client cannot be set up".to_owned())
    }

    fn describe(&self, error: &reqwest::Error) -> (Cause, String) {
        let host = self.base_url.host();
        if let Some(tls) = find::<rustls::Error>(error) {
            return (
                Cause::Tls,
                format!("no trusted connection to {host}: {}", explain_tls(tls)),
            );
        }
        // Before the time-out: a connection attempt that times out is both.
        if error.is_connect() {
            let why = if error.is_timeout() {
                "no answer in time"
            } else {
                match find::<io::Error>(error).map(io::Error::kind) {
                    Some(io::ErrorKind::ConnectionRefused) => "connection refused",
                    Some(io::ErrorKind::TimedOut) => "no answer in time",
                    Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                        "no route to it"
                    }
                    Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                        "it closed the connection while connecting"
                    }
                    _ => "its name was not found or the connection failed",
                }
            };
            return (Cause::Unreachable, format!("cannot connect to {host}: {why}"));
        }
        if error.is_timeout() {
            return (Cause::TimedOut, format!("{host} did not answer in time"));
        }
        if error.is_builder() {
            return (Cause::InvalidRequest, "the request could not be built".to_owned());
        }
        (
            Cause::ConnectionLost,
            format!("the connection to {host} broke before its answer"),
        )
    }
}

#[async_trait]
impl Wire for HttpWire {
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let fuse = Fuse::default();
        let url = format!("{}{}", self.base_url, request.path());
        let mut builder = self
            .client()?
            .request(request.method().clone(), url)
            .timeout(limit);
        if let Some(authorization) = &authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        let has_body = request.secret_body().is_some();
        if let Some(body) = request.secret_body() {
            builder = builder
                .header(CONTENT_TYPE, body.content_type())
                .body(reqwest::Body::wrap(FusedBody::new(body.bytes(), fuse.clone())));
        }
        let response = builder.send().await.map_err(|error| {
            let (cause, message) = self.describe(&error);
            let unsent = error.is_connect() || error.is_builder() || (has_body && fuse.blown_at().is_none());
            if unsent {
                Failure::not_sent(cause, message)
            } else {
                Failure::lost(cause, message)
            }
        })?;
        Ok(read(response, authorization.as_ref())
            .await
            .leaving(fuse.blown_at()))
    }
}

// The head is here, so from now on there is an answer, whole or cut.
async fn read(mut response: Response, authorization: Option<&HeaderValue>) -> Answer {
    let head = Answer::new(response.status()).with_headers(std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    let complete = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > Answer::MAX_BODY => break false,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let answer = head.with_body(without_token(body.freeze(), authorization));
    if complete { answer } else { answer.cut() }
}

// A peer that echoes the token must not carry it into an error's text.
fn without_token(body: Bytes, authorization: Option<&HeaderValue>) -> Bytes {
    let header = authorization.map_or(&[][..], HeaderValue::as_bytes);
    let token = header.split(|byte| *byte == b' ').next_back().unwrap_or_default();
    if token.is_empty() || !body.windows(token.len()).any(|window| window == token) {
        return body;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(token) {
            clean.extend_from_slice(b"[token]");
            rest = after;
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    clean.into()
}

fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io::Error's source skips the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn explain_tls(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Bad, Error};
    match error {
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "its certificate is signed by an unknown authority; if it is yours, set `tls.ca_file`".to_owned()
        }
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "its certificate has expired; renew it there".to_owned()
        }
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another name; check the base URL".to_owned()
        }
        Error::InvalidCertificate(_) => "its certificate is not valid".to_owned(),
        Error::InvalidMessage(_) => "it does not speak TLS; check the port in the base URL".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    }
}
