//! Faults of the listener itself: connections refused, or closed as soon as they are accepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// The standard library's backlog.
const BACKLOG: u32 = 1024;

/// The requested and the actual state of the listener.
#[derive(Debug)]
pub(crate) struct ListenerFaults {
    close_next: AtomicU32,
    certificates: AtomicBool,
    wanted: Arc<watch::Sender<bool>>,
    closed: watch::Sender<bool>,
}

impl Default for ListenerFaults {
    fn default() -> Self {
        Self {
            close_next: AtomicU32::new(0),
            certificates: AtomicBool::new(false),
            wanted: Arc::new(watch::Sender::new(false)),
            closed: watch::Sender::new(false),
        }
    }
}

impl ListenerFaults {
    pub(crate) fn close_next(&self, count: u32) {
        self.close_next.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether a connection just accepted is to be closed.
    pub(crate) fn closes_this(&self) -> bool {
        let one_less = |count: u32| count.checked_sub(1);
        self.close_next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    pub(crate) fn want_certificates(&self, want: bool) {
        self.certificates.store(want, Ordering::Relaxed);
    }

    /// Whether TLS clients must show a certificate.
    pub(crate) fn wants_certificates(&self) -> bool {
        self.certificates.load(Ordering::Relaxed)
    }

    /// Stops or resumes listening, and waits until that is done.
    pub(crate) async fn refuse(&self, refuse: bool) {
        self.wanted.send_replace(refuse);
        // Fails when the server is gone, which refuses anyway.
        let _ = self.closed.subscribe().wait_for(|closed| *closed == refuse).await;
    }

    /// Stops listening for a while.
    pub(crate) fn refuse_for(&self, while_: Duration) {
        if while_.is_zero() {
            return;
        }
        self.wanted.send_replace(true);
        let wanted = Arc::clone(&self.wanted);
        tokio::spawn(async move {
            tokio::time::sleep(while_).await;
            wanted.send_replace(false);
        });
    }

    pub(crate) fn reset(&self) {
        self.close_next.store(0, Ordering::Relaxed);
        self.want_certificates(false);
        self.wanted.send_replace(false);
    }

    /// Resolves when the listener is to stop.
    pub(crate) async fn wants_refusal(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// Stops listening until that is no longer wanted. The port stays taken meanwhile, for connecting to a socket
    /// that is bound but does not listen is refused.
    pub(crate) async fn refuse_while_wanted(&self, listener: TcpListener) -> io::Result<TcpListener> {
        let addr = listener.local_addr()?;
        drop(listener);
        let held = held(addr)?;
        self.closed.send_replace(true);
        let _ = self.wanted.subscribe().wait_for(|wanted| !*wanted).await;
        let listener = held.listen(BACKLOG)?;
        self.closed.send_replace(false);
        Ok(listener)
    }
}

fn held(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // Connections accepted before are still there, or on their way out.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
