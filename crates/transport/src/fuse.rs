//! A body that tells whether it was ever asked for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Blows when the HTTP stack first asks for the body. Until then no provider can have acted: the
/// head may have left, but not what it announces. This holds whatever the stack's errors say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fuse(Arc<OnceLock<Instant>>);

impl Fuse {
    /// When that was.
    pub(crate) fn blown_at(&self) -> Option<Instant> {
        self.0.get().copied()
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

impl Body for FusedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.fuse.0.get_or_init(Instant::now);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
