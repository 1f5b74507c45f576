//! A connection that a request can order to be cut, to fall silent or to drip.

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

/// What a request wants done to the answer that follows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StreamFault {
    pub(crate) cut: Option<(CutOffset, CutKind)>,
    /// So many bytes at a time, and the pause between.
    pub(crate) drip: Option<(usize, Duration)>,
}

/// The way from a request to its connection.
#[derive(Debug, Default)]
pub(crate) struct StreamFaults {
    given: Mutex<Option<StreamFault>>,
    /// Spares the usual write the lock.
    any: AtomicBool,
    used: AtomicBool,
    stalled: Notify,
}

impl StreamFaults {
    /// For the answer that the caller is about to hand over. A cut once ordered stays ordered, whatever other
    /// requests of the connection want.
    pub(crate) fn give(&self, fault: StreamFault) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = fault
            .cut
            .or_else(|| given.as_ref().and_then(|earlier| earlier.cut));
        *given = Some(StreamFault {
            cut,
            drip: fault.drip,
        });
        self.any.store(true, Ordering::Release);
        self.used.store(true, Ordering::Relaxed);
    }

    /// Ends a drip that an earlier request has ordered.
    pub(crate) fn clear(&self) {
        if self.used.swap(false, Ordering::Relaxed) {
            self.give(StreamFault::default());
        }
    }

    /// Resolves when the connection has fallen silent for good.
    pub(crate) async fn stalled(&self) {
        self.stalled.notified().await;
    }

    fn take(&self) -> Option<StreamFault> {
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
    Cutting(CutKind),
    Stalled,
    Cut,
}

/// The connection. It looks at what is written, above TLS if there is any.
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
            progress: ResponseProgress::Fresh,
            phase: Phase::Open,
            pause: None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> FaultyStream<S> {
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(fault) = self.stream_faults.take() {
            if fault.cut.is_some() {
                self.progress.start_answer();
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
        if let Some((until, how)) = self.fault.cut {
            allowed = self.progress.allowed(bytes, until);
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
        if let Some((until, how)) = self.fault.cut
            && self.progress.reached(until)
        {
            // There may be no further write to be cut: this one was the last.
            self.phase = Phase::Cutting(how);
        } else if let Some((_, pause)) = self.fault.drip {
            self.pause = Some(Box::pin(sleep(pause)));
        }
        Poll::Ready(Ok(count))
    }

    /// Ends the connection as ordered. Never succeeds, so that whoever drives it lets go.
    fn finish<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.phase {
            Phase::Cutting(CutKind::Fin) => {
                ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                // Bytes left unread would turn the close into a reset.
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
            // A cut connection is closed by letting go of it.
            Phase::Cut => Poll::Ready(Ok(())),
            _ => self.finish(cx),
        }
    }
}
