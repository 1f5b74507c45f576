//! One HTTP/1.1 connection, owned and driven by the call that uses it.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket};
use tokio::net::TcpStream;

use crate::fuse::FusedBody;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection without a task of its own. What the peer and the call say to each other moves only
/// while [`drive`](Self::drive) is awaited, so dropping it closes it there and then, with all that
/// is left in its buffers.
pub(super) struct Connection {
    sender: SendRequest<FusedBody>,
    driver: Pin<Box<http1::Connection<Stream, FusedBody>>>,
    /// The same socket, to look at what the runtime has not told of yet.
    socket: Socket,
    over: bool,
}

impl Connection {
    pub(super) async fn new(stream: Stream) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let tcp = match &stream {
            MaybeHttpsStream::Http(tcp) => tcp.inner(),
            MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner().inner(),
        };
        let socket = SockRef::from(tcp).try_clone()?;
        let (sender, driver) = http1::handshake(stream).await?;
        Ok(Self {
            sender,
            driver: Box::pin(driver),
            socket,
            over: false,
        })
    }

    /// Sends a request; the head of its answer.
    pub(super) async fn send(&mut self, request: Request<FusedBody>) -> hyper::Result<Response<Incoming>> {
        let head = self.sender.send_request(request);
        self.drive(head).await
    }

    /// Whether a kept connection can take another request, as far as can be known on this side: the
    /// peer's close may be on its way.
    pub(super) async fn is_usable(&mut self) -> bool {
        // A close, or bytes that nobody asked for. A request sent now would end as unknown.
        let quiet = self.socket.peek(&mut [MaybeUninit::uninit()]);
        if !quiet.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            return false;
        }
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
