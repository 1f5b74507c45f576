//! The listener, its connections, and the way of one request through the sandbox.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::message::reply::{self, Reply};
use crate::router::Destination;
use crate::shared::Shared;
use crate::{control, identity, zoom};

/// More than any form or JSON document of either provider.
const LARGEST_BODY: usize = 1 << 20;

/// Accepts until told to stop, then lets what is in flight finish.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    shared.traffic.connected();
                    connections.spawn(connection(socket, tls.clone(), Arc::clone(&shared), stop.clone()));
                }
                // Out of descriptors, most likely: trying again at once would only burn the processor.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    match tls {
        None => exchanges(socket, shared, stop).await,
        Some(tls) => {
            let encrypted = tokio::select! {
                encrypted = tls.accept(socket) => encrypted?,
                _ = stop.changed() => return Ok(()),
            };
            exchanges(encrypted, shared, stop).await;
        }
    }
    Ok(())
}

async fn exchanges<S>(io: S, shared: Arc<Shared>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(exchange(&shared, request).await.map(Full::new)) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    tokio::select! {
        // A peer that goes away in the middle is its own business.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn exchange(shared: &Shared, request: Request<Incoming>) -> Response<Bytes> {
    let destination = Destination::of(&shared.options, request.method(), request.uri().path());
    let label = destination.label(request.method());
    if let Some(label) = &label {
        shared.traffic.received(label);
    }
    let reply = answer(shared, &destination, request).await;
    if let Some(label) = &label {
        shared.traffic.answered(label, reply.status());
    }
    reply
}

async fn answer(shared: &Shared, destination: &Destination, request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let request = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => Request::from_parts(head, body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => return reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return reply::empty(StatusCode::BAD_REQUEST),
    };
    match destination {
        Destination::Control => control::answer(shared, &request),
        Destination::Zoom(target) => zoom::answer(shared, target, &request),
        Destination::Identity(target) => identity::answer(shared, target, &request),
    }
}
