//! The listener, its connections, and the end.

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

use crate::api::{MOST_BYTES, OVERLOADED};
use crate::directory::Directory;
use crate::door::{Client, Crowd, Place, Seal, Sealed, Tls};
use crate::hosts::HostCheck;
use crate::router::{answer, router};
use crate::shared::{Options, Shared};

// Each is there from the start, so that its first count is seen as one.
fn describe_metrics() {
    describe_gauge!(
        "repass_sidecar_calls",
        Unit::Count,
        "Changes and resolutions that are in flight now"
    );
    describe_gauge!(
        "repass_sidecar_connections",
        Unit::Count,
        "Connections of clients that are open now"
    );
    describe_gauge!(
        "repass_sidecar_idempotency_keys",
        Unit::Count,
        "Answers that are kept under an Idempotency-Key now"
    );
    describe_counter!(
        OVERLOADED,
        Unit::Count,
        "Requests that were refused because as many were in flight as there may be"
    );
    metrics::gauge!("repass_sidecar_calls").set(0);
    metrics::gauge!("repass_sidecar_connections").set(0);
    metrics::gauge!("repass_sidecar_idempotency_keys").set(0);
    metrics::counter!(OVERLOADED).increment(0);
}

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// Where a sidecar is reached.
#[derive(Debug)]
pub enum Listener {
    /// Plain HTTP: for this machine.
    Tcp(TcpListener),
    /// Plain HTTP over a Unix socket: for whoever may open it.
    Unix(UnixListener),
    /// HTTPS.
    Tls(TcpListener, Tls),
}

impl Listener {
    /// The address, where it has one.
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

/// How a sidecar ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainReport {
    /// Changes and resolutions that were still in flight when the time was over. Their outcomes are unknown. Look-ups are
    /// not among them.
    pub abandoned: usize,
}

/// The services of a [`Directory`], over HTTP.
pub struct Sidecar {
    shared: Shared,
    router: Router,
}

impl Sidecar {
    /// A sidecar for these providers. Needs a tokio runtime with its I/O and time drivers on when it is
    /// [run](Self::run).
    pub fn new(directory: Arc<dyn Directory>, options: Options) -> Self {
        describe_metrics();
        let shared = Shared::new(directory, options);
        let router = router(&shared);
        Self { shared, router }
    }

    /// The description of its API, OpenAPI 3.1 in JSON.
    pub fn openapi(&self) -> String {
        crate::router::description(&self.shared)
    }

    /// Answers one request without a connection, for tests. `Host` and `Origin` are not checked, because that depends
    /// on the listener.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        answer(&self.shared, None, self.router.clone(), request).await
    }

    /// What requests must name, where this listener lets everybody on this machine ask.
    fn host_check(&self, listener: &Listener) -> Option<HostCheck> {
        let options = &self.shared.options;
        let is_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
        let is_open = options.token.is_none() && listener.address().is_some_and(is_loopback);
        is_open.then(|| HostCheck::new(options.allowed_hosts.clone()))
    }

    /// Answers until `stop` ends. Then it takes no more connections and no more calls, answers those that are
    /// under way, and waits for them as long as a call may take and five seconds more. When it returns, every
    /// change that was ever begun has its outcome, but those that are told to be abandoned.
    ///
    /// Dropping the future closes everything at once; changes that are under way then go on by themselves as
    /// long as the runtime does.
    pub async fn run(&self, listener: Listener, stop: impl Future<Output = ()>) -> DrainReport {
        let crowd = Crowd::new(self.shared.options.max_connections);
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.accept(&listener, &crowd, &stopped, &mut connections) => {}
            () = stop => {}
        }
        drop(listener);
        self.shared.drain();
        stopping.send_replace(true);
        // Only changes are waited for. A probe of an unknown outcome has a budget of its own.
        let calls = if self.shared.options.resolve_unknown { 2 } else { 1 };
        let grace = self.shared.options.budget * calls + Duration::from_secs(5);
        let abandoned = match timeout(grace, self.shared.idle()).await {
            Ok(()) => 0,
            Err(_) => self.shared.in_flight(),
        };
        // The answers are made; whoever does not take them in this time does not want them.
        let written = timeout(Duration::from_secs(2), crowd.empty()).await;
        if written.is_err() {
            connections.shutdown().await;
        }
        DrainReport { abandoned }
    }

    async fn accept(
        &self,
        listener: &Listener,
        crowd: &Arc<Crowd>,
        stopped: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        let request_timeout = self.shared.options.request_timeout;
        let hosts = self.host_check(listener).map(Arc::new);
        let mut rounds =
            interval((request_timeout / 8).clamp(Duration::from_millis(10), Duration::from_secs(2)));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let entered = async {
                let accepted = listener.accept().await?;
                Ok::<_, io::Error>((accepted, crowd.enter().await))
            };
            let mut entered = pin!(entered);
            // Meanwhile others end, or are sent off.
            let entered = loop {
                tokio::select! {
                    entered = entered.as_mut() => break entered,
                    _ = rounds.tick() => crowd.send_off(request_timeout),
                    Some(_) = connections.join_next() => count_open(crowd),
                }
            };
            let Ok((accepted, place)) = entered else {
                // Out of descriptors, most likely: one that does nothing has to go.
                crowd.make_room();
                sleep(Duration::from_millis(5)).await;
                continue;
            };
            count_open(crowd);
            let routes = (self.shared.clone(), hosts.clone(), self.router.clone());
            connections.spawn(connection(accepted, place, routes, stopped.clone()));
        }
    }
}

fn count_open(crowd: &Crowd) {
    let open = u32::try_from(crowd.open()).unwrap_or(u32::MAX);
    metrics::gauge!("repass_sidecar_connections").set(f64::from(open));
}

impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sidecar")
            .field("directory", &self.shared.directory)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

type Routes = (Shared, Option<Arc<HostCheck>>, Router);

/// One connection, from its first byte to its last. A peer that goes away in the middle is its own business.
async fn connection(accepted: Accepted, place: Place, routes: Routes, stopped: watch::Receiver<bool>) {
    match accepted {
        Accepted::Unix(socket) => {
            let client = socket.peer_cred().ok().map(|peer| Client::User(peer.uid()));
            exchanges(socket, place, routes, stopped, (client, false)).await;
        }
        Accepted::Tcp(socket, None) => {
            // Only slower without.
            let _ = socket.set_nodelay(true);
            let client = socket.peer_addr().ok().and_then(|peer| Client::at(peer.ip()));
            exchanges(socket, place, routes, stopped, (client, false)).await;
        }
        Accepted::Tcp(socket, Some(tls)) => {
            let _ = socket.set_nodelay(true);
            let address = socket.peer_addr().ok();
            let leave = place.leave();
            let mut stop = stopped.clone();
            let encrypted = tokio::select! {
                encrypted = tls.acceptor().accept(socket) => encrypted,
                () = leave.notified() => return,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if let Ok(encrypted) = encrypted {
                let certificates = encrypted.get_ref().1.peer_certificates();
                let client = match certificates.and_then(<[_]>::first) {
                    Some(certificate) => Some(Client::with_certificate(certificate)),
                    None => address.and_then(|peer| Client::at(peer.ip())),
                };
                exchanges(encrypted, place, routes, stopped, (client, true)).await;
            }
        }
    }
}

async fn exchanges<S>(
    io: S,
    place: Place,
    routes: Routes,
    mut stopped: watch::Receiver<bool>,
    (client, is_tls): (Option<Client>, bool),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let leave = place.leave();
    let seal = Seal::new(place);
    let for_requests = seal.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        // At once: what comes next on the connection is the body.
        let length = request.body().size_hint().exact();
        for_requests.begin(length, MOST_BYTES);
        let closes = length.is_none() || (is_tls && length != Some(0));
        exchange(request, routes.clone(), for_requests.clone(), (client, closes))
    });
    let connection = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(Sealed::new(io, seal.clone()), service);
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = leave.notified() => {
                // A request may have come in just then.
                if !seal.is_busy() {
                    return;
                }
            }
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = leave.notified() => {}
    }
}

async fn exchange(
    request: Request<Incoming>,
    (shared, hosts, router): Routes,
    seal: Seal,
    (client, closes): (Option<Client>, bool),
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(seal.clone());
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let mut response = answer(&shared, hosts.as_deref(), router, request).await;
    seal.end();
    // What has passed hyper, and what rustls has decrypted, is in buffers that only go with the connection.
    if closes {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response)
}
