//! Request bodies that bypass the HTTP server, which parses the heads and sees only zeros for the bodies.
//!
//! hyper reads into a buffer that it reuses and does not wipe while the connection is open. So it is given a zero for
//! every byte of a body, and the real bytes go into a buffer that is wiped and that the request's handler takes. Only
//! hyper decides how long a body is, so there is one opinion on where a request ends: until hyper has parsed a head, it
//! is given no byte beyond it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::{Zeroize as _, Zeroizing};

use super::ConnectionPermit;

const BUFFER: usize = 4096;
static ZEROS: [u8; BUFFER] = [0; BUFFER];

/// The captured body of a connection's current request, shared between the connection and the handler.
#[derive(Clone)]
pub(crate) struct BodyCapture(Arc<Mutex<State>>);

struct State {
    position: Position,
    body: Zeroizing<Vec<u8>>,
    permit: ConnectionPermit,
}

/// What the next byte of the connection belongs to.
enum Position {
    /// A head, and how much of its end has been seen.
    Head(HeadEnd),
    /// A body, and how many bytes of it are still to come.
    Body { left: usize, keep: bool },
}

impl BodyCapture {
    pub(crate) fn new(permit: ConnectionPermit) -> Self {
        Self(Arc::new(Mutex::new(State {
            position: Position::Head(HeadEnd::Nothing),
            body: Zeroizing::default(),
            permit,
        })))
    }

    /// Starts a body of this length, after its head was parsed. A body longer than `limit` is discarded. A body of
    /// unknown length passes through unchanged, because only the server knows where it ends; its handler rejects it and
    /// closes the connection.
    pub(crate) fn start_body(&self, length: Option<u64>, limit: usize) {
        let mut state = self.state();
        let Some(left) = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)) else {
            return;
        };
        if left == 0 {
            state.permit.set_busy();
            return;
        }
        let keep = left <= limit;
        state.body = Zeroizing::default();
        state.position = Position::Body { left, keep };
    }

    /// Ends a request: its response is ready, and the connection is idle again.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.permit.set_idle();
        // What the handler did not take is discarded, and so is the rest of the body.
        state.body = Zeroizing::default();
        if let Position::Body { keep, .. } = &mut state.position {
            *keep = false;
        }
    }

    /// Whether a complete request has arrived and is not responded to yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.state().permit.is_busy()
    }

    /// Takes the captured body.
    pub(crate) fn take_body(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.state().body)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends to a body of which `remaining` bytes are still to come. Memory grows with the bytes received, not with the
/// announced length, and a buffer that is outgrown is wiped.
fn extend(body: &mut Zeroizing<Vec<u8>>, bytes: &[u8], remaining: usize) {
    let length = body.len() + bytes.len();
    if length > body.capacity() {
        let total = body.len() + remaining;
        let capacity = total.min(length.max(2 * body.capacity()).max(1024));
        let mut grown = Zeroizing::new(Vec::with_capacity(capacity));
        grown.extend_from_slice(body);
        // The old buffer is wiped on drop.
        *body = grown;
    }
    body.extend_from_slice(bytes);
}

/// The I/O of a connection for hyper, which sees no byte of a body.
pub(crate) struct CapturingIo<S> {
    io: S,
    capture: BodyCapture,
    // Received, and not passed on yet.
    buffer: Zeroizing<Vec<u8>>,
    from: usize,
    to: usize,
}

impl<S> CapturingIo<S> {
    pub(crate) fn new(io: S, capture: BodyCapture) -> Self {
        Self {
            io,
            capture,
            buffer: Zeroizing::default(),
            from: 0,
            to: 0,
        }
    }

    /// Passes on as many bytes as hyper may see, and wipes them here.
    fn pass_on(&mut self, cursor: &mut ReadBufCursor<'_>) {
        let mut state = self.capture.state();
        let available = &self.buffer[self.from..self.to];
        let limit = available.len().min(cursor.remaining());
        let taken = match &mut state.position {
            Position::Head(end) => {
                let taken = end.find(&available[..limit]).unwrap_or(limit);
                cursor.put_slice(&available[..taken]);
                taken
            }
            Position::Body { left, keep } => {
                let (taken, keep) = (limit.min(*left), *keep);
                *left -= taken;
                let (left, ends) = (*left, *left == 0);
                if keep {
                    extend(&mut state.body, &available[..taken], left + taken);
                }
                if ends {
                    state.position = Position::Head(HeadEnd::Nothing);
                    state.permit.set_busy();
                }
                cursor.put_slice(&ZEROS[..taken]);
                taken
            }
        };
        self.buffer[self.from..self.from + taken].zeroize();
        self.from += taken;
    }
}

impl<S: AsyncRead + Unpin> Read for CapturingIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.from == this.to {
            this.buffer.resize(BUFFER, 0);
            let mut read = ReadBuf::new(&mut this.buffer);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut read))?;
            (this.from, this.to) = (0, read.filled().len());
        }
        this.pass_on(&mut cursor);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for CapturingIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }
}

/// How much of the end of a head has been seen: an empty line, with either form of line ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeadEnd {
    Nothing,
    Line,
    LineAndReturn,
}

impl HeadEnd {
    /// The end of the first head in these bytes, which continue those before.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            *self = match (*self, byte) {
                (Self::Line | Self::LineAndReturn, b'\n') => {
                    *self = Self::Nothing;
                    return Some(at + 1);
                }
                (Self::Line, b'\r') => Self::LineAndReturn,
                (_, b'\n') => Self::Line,
                _ => Self::Nothing,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_body_takes_memory_only_for_received_bytes() {
        let mut body = Zeroizing::default();
        let whole: Vec<u8> = (0..=u8::MAX).cycle().take(32 * 1024).collect();
        let mut left = whole.len();
        for bytes in whole.chunks(1000) {
            extend(&mut body, bytes, left);
            left -= bytes.len();
            let most = (2 * body.len()).max(1024).min(whole.len());
            assert!(body.capacity() <= most, "{} of {}", body.capacity(), body.len());
        }
        assert_eq!(*body, whole);
        let mut short = Zeroizing::default();
        extend(&mut short, b"{}", 2);
        assert_eq!(short.capacity(), 2);
    }

    #[test]
    fn head_end_is_found_at_any_split() {
        let head = b"POST / HTTP/1.1\r\nhost: a\r\n\r\n";
        let rest = b"body\n\nmore";
        let all = [&head[..], rest].concat();
        for cut in 0..head.len() {
            let mut end = HeadEnd::Nothing;
            assert_eq!(end.find(&all[..cut]), None, "{cut}");
            assert_eq!(end.find(&all[cut..]), Some(head.len() - cut), "{cut}");
        }
        let mut end = HeadEnd::Nothing;
        assert_eq!(end.find(b"GET / HTTP/1.1\nhost: a\n\nx"), Some(24));
        assert_eq!(end, HeadEnd::Nothing);
        assert_eq!(end.find(b"a\r\r\nb\nc\r\n"), None);
    }
}
