//! The listener and its connections.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::exchange::exchange;
use crate::faulty_stream::{FaultyStream, Resettable, StreamFaults};
use crate::shared::Shared;
use crate::tls::Acceptors;

/// Accepts until reported to stop, then lets what is in flight finish.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<Acceptors>,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    accept(listener, tls, &shared, stop, &mut connections).await;
    while connections.join_next().await.is_some() {}
}

async fn accept(
    mut listener: TcpListener,
    tls: Option<Acceptors>,
    shared: &Arc<Shared>,
    mut stop: watch::Receiver<bool>,
    connections: &mut JoinSet<io::Result<()>>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    shared.counters.connected();
                    if !shared.listener_faults.closes_this() {
                        connections.spawn(connection(socket, tls.clone(), Arc::clone(shared), stop.clone()));
                    }
                }
                // Out of descriptors, most likely: trying again at once would only burn the processor.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = shared.listener_faults.wants_refusal() => tokio::select! {
                resumed = shared.listener_faults.refuse_while_wanted(listener) => match resumed {
                    Ok(resumed) => listener = resumed,
                    // Someone else has taken the port.
                    Err(_) => return,
                },
                _ = stop.changed() => return,
            },
            _ = stop.changed() => return,
        }
    }
}

async fn connection(
    socket: TcpStream,
    tls: Option<Acceptors>,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    match tls {
        None => exchanges(socket, shared, stop).await,
        Some(tls) => {
            let tls = if shared.listener_faults.wants_certificates() {
                tls.mutual
            } else {
                tls.open
            };
            let encrypted = tokio::select! {
                encrypted = tls.accept(socket).into_fallible() => encrypted,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            match encrypted {
                Ok(encrypted) => exchanges(encrypted, shared, stop).await,
                Err((_, socket)) => drain(socket).await?,
            }
        }
    }
    Ok(())
}

/// Lets the alert that ended TLS arrive: closing a socket with unread bytes resets the connection.
async fn drain(mut socket: TcpStream) -> io::Result<()> {
    const ENOUGH: Duration = Duration::from_secs(1);
    socket.shutdown().await?;
    let mut nowhere = tokio::io::sink();
    let rest = tokio::io::copy(&mut socket, &mut nowhere);
    let _ = tokio::time::timeout(ENOUGH, rest).await;
    Ok(())
}

async fn exchanges<S>(io: S, shared: Arc<Shared>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Resettable + Unpin + Send + 'static,
{
    let stream_faults = Arc::new(StreamFaults::default());
    let wire = FaultyStream::new(io, Arc::clone(&stream_faults));
    let for_requests = Arc::clone(&stream_faults);
    let service = service_fn(move |request| {
        let (shared, stream_faults) = (Arc::clone(&shared), Arc::clone(&for_requests));
        async move {
            exchange(&shared, &stream_faults, request)
                .await
                .map(|answer| answer.map(Full::new))
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(wire), service));
    tokio::select! {
        // A peer that goes away in the middle is its own business.
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        // A connection that was reported to be silent for ever would never finish.
        () = stream_faults.stalled() => {}
    }
}
