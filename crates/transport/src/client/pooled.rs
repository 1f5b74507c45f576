//! Kept connections, for everything that carries a password.

use std::error::Error as StdError;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderMap, HeaderValue, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::pool::{Pool, idle_limit};
use super::route::{Connector, Route};
use super::{HttpClient, encoding, error_mapping};
use crate::send_tracker::{SendTracker, TrackedBody};
use crate::{AttemptOutcome, BaseUrl, Cause, Request, Response, TransportError, TrustedRoots};

/// An HTTP client that keeps connections, by HTTP/1.1 over hyper and rustls. No redirects, no cookies, no implicit
/// proxy, no retries. A connection is kept after a success only, because a body that echoes what was sent stays in
/// its buffers as long as it lives.
///
/// HTTP/1.1 only: over HTTP/2 small bodies are copied into the connection's buffers and stay there.
pub struct PooledClient {
    base_url: BaseUrl,
    roots: TrustedRoots,
    connect_timeout: Duration,
    route: Route,
    ready: OnceLock<Result<Ready, String>>,
}

/// What is prepared once: the way to a connection, those kept, and the parts of every request.
struct Ready {
    connector: Connector,
    pool: Pool,
    peer: Uri,
    // What every request has. A copy of them is much cheaper than adding them one by one.
    headers: HeaderMap,
    prefix: String,
}

impl PooledClient {
    /// Creates a client for one base URL. It is built at the first request, so this costs nothing.
    pub fn new(base_url: BaseUrl, roots: TrustedRoots, connect_timeout: Duration) -> Self {
        Self {
            base_url,
            roots,
            connect_timeout,
            route: Route::default(),
            ready: OnceLock::new(),
        }
    }

    /// Sets the route by which the base URL is reached, such as through a proxy.
    pub fn over(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    fn ready(&self) -> Result<&Ready, TransportError> {
        let ready = self.ready.get_or_init(|| self.build());
        ready
            .as_ref()
            .map_err(|why| TransportError::not_sent(Cause::Tls, why.clone()))
    }

    fn build(&self) -> Result<Ready, String> {
        if let Some(problem) = self.route.problem(&self.base_url) {
            return Err(problem);
        }
        let tls = self.roots.client_config(&self.base_url)?;
        let connector = self.route.connector(tls, self.connect_timeout);
        let unusable = || "the base URL cannot be used".to_owned();
        let peer: Uri = self.base_url.as_str().parse().map_err(|_| unusable())?;
        let host = HeaderValue::from_str(self.base_url.host()).map_err(|_| unusable())?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.append(HOST, host);
        headers.append(USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        headers.append(ACCEPT, HeaderValue::from_static(super::ACCEPT));
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static(super::ACCEPT_ENCODING));
        Ok(Ready {
            connector,
            pool: Pool::default(),
            headers,
            prefix: peer.path().trim_end_matches('/').to_owned(),
            peer,
        })
    }

    async fn connect(&self, ready: &Ready, deadline: Instant) -> Result<Connection, TransportError> {
        let host = self.base_url.host();
        if self.base_url.is_https() && timeout_at(deadline, self.roots.read_ahead()).await.is_err() {
            return Err(error_mapping::out_of_time(host, true));
        }
        let stream = ready.connector.connect(ready.peer.clone());
        let failed = |error: &(dyn StdError + 'static)| {
            let failure = error_mapping::failure(host, error, &error_mapping::CONNECTING);
            error_mapping::on_the_way(failure, &self.route, host, Some(error))
        };
        match timeout_at(deadline, stream).await {
            Ok(Ok(stream)) => {
                let connection = Connection::new(stream).await;
                connection.map_err(|error| failed(&*error))
            }
            Ok(Err(error)) => Err(failed(&*error)),
            Err(_) => Err(error_mapping::on_the_way(
                error_mapping::out_of_time(host, true),
                &self.route,
                host,
                None,
            )),
        }
    }
}

impl Ready {
    fn request(
        &self,
        request: &Request,
        authorization: Option<&HeaderValue>,
        tracker: &SendTracker,
    ) -> Result<http::Request<TrackedBody>, InvalidUri> {
        let slash = if self.prefix.is_empty() && !request.path().starts_with('/') {
            "/"
        } else {
            ""
        };
        let path = [slash, &self.prefix, request.path()].concat();
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path))?;
        // Not the builder, which moves all it has for each part.
        let mut headers = self.headers.clone();
        if let Some(authorization) = authorization {
            headers.append(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in request.headers() {
            headers.append(name.clone(), value.clone());
        }
        let mut bytes = Bytes::new();
        if let Some(body) = request.secret_body() {
            headers.append(CONTENT_TYPE, body.content_type_header().clone());
            bytes = body.bytes();
        }
        let mut built = http::Request::new(TrackedBody::new(bytes, tracker.clone()));
        *built.method_mut() = request.method().clone();
        *built.uri_mut() = path.into();
        *built.headers_mut() = headers;
        Ok(built)
    }
}

#[async_trait]
impl HttpClient for PooledClient {
    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<Response, TransportError> {
        let now = Instant::now();
        let deadline = now + limit;
        let (tracker, ready, host) = (SendTracker::default(), self.ready()?, self.base_url.host());
        let built = ready.request(request, authorization.as_ref(), &tracker);
        let built = built
            .map_err(|_| TransportError::not_sent(Cause::InvalidRequest, "the request could not be built"))?;
        let (mut connection, unused) = match ready.pool.take(now) {
            Some((kept, unused)) => (kept, Some(unused)),
            // In a box: connecting is rare, and its state is several times that of the rest.
            None => (Box::pin(self.connect(ready, deadline)).await?, None),
        };
        request.mark_sending();
        let unsent = || request.has_body() && tracker.first_polled_at().is_none();
        let response = match timeout_at(deadline, connection.send(built)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                if let Some(alert) = connection.refusal(&error) {
                    return Err(error_mapping::client_refused(host, alert));
                }
                if let Some(unused) = unused {
                    ready.pool.closed_early(unused);
                }
                let signs = error_mapping::Signs {
                    connecting: false,
                    timed_out: false,
                    unsent: unsent(),
                };
                return Err(error_mapping::failure(host, &error, &signs));
            }
            Err(_) => return Err(error_mapping::out_of_time(host, unsent())),
        };
        let limit = idle_limit(response.status(), response.headers());
        let response = if response.body().is_end_stream() {
            let (head, _) = response.into_parts();
            Response::new(head.status).with_headers(head.headers)
        } else {
            // In a box: most successes have no body.
            Box::pin(read(&mut connection, response, request, deadline)).await
        };
        // A provider can refuse, and echo, under a status of success.
        if request.read(&response) == AttemptOutcome::Done && response.is_complete() && !connection.is_over()
        {
            ready.pool.put(connection, limit);
        }
        Ok(response.leaving(tracker.first_polled_at()))
    }
}

// The head is here, so from now on there is a response, whole or cut.
async fn read(
    connection: &mut Connection,
    response: http::Response<Incoming>,
    request: &Request,
    deadline: Instant,
) -> Response {
    let (head, mut body) = response.into_parts();
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    let mut late = false;
    let complete = loop {
        match timeout_at(deadline, connection.drive(body.frame())).await {
            Ok(Some(Ok(frame))) => {
                let Ok(chunk) = frame.into_data() else { continue };
                let length = first.len() + more.len();
                if length + chunk.len() > request.answer_limit() {
                    // The part that was read may show what it is.
                    break false;
                }
                // Almost every response is one chunk, which needs no copy.
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
            Ok(Some(Err(_))) => break false,
            Ok(None) => break true,
            Err(_) => {
                late = true;
                break false;
            }
        }
    };
    let bytes = if more.is_empty() { first } else { more.freeze() };
    let decoded = encoding::decoded(&head.headers, bytes, complete, request.answer_limit());
    let response = Response::new(head.status)
        .with_headers(head.headers)
        .with_body(decoded.body);
    match (decoded.complete, late) {
        (true, _) => response,
        (false, true) => response.late(),
        (false, false) => response.cut(),
    }
}

impl fmt::Debug for PooledClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledClient")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
