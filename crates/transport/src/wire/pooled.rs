//! Kept connections, for everything that carries a password.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::{Wire, echo, explain};
use crate::fuse::{Fuse, FusedBody};
use crate::{Answer, BaseUrl, Cause, Failure, Request, TrustedRoots};

type HttpClient = Client<HttpsConnector<HttpConnector>, FusedBody>;

/// HTTP/1.1 over hyper and rustls, with kept connections: no redirects, no cookies, no proxy, and
/// nothing is sent again. A connection whose answer is not a success is closed, because a body that
/// echoes what was sent stays in its buffers as long as it lives.
///
/// HTTP/1.1 only: over HTTP/2 small bodies are copied into the connection's buffers and stay there.
pub struct HttpWire {
    base_url: BaseUrl,
    roots: TrustedRoots,
    connect_timeout: Duration,
    ready: OnceLock<Result<Ready, String>>,
}

/// What is prepared once: the client, and the parts of every URL.
struct Ready {
    client: HttpClient,
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl HttpWire {
    /// A client for one base URL. It is built at the first request, so this costs nothing.
    pub fn new(base_url: BaseUrl, roots: TrustedRoots, connect_timeout: Duration) -> Self {
        Self {
            base_url,
            roots,
            connect_timeout,
            ready: OnceLock::new(),
        }
    }

    fn ready(&self) -> Result<&Ready, Failure> {
        let ready = self.ready.get_or_init(|| self.build());
        ready
            .as_ref()
            .map_err(|why| Failure::not_sent(Cause::Tls, why.clone()))
    }

    fn build(&self) -> Result<Ready, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.roots.client_config(&self.base_url)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            // Shorter than servers keep idle connections, so that few are closed under a request.
            .pool_idle_timeout(Duration::from_secs(15))
            .pool_timer(TokioTimer::new())
            // Whatever is sent again is sent by the one loop that says so.
            .retry_canceled_requests(false)
            .build(connector);
        let uri: Uri = self
            .base_url
            .as_str()
            .parse()
            .map_err(|_| "the base URL cannot be used")?;
        let parts = uri.into_parts();
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        Ok(Ready {
            client,
            scheme: parts.scheme.ok_or("the base URL has no scheme")?,
            authority: parts.authority.ok_or("the base URL has no host")?,
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl Ready {
    fn request(
        &self,
        request: &Request,
        authorization: Option<&HeaderValue>,
        fuse: &Fuse,
    ) -> Result<http::Request<FusedBody>, http::Error> {
        let path = Bytes::from([&self.prefix, request.path()].concat());
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(PathAndQuery::from_maybe_shared(path)?)
            .build()?;
        let mut head = http::Request::builder()
            .method(request.method().clone())
            .uri(uri)
            .header(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        if let Some(authorization) = authorization {
            head = head.header(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in request.headers() {
            head = head.header(name, value);
        }
        let bytes = match request.secret_body() {
            Some(body) => {
                head = head.header(CONTENT_TYPE, body.content_type());
                body.bytes()
            }
            None => Bytes::new(),
        };
        head.body(FusedBody::new(bytes, fuse.clone()))
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
        let deadline = Instant::now() + limit;
        let (fuse, ready, host) = (Fuse::default(), self.ready()?, self.base_url.host());
        let built = ready.request(request, authorization.as_ref(), &fuse);
        let mut built =
            built.map_err(|_| Failure::not_sent(Cause::InvalidRequest, "the request could not be built"))?;
        let connection = capture_connection(&mut built);
        let unsent = || request.has_body() && fuse.pull();
        let response = match timeout_at(deadline, ready.client.request(built)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failure(host, &error, unsent())),
            Err(_) => return Err(explain::out_of_time(host, unsent())),
        };
        // Before its body is read, for then the connection may be kept at once.
        if !response.status().is_success() {
            close(&connection);
        }
        let answer = read(response, authorization.as_ref(), deadline).await;
        Ok(answer.leaving(fuse.blown_at()))
    }
}

fn failure(host: &str, error: &Error, unsent: bool) -> Failure {
    let signs = explain::Signs {
        connecting: error.is_connect(),
        timed_out: false,
        unsent,
    };
    explain::failure(host, error, &signs)
}

fn close(connection: &CaptureConnection) {
    if let Some(connected) = connection.connection_metadata().as_ref() {
        connected.poison();
    }
}

// The head is here, so from now on there is an answer, whole or cut.
async fn read(
    response: Response<Incoming>,
    authorization: Option<&HeaderValue>,
    deadline: Instant,
) -> Answer {
    let (head, mut body) = response.into_parts();
    let headers = echo::headers_without_token(head.headers, authorization);
    let answer = Answer::new(head.status).with_headers(headers);
    if body.is_end_stream() {
        return answer;
    }
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    let complete = loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(chunk) = frame.into_data() else { continue };
                let length = first.len() + more.len();
                if length + chunk.len() > Answer::MAX_BODY {
                    // What was read of it already may tell what this is.
                    break false;
                }
                // Almost every answer is one chunk, which needs no copy.
                if length == 0 {
                    first = chunk;
                } else {
                    if more.is_empty() {
                        more.extend_from_slice(&first);
                        first = Bytes::new();
                    }
                    more.extend_from_slice(&chunk);
                }
            }
            Ok(Some(Err(_))) | Err(_) => break false,
            Ok(None) => break true,
        }
    };
    let bytes = if more.is_empty() { first } else { more.freeze() };
    let answer = answer.with_body(echo::without_token(bytes, authorization));
    if complete { answer } else { answer.cut() }
}

impl fmt::Debug for HttpWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWire")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
