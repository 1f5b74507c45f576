//! One HTTP/1.1 connection, owned and driven by the call that uses it.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::fuse::FusedBody;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection without a task of its own. What the peer and the call say to each other moves only
/// while [`drive`](Self::drive) is awaited, so dropping it closes it there and then, with all that
/// is left in its buffers.
pub(super) struct Connection {
    sender: SendRequest<FusedBody>,
    driver: Pin<Box<http1::Connection<Stream, FusedBody>>>,
    over: bool,
}

impl Connection {
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        let (sender, driver) = http1::handshake(stream).await?;
        Ok(Self {
            sender,
            driver: Box::pin(driver),
            over: false,
        })
    }

    /// Sends a request; the head of its answer.
    pub(super) async fn send(&mut self, request: Request<FusedBody>) -> hyper::Result<Response<Incoming>> {
        let head = self.sender.send_request(request);
        self.drive(head).await
    }

    /// Whether a kept connection can take another request, as far as can be seen from here: the peer
    /// may be closing it at this moment.
    pub(super) async fn is_usable(&mut self) -> bool {
        // What happened since it was last driven: a close, or bytes that nobody asked for.
        poll_fn(|cx| {
            self.over = self.over || self.driver.as_mut().poll(cx).is_ready();
            Poll::Ready(())
        })
        .await;
        !self.over && self.sender.is_ready()
    }

    /// Lets the connection move until this work, which waits for it, is done.
    pub(super) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            // Its end, good or bad, reaches the work by hyper's own channels.
            self.over = self.over || self.driver.as_mut().poll(cx).is_ready();
            work.as_mut().poll(cx)
        })
        .await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
