//! One HTTP/1.1 connection, owned and driven by the call that uses it.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

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
    /// Gone when the connection has ended.
    driver: Option<Pin<Box<http1::Connection<Stream, FusedBody>>>>,
    /// The same socket, to look at what the runtime has not told of yet.
    socket: Socket,
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
            driver: Some(Box::pin(driver)),
            socket,
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
        poll_fn(|cx| {
            self.advance(cx);
            Poll::Ready(())
        })
        .await;
        // A close, or bytes that nobody asked for. A request sent now would end as unknown.
        let quiet = self.socket.peek(&mut [MaybeUninit::uninit()]);
        quiet.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            && self.driver.is_some()
            && self.sender.is_ready()
    }

    /// Whether it has ended, as far as it was driven.
    pub(super) fn is_over(&self) -> bool {
        self.driver.is_none()
    }

    /// Lets the connection move until this work, which waits for it, is done.
    pub(super) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            self.advance(cx);
            work.as_mut().poll(cx)
        })
        .await
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        let ended = self
            .driver
            .as_mut()
            .is_some_and(|driver| driver.as_mut().poll(cx).is_ready());
        if ended {
            // A request that still waits in it hears of the end only when it is dropped.
            self.driver = None;
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::fuse::Fuse;

    #[tokio::test]
    async fn a_close_between_the_look_and_the_request_is_told_at_once_and_nothing_was_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        let mut connection = Connection::new(MaybeHttpsStream::Http(TokioIo::new(stream)))
            .await
            .unwrap();
        assert!(connection.is_usable().await);
        drop(peer);
        // Until the runtime knows of it, which a look cannot be made to do.
        let readable = poll_fn(|cx| {
            connection.advance(cx);
            if connection.is_over() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        timeout(Duration::from_secs(5), readable).await.unwrap();
        let fuse = Fuse::default();
        let body = FusedBody::new(Bytes::from_static(b"x"), fuse.clone());
        let request = Request::put("/").body(body).unwrap();
        let sent = timeout(Duration::from_secs(5), connection.send(request)).await;
        assert!(sent.expect("it does not hang").is_err());
        assert!(fuse.blown_at().is_none() && !connection.is_usable().await);
    }
}
