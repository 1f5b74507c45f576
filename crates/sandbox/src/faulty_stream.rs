//! A connection that can be cut, stalled or slowed down.

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

use crate::faults::CutKind;
use crate::response_progress::{CutOffset, ResponseProgress};

/// What happens to the next response.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StreamFault {
    pub(crate) cut: Option<(CutOffset, CutKind)>,
    /// Bytes per write, and the pause between writes.
    pub(crate) drip: Option<(usize, Duration)>,
}

/// Passes faults from a request to its connection.
#[derive(Debug, Default)]
pub(crate) struct StreamFaults {
    next: Mutex<Option<StreamFault>>,
    /// Lets a write without a fault skip the lock.
    any: AtomicBool,
    used: AtomicBool,
    stalled: Notify,
}

impl StreamFaults {
    /// Sets the fault of the response that the caller is about to return. A cut stays set even if another request of
    /// the connection sets a fault.
    pub(crate) fn set(&self, fault: StreamFault) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = fault
            .cut
            .or_else(|| next.as_ref().and_then(|earlier| earlier.cut));
        *next = Some(StreamFault {
            cut,
            drip: fault.drip,
        });
        self.any.store(true, Ordering::Release);
        self.used.store(true, Ordering::Relaxed);
    }

    /// Ends the drip of an earlier response.
    pub(crate) fn clear(&self) {
        if self.used.swap(false, Ordering::Relaxed) {
            self.set(StreamFault::default());
        }
    }

    /// Resolves when the connection has stalled.
    pub(crate) async fn stalled(&self) {
        self.stalled.notified().await;
    }

    fn take(&self) -> Option<StreamFault> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection that can be closed with a reset.
pub(crate) trait Resettable {
    /// Makes the next close a reset.
    fn reset_on_close(&self);
}

impl Resettable for TcpStream {
    fn reset_on_close(&self) {
        // On failure it is closed in order, which the client also sees as an end.
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
    /// Nothing more is sent; what was sent is being flushed.
    Cutting(CutKind),
    Stalled,
    Cut,
}

/// The connection. It counts the bytes that are written, before encryption.
#[derive(Debug)]
pub(crate) struct FaultyStream<S> {
    io: S,
    stream_faults: Arc<StreamFaults>,
    fault: StreamFault,
    progress: ResponseProgress,
    phase: Phase,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> FaultyStream<S> {
    pub(crate) fn new(io: S, stream_faults: Arc<StreamFaults>) -> Self {
        Self {
            io,
            stream_faults,
            fault: StreamFault::default(),
            progress: ResponseProgress::default(),
            phase: Phase::Open,
            pause: None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> FaultyStream<S> {
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(fault) = self.stream_faults.take() {
            if fault.cut.is_some() {
                self.progress = ResponseProgress::default();
            }
            self.fault = StreamFault {
                cut: fault.cut.or(self.fault.cut),
                drip: fault.drip,
            };
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let mut allowed = bytes.len();
        if let Some((offset, how)) = self.fault.cut {
            allowed = self.progress.allowed(bytes, offset);
            if allowed == 0 {
                self.phase = Phase::Cutting(how);
                return self.finish(cx);
            }
        }
        if let Some((most, _)) = self.fault.drip {
            allowed = allowed.min(most);
        }
        let count = ready!(Pin::new(&mut self.io).poll_write(cx, &bytes[..allowed]))?;
        self.progress.feed(&bytes[..count]);
        if let Some((offset, how)) = self.fault.cut
            && self.progress.reached(offset)
        {
            // This may have been the last write.
            self.phase = Phase::Cutting(how);
        } else if let Some((_, pause)) = self.fault.drip {
            self.pause = Some(Box::pin(sleep(pause)));
        }
        Poll::Ready(Ok(count))
    }

    /// Ends the connection. Never succeeds, so that hyper drops it.
    fn finish<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.phase {
            Phase::Cutting(CutKind::Fin) => {
                ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                // Unread bytes would turn the close into a reset.
                let _ = self.discard(cx);
                self.phase = Phase::Cut;
            }
            Phase::Cutting(CutKind::Rst) => {
                ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                self.io.reset_on_close();
                self.phase = Phase::Cut;
            }
            Phase::Cutting(CutKind::Stall) => {
                ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                self.phase = Phase::Stalled;
                self.stream_faults.stalled.notify_one();
            }
            Phase::Open | Phase::Stalled | Phase::Cut => {}
        }
        if self.phase == Phase::Stalled {
            ready!(self.discard(cx));
            self.phase = Phase::Cut;
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Reads and discards; ready when the peer has left.
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

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> AsyncRead for FaultyStream<S> {
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

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> AsyncWrite for FaultyStream<S> {
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
            // A cut connection is closed by dropping it.
            Phase::Cut => Poll::Ready(Ok(())),
            _ => self.finish(cx),
        }
    }
}
