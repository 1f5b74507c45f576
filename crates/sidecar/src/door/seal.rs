//! Request bodies past the HTTP server: it parses the heads, and of bodies it sees the lengths only.
//!
//! hyper keeps what it has read in a buffer that it reuses and does not wipe as long as the connection is open.
//! So it is given zeros for every byte of a body, while the real ones go into a buffer that wipes itself and
//! that the request's handler takes. How long a body is, hyper alone decides, so that there are no two opinions
//! of where a request ends: until it has parsed a head, it is given no byte beyond it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::{Zeroize as _, Zeroizing};

use super::Place;

const BUFFER: usize = 4096;
static ZEROS: [u8; BUFFER] = [0; BUFFER];

/// What a connection and the handlers of its requests share.
#[derive(Clone)]
pub(crate) struct Seal(Arc<Mutex<State>>);

struct State {
    reading: Reading,
    body: Zeroizing<Vec<u8>>,
    place: Place,
}

enum Reading {
    /// A head, and how much of its end has been seen.
    Head(HeadEnd),
    /// A body of which so much is to come.
    Body { left: usize, keep: bool },
}

impl Seal {
    pub(crate) fn new(place: Place) -> Self {
        Self(Arc::new(Mutex::new(State {
            reading: Reading::Head(HeadEnd::Nothing),
            body: Zeroizing::default(),
            place,
        })))
    }

    /// A head has been parsed, and a body of this length follows. One that is longer than `most` is not kept. One
    /// of a length that is not told passes as it is, because only the server knows where it ends: it is refused
    /// by its handler, and its connection closed.
    pub(crate) fn begin(&self, length: Option<u64>, most: usize) {
        let mut state = self.state();
        let Some(left) = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)) else {
            return;
        };
        if left == 0 {
            state.place.busy();
            return;
        }
        let keep = left <= most;
        state.body = Zeroizing::default();
        state.reading = Reading::Body { left, keep };
    }

    /// The answer is made; the connection waits for its client again.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.place.waiting();
        // What the handler has not taken is nobody's, and what is still to come of it neither.
        state.body = Zeroizing::default();
        if let Reading::Body { keep, .. } = &mut state.reading {
            *keep = false;
        }
    }

    /// Whether a request has come in whole and is not answered yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.state().place.is_busy()
    }

    /// The body that has been read.
    pub(crate) fn take(&self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.state().body)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a body of which so much more is to come. What a client announces takes no memory, what it sends does; a body
/// that outgrows its buffer leaves no copy there.
fn extend(body: &mut Zeroizing<Vec<u8>>, bytes: &[u8], to_come: usize) {
    let length = body.len() + bytes.len();
    if length > body.capacity() {
        let most = body.len() + to_come;
        let room = most.min(length.max(2 * body.capacity()).max(1024));
        let mut grown = Zeroizing::new(Vec::with_capacity(room));
        grown.extend_from_slice(body);
        // The outgrown one is wiped as it is dropped.
        *body = grown;
    }
    body.extend_from_slice(bytes);
}

/// A connection for hyper, which sees no byte of a body.
pub(crate) struct Sealed<S> {
    io: S,
    seal: Seal,
    // What has come in and is not handed on yet.
    buffer: Zeroizing<Vec<u8>>,
    from: usize,
    to: usize,
}

impl<S> Sealed<S> {
    pub(crate) fn new(io: S, seal: Seal) -> Self {
        Self {
            io,
            seal,
            buffer: Zeroizing::default(),
            from: 0,
            to: 0,
        }
    }

    /// Hands on as much as may be, and wipes it here.
    fn hand_on(&mut self, cursor: &mut ReadBufCursor<'_>) {
        let mut state = self.seal.state();
        let available = &self.buffer[self.from..self.to];
        let room = available.len().min(cursor.remaining());
        let taken = match &mut state.reading {
            Reading::Head(end) => {
                let taken = end.find(&available[..room]).unwrap_or(room);
                cursor.put_slice(&available[..taken]);
                taken
            }
            Reading::Body { left, keep } => {
                let (taken, keep) = (room.min(*left), *keep);
                *left -= taken;
                let (left, ends) = (*left, *left == 0);
                if keep {
                    extend(&mut state.body, &available[..taken], left + taken);
                }
                if ends {
                    state.reading = Reading::Head(HeadEnd::Nothing);
                    state.place.busy();
                }
                cursor.put_slice(&ZEROS[..taken]);
                taken
            }
        };
        self.buffer[self.from..self.from + taken].zeroize();
        self.from += taken;
    }
}

impl<S: AsyncRead + Unpin> Read for Sealed<S> {
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
        this.hand_on(&mut cursor);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Sealed<S> {
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

/// How much of a head's end has come: an empty line, in either form of line ends.
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
    fn a_body_takes_as_much_memory_as_has_come() {
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
    fn a_head_ends_with_an_empty_line_however_it_comes_in_pieces() {
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
