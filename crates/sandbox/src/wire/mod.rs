//! A connection that a request can order to be cut, to fall silent or to drip.

mod progress;

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use crate::faults::CutHow;
use progress::Progress;
pub(crate) use progress::Until;

/// What a request wants done to the answer that follows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Order {
    pub(crate) cut: Option<(Until, CutHow)>,
    /// So many bytes at a time, and the pause between.
    pub(crate) drip: Option<(usize, Duration)>,
}

/// The way from a request to its connection.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    given: Mutex<Option<Order>>,
    /// Spares the usual write the lock.
    any: AtomicBool,
    used: AtomicBool,
    stalled: Notify,
}

impl Orders {
    /// For the answer that the caller is about to hand over. A cut once ordered stays ordered, whatever other
    /// requests of the connection want.
    pub(crate) fn give(&self, order: Order) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = order
            .cut
            .or_else(|| given.as_ref().and_then(|earlier| earlier.cut));
        *given = Some(Order {
            cut,
            drip: order.drip,
        });
        self.any.store(true, Ordering::Release);
        self.used.store(true, Ordering::Relaxed);
    }

    /// Ends a drip that an earlier request has ordered.
    pub(crate) fn clear(&self) {
        if self.used.swap(false, Ordering::Relaxed) {
            self.give(Order::default());
        }
    }

    /// Resolves when the connection has fallen silent for good.
    pub(crate) async fn stalled(&self) {
        self.stalled.notified().await;
    }

    fn take(&self) -> Option<Order> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.given.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What can be closed with a reset instead of in order.
pub(crate) trait Resettable {
    /// Makes the coming close a reset.
    fn reset_on_close(&self);
}

impl Resettable for TcpStream {
    fn reset_on_close(&self) {
        // Failing, it is closed in order: a client sees an end all the same.
        let _ = self.set_zero_linger();
    }
}

impl Resettable for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more goes out; what went out is being flushed.
    Cutting(CutHow),
    Stalled,
    Cut,
}

/// The connection. It looks at what is written, above TLS if there is any.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    io: S,
    orders: Arc<Orders>,
    order: Order,
    progress: Progress,
    phase: Phase,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    pub(crate) fn new(io: S, orders: Arc<Orders>) -> Self {
        Self {
            io,
            orders,
            order: Order::default(),
            progress: Progress::Fresh,
            phase: Phase::Open,
            pause: None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> Wire<S> {
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(order) = self.orders.take() {
            if order.cut.is_some() {
                self.progress.start_answer();
            }
            self.order = Order {
                cut: order.cut.or(self.order.cut),
                drip: order.drip,
            };
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let mut allowed = bytes.len();
        if let Some((until, how)) = self.order.cut {
            allowed = self.progress.allowed(bytes, until);
            if allowed == 0 {
                self.phase = Phase::Cutting(how);
                return self.finish(cx);
            }
        }
        if let Some((most, _)) = self.order.drip {
            allowed = allowed.min(most);
        }
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, &bytes[..allowed]))?;
        self.progress.feed(&bytes[..count]);
        if let Some((until, how)) = self.order.cut
            && self.progress.reached(until)
        {
            // There may be no further write to be cut: this one was the last.
            self.phase = Phase::Cutting(how);
        } else if let Some((_, pause)) = self.order.drip {
            self.pause = Some(Box::pin(sleep(pause)));
        }
        Poll::Ready(Ok(count))
    }

    /// Ends the connection as ordered. Never succeeds, so that whoever drives it lets go.
    fn finish<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.phase {
            Phase::Cutting(CutHow::Fin) => {
                ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                // Bytes left unread would turn the close into a reset.
                let _ = self.discard(cx);
                self.phase = Phase::Cut;
            }
            Phase::Cutting(CutHow::Rst) => {
                ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                self.io.reset_on_close();
                self.phase = Phase::Cut;
            }
            Phase::Cutting(CutHow::Stall) => {
                ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                self.phase = Phase::Stalled;
                self.orders.stalled.notify_one();
            }
            Phase::Open | Phase::Stalled | Phase::Cut => {}
        }
        if self.phase == Phase::Stalled {
            ready!(self.discard(cx));
            self.phase = Phase::Cut;
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Reads and forgets; ready when the peer has left.
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.phase {
            Phase::Open => Pin::new(&mut self.io).poll_read(cx, buffer),
            _ => self.finish(cx),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.phase {
            Phase::Open => self.write(cx, bytes),
            _ => self.finish(cx),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.phase {
            Phase::Open => Pin::new(&mut self.io).poll_flush(cx),
            _ => self.finish(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.phase {
            Phase::Open => Pin::new(&mut self.io).poll_shutdown(cx),
            // A cut connection is closed by letting go of it.
            Phase::Cut => Poll::Ready(Ok(())),
            _ => self.finish(cx),
        }
    }
}
