//! A body that records when it was first polled.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Records when the HTTP stack first polls the request body. Before that, the provider cannot have acted: the
/// head may have left, but not the body that it announces. This does not depend on the stack's errors, because only
/// the call itself drives the connection: once the call has given up, nothing polls the body.
#[derive(Debug, Clone, Default)]
pub(crate) struct SendTracker(Arc<OnceLock<Instant>>);

impl SendTracker {
    /// The bytes that matter may leave from now on.
    pub(crate) fn mark(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// When the body was first polled.
    pub(crate) fn first_polled_at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

/// One buffer, sent whole.
#[derive(Debug)]
pub(crate) struct TrackedBody {
    bytes: Option<Bytes>,
    tracker: SendTracker,
}

impl TrackedBody {
    pub(crate) fn new(bytes: Bytes, tracker: SendTracker) -> Self {
        Self {
            bytes: Some(bytes),
            tracker,
        }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.tracker.mark();
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

    #[test]
    fn send_tracker_records_the_first_poll_of_the_body() {
        let tracker = SendTracker::default();
        let mut body = TrackedBody::new(Bytes::from_static(b"x"), tracker.clone());
        assert!(!body.is_end_stream() && body.size_hint().exact() == Some(1));
        assert!(tracker.first_polled_at().is_none());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(
            Pin::new(&mut body).poll_frame(&mut cx),
            Poll::Ready(Some(Ok(_)))
        ));
        let first_polled_at = tracker.first_polled_at();
        assert!(first_polled_at.is_some());
        assert!(matches!(
            Pin::new(&mut body).poll_frame(&mut cx),
            Poll::Ready(None)
        ));
        assert_eq!(tracker.first_polled_at(), first_polled_at);
    }
}
