//! The sidecar: its listener, its connections, and its shutdown.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use metrics::{Unit, describe_counter, describe_gauge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::api::{MAX_BODY_BYTES, OVERLOADED, description, respond, router};
use crate::directory::Directory;
use crate::net::{BodyCapture, CapturingIo, ClientId, ConnectionLimiter, ConnectionPermit, HostCheck, Tls};
use crate::options::Options;
use crate::state::AppState;

// Each is reported from the start, so that the first increment is visible.
fn describe_metrics() {
    describe_gauge!(
        "repass_sidecar_calls",
        Unit::Count,
        "Changes and resolutions in flight"
    );
    describe_gauge!(
        "repass_sidecar_connections",
        Unit::Count,
        "Open client connections"
    );
    describe_gauge!(
        "repass_sidecar_idempotency_keys",
        Unit::Count,
        "Responses kept under an Idempotency-Key"
    );
    describe_counter!(
        OVERLOADED,
        Unit::Count,
        "Requests rejected because the limit of calls in flight was reached"
    );
    metrics::gauge!("repass_sidecar_calls").set(0);
    metrics::gauge!("repass_sidecar_connections").set(0);
    metrics::gauge!("repass_sidecar_idempotency_keys").set(0);
    metrics::counter!(OVERLOADED).increment(0);
}

/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A listener of a sidecar: a TCP or Unix socket, with or without TLS.
#[derive(Debug)]
pub enum Listener {
    /// Plain HTTP over TCP, for clients on this machine.
    Tcp(TcpListener),
    /// Plain HTTP over a Unix socket, for the users who may open it.
    Unix(UnixListener),
    /// HTTPS over TCP.
    Tls(TcpListener, Tls),
}

impl Listener {
    /// The address on which the listener listens; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        Ok(match self {
            Self::Tcp(listener) => Accepted::Tcp(listener.accept().await?.0, None),
            Self::Tls(listener, tls) => Accepted::Tcp(listener.accept().await?.0, Some(tls.clone())),
            Self::Unix(listener) => Accepted::Unix(listener.accept().await?.0),
        })
    }
}

enum Accepted {
    Tcp(TcpStream, Option<Tls>),
    Unix(UnixStream),
}

/// The result of a sidecar's shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// The number of changes and resolutions that were still in flight at the deadline. Their outcomes are unknown.
    /// Look-ups are not counted.
    pub abandoned: usize,
}

/// An HTTP server for the services of a [`Directory`].
pub struct Sidecar {
    state: AppState,
    router: Router,
}

impl Sidecar {
    /// Creates a sidecar for the providers of this directory. [`run`](Self::run) needs a tokio runtime with I/O and
    /// time enabled.
    pub fn new(directory: Arc<dyn Directory>, options: Options) -> Self {
        describe_metrics();
        let state = AppState::new(directory, options);
        let router = router(&state);
        Self { state, router }
    }

    /// The description of the sidecar's API: OpenAPI 3.1 in JSON.
    pub fn openapi(&self) -> String {
        description(&self.state)
    }

    /// Responds to one request without a connection, for tests. `Host` and `Origin` are not checked, because that
    /// depends on the listener.
    pub async fn respond(&self, request: Request<Body>) -> Response<Body> {
        respond(&self.state, None, self.router.clone(), request).await
    }

    /// The check of hosts, if every program on this machine can send requests to this listener.
    fn host_check(&self, listener: &Listener) -> Option<HostCheck> {
        let options = &self.state.options;
        let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
        let is_open = options.token.is_none() && listener.address().is_some_and(is_loopback);
        is_open.then(|| HostCheck::new(options.allowed_hosts.clone()))
    }

    /// Serves until `stop` completes. Then it accepts no more connections and calls, and waits for the calls in flight,
    /// for at most the budget of a call and five seconds. When it returns, every change has its outcome, except those
    /// reported as abandoned.
    ///
    /// Dropping the future closes all connections at once; changes in flight continue as long as the runtime does.
    pub async fn run(&self, listener: Listener, stop: impl Future<Output = ()>) -> DrainReport {
        let limiter = ConnectionLimiter::new(self.state.options.max_connections);
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.accept(&listener, &limiter, &stopped, &mut connections) => {}
            () = stop => {}
        }
        drop(listener);
        self.state.drain();
        stopping.send_replace(true);
        // Look-ups are not waited for. The probe of an unknown outcome has its own budget.
        let calls = if self.state.options.resolve_unknown { 2 } else { 1 };
        let grace = self.state.options.budget * calls + Duration::from_secs(5);
        let abandoned = match timeout(grace, self.state.idle()).await {
            Ok(()) => 0,
            Err(_) => self.state.in_flight(),
        };
        // The responses are ready; a client that does not read its response in this time is cut off.
        let written = timeout(Duration::from_secs(2), limiter.all_released()).await;
        if written.is_err() {
            connections.shutdown().await;
        }
        DrainReport { abandoned }
    }

    async fn accept(
        &self,
        listener: &Listener,
        limiter: &Arc<ConnectionLimiter>,
        stopped: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        let request_timeout = self.state.options.request_timeout;
        let hosts = self.host_check(listener).map(Arc::new);
        let mut ticks =
            interval((request_timeout / 8).clamp(Duration::from_millis(10), Duration::from_secs(2)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let acquired = async {
                let accepted = listener.accept().await?;
                Ok::<_, io::Error>((accepted, limiter.acquire().await))
            };
            let mut acquired = pin!(acquired);
            // Meanwhile other connections end or are closed.
            let acquired = loop {
                tokio::select! {
                    acquired = acquired.as_mut() => break acquired,
                    _ = ticks.tick() => limiter.close_idle(request_timeout),
                    Some(_) = connections.join_next() => count_open(limiter),
                }
            };
            let Ok((accepted, permit)) = acquired else {
                // Most likely out of file descriptors.
                limiter.close_longest_idle();
                sleep(Duration::from_millis(5)).await;
                continue;
            };
            count_open(limiter);
            let routes = (self.state.clone(), hosts.clone(), self.router.clone());
            connections.spawn(connection(accepted, permit, routes, stopped.clone()));
        }
    }
}

fn count_open(limiter: &ConnectionLimiter) {
    let open = u32::try_from(limiter.open()).unwrap_or(u32::MAX);
    metrics::gauge!("repass_sidecar_connections").set(f64::from(open));
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar")
            .field("directory", &self.state.directory)
            .field("options", &self.state.options)
            .finish_non_exhaustive()
    }
}

type Routes = (AppState, Option<Arc<HostCheck>>, Router);

/// One connection, from its first byte to its last. A peer that disconnects is not an error.
async fn connection(
    accepted: Accepted,
    permit: ConnectionPermit,
    routes: Routes,
    stopped: watch::Receiver<bool>,
) {
    match accepted {
        Accepted::Unix(socket) => {
            let client = socket
                .peer_cred()
                .ok()
                .map(|peer| ClientId::with_user(peer.uid()));
            serve_connection(socket, permit, routes, stopped, (client, false)).await;
        }
        Accepted::Tcp(socket, None) => {
            // Without it the connection is only slower.
            let _ = socket.set_nodelay(true);
            let client = socket.peer_addr().ok().and_then(|peer| ClientId::at(peer.ip()));
            serve_connection(socket, permit, routes, stopped, (client, false)).await;
        }
        Accepted::Tcp(socket, Some(tls)) => {
            let _ = socket.set_nodelay(true);
            let address = socket.peer_addr().ok();
            let close = permit.close_signal();
            let mut stop = stopped.clone();
            let encrypted = tokio::select! {
                encrypted = tls.acceptor().accept(socket) => encrypted,
                () = close.notified() => return,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if let Ok(encrypted) = encrypted {
                let certificates = encrypted.get_ref().1.peer_certificates();
                let client = match certificates.and_then(<[_]>::first) {
                    Some(certificate) => Some(ClientId::with_certificate(certificate)),
                    None => address.and_then(|peer| ClientId::at(peer.ip())),
                };
                serve_connection(encrypted, permit, routes, stopped, (client, true)).await;
            }
        }
    }
}

async fn serve_connection<S>(
    io: S,
    permit: ConnectionPermit,
    routes: Routes,
    mut stopped: watch::Receiver<bool>,
    (client, is_tls): (Option<ClientId>, bool),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let close = permit.close_signal();
    let capture = BodyCapture::new(permit);
    let for_requests = capture.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        // Before anything else: the next bytes of the connection are the body.
        let length = request.body().size_hint().exact();
        for_requests.start_body(length, MAX_BODY_BYTES);
        let closes = length.is_none() || (is_tls && length != Some(0));
        handle_request(request, routes.clone(), for_requests.clone(), (client, closes))
    });
    let connection = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(CapturingIo::new(io, capture.clone()), service);
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = close.notified() => {
                // A request may have arrived at the same moment.
                if !capture.is_busy() {
                    return;
                }
            }
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = close.notified() => {}
    }
}

async fn handle_request(
    request: Request<Incoming>,
    (state, hosts, router): Routes,
    capture: BodyCapture,
    (client, closes): (Option<ClientId>, bool),
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(capture.clone());
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let mut response = respond(&state, hosts.as_deref(), router, request).await;
    capture.finish();
    // Bytes that passed through hyper, or that rustls decrypted, stay in buffers until the connection closes.
    if closes {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response)
}
