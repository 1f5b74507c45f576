//! A body that tells whether it was ever asked for.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Blows when the HTTP stack first asks for the body. Until then no provider can have acted: the
/// head may have left, but not what it announces. This holds whatever the stack's errors say.
///
/// A connection lives in a task of its own, so it may ask at the very moment at which the call gives
/// up. Whoever comes first decides: once the fuse is pulled, the body is never handed out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fuse(Arc<State>);

#[derive(Debug, Default)]
struct State {
    decided: AtomicU8,
    blown_at: OnceLock<Instant>,
}

const INTACT: u8 = 0;
const BLOWN: u8 = 1;
const PULLED: u8 = 2;

impl Fuse {
    /// When the body was first asked for.
    pub(crate) fn blown_at(&self) -> Option<Instant> {
        self.0.blown_at.get().copied()
    }

    /// Keeps the body from ever being handed out; false if it was already.
    pub(crate) fn pull(&self) -> bool {
        self.decide(PULLED)
    }

    fn blow(&self) -> bool {
        let blown = self.decide(BLOWN);
        if blown {
            self.0.blown_at.get_or_init(Instant::now);
        }
        blown
    }

    // Whether this is the decision, now or from before.
    fn decide(&self, to: u8) -> bool {
        let decided = &self.0.decided;
        match decided.compare_exchange(INTACT, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(before) => before == to,
        }
    }
}

/// One buffer, sent whole.
#[derive(Debug)]
pub(crate) struct FusedBody {
    bytes: Option<Bytes>,
    fuse: Fuse,
}

impl FusedBody {
    pub(crate) fn new(bytes: Bytes, fuse: Fuse) -> Self {
        Self {
            bytes: Some(bytes),
            fuse,
        }
    }
}

/// The call gave up before its body was asked for.
#[derive(Debug)]
pub(crate) struct Pulled;

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call has given up")
    }
}

impl std::error::Error for Pulled {}

impl Body for FusedBody {
    type Data = Bytes;
    type Error = Pulled;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Pulled>>> {
        if !self.fuse.blow() {
            return Poll::Ready(Some(Err(Pulled)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &mut FusedBody) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        matches!(Pin::new(body).poll_frame(&mut cx), Poll::Ready(Some(Ok(_))))
    }

    #[test]
    fn whoever_comes_first_decides() {
        let (blown, pulled) = (Fuse::default(), Fuse::default());
        let body = |fuse: &Fuse| FusedBody::new(Bytes::from_static(b"x"), fuse.clone());
        assert!(asked(&mut body(&blown)) && !blown.pull() && blown.blown_at().is_some());
        assert!(pulled.pull() && !asked(&mut body(&pulled)) && pulled.pull());
        assert!(pulled.blown_at().is_none());
    }
}
