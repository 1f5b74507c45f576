//! One HTTP/1.1 connection, owned and driven by the call that uses it.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, ProtocolVersion};
use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;

use super::error_mapping;
use crate::send_tracker::TrackedBody;

pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Driver = http1::Connection<TokioIo<Watched>, TrackedBody>;

/// A connection without a task of its own. What the peer and the call say to each other moves only
/// while [`drive`](Self::drive) is awaited, so dropping it closes it there and then, with all that
/// is left in its buffers.
pub(super) struct Connection {
    sender: SendRequest<TrackedBody>,
    /// Gone when the connection has ended.
    driver: Option<Pin<Box<Driver>>>,
    /// The same socket, to see what the runtime has not reported yet.
    socket: Socket,
    /// Whether the peer has sent any application data.
    heard: Arc<AtomicBool>,
    version: Option<ProtocolVersion>,
    /// The alert with which the connection ended.
    alert: Option<AlertDescription>,
}

impl Connection {
    pub(super) async fn new(stream: Stream) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let (tcp, version) = match &stream {
            MaybeHttpsStream::Http(tcp) => (tcp.inner(), None),
            MaybeHttpsStream::Https(tls) => {
                let (tcp, tls) = tls.inner().get_ref();
                (tcp.inner().inner(), tls.protocol_version())
            }
        };
        let socket = SockRef::from(tcp).try_clone()?;
        let heard = Arc::default();
        let watched = Watched {
            stream: TokioIo::new(stream),
            heard: Arc::clone(&heard),
        };
        // As lenient as browsers are: a head that cannot be read leaves a change unknown for ever.
        let (sender, driver) = http1::Builder::new()
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .max_headers(super::MAX_HEADERS)
            .handshake(TokioIo::new(watched))
            .await?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            socket,
            heard,
            version,
            alert: None,
        })
    }

    /// Sends a request; the head of its response.
    pub(super) fn send(
        &mut self,
        request: Request<TrackedBody>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> {
        // In a box, because it holds the request, and a future holds what it awaits twice.
        let head = Box::pin(self.sender.send_request(request));
        self.drive(head)
    }

    /// Whether a kept connection can take another request, as far as can be known on this side: the
    /// peer's close may be on its way.
    pub(super) fn is_usable(&mut self) -> bool {
        // The poll that read the end of the last response has looked for more. Of what came since, only a TLS record
        // without data does not end the connection, such as a new ticket.
        let mut is_quiet = self.is_quiet();
        if !is_quiet {
            // Nothing is waited for: what comes of a connection that is used is driven again.
            self.advance(&mut Context::from_waker(Waker::noop()));
            is_quiet = self.is_quiet();
        }
        is_quiet && self.driver.is_some() && self.sender.is_ready()
    }

    // No close, and no unsolicited bytes, which the runtime does not know of before it waits again. After a close the
    // next request would end as unknown, and the bytes would be read as its response.
    fn is_quiet(&self) -> bool {
        let peeked = self.socket.peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether it has ended, as far as it was driven.
    pub(super) fn is_over(&self) -> bool {
        self.driver.is_none()
    }

    /// The alert by which the peer ended the handshake for this client's sake. Under TLS 1.3 the client may
    /// write before the server has judged it (RFC 8446, section 4.4.2.4), so the request may have left; but a
    /// server that has not finished the handshake has read none of it.
    pub(super) fn refusal(&self, error: &hyper::Error) -> Option<AlertDescription> {
        if self.version != Some(ProtocolVersion::TLSv1_3) || self.heard.load(Ordering::Relaxed) {
            return None;
        }
        let alert = alert(error).or(self.alert);
        alert.filter(|alert| error_mapping::refuses_the_client(*alert))
    }

    /// Lets the connection move until this work, which waits for nothing else, is done.
    pub(super) fn drive<T>(&mut self, work: impl Future<Output = T> + Unpin) -> impl Future<Output = T> {
        // Only the connection's own progress, right here, completes the work, so the work needs no waker: it would wake
        // the task that is running, which then polls everything above this once more. Without a waker it must not be
        // held back by the task's budget either.
        let mut work = unconstrained(work);
        let mut poll = move || Pin::new(&mut work).poll(&mut Context::from_waker(Waker::noop()));
        let mut waits = false;
        poll_fn(move |cx| {
            // Without a waker first: most often the response is whole, and a waker that stays in the connection is woken
            // by its next request.
            if waits {
                self.advance(&mut Context::from_waker(Waker::noop()));
            }
            if let Poll::Ready(done) = poll() {
                return Poll::Ready(done);
            }
            waits = true;
            self.advance(cx);
            poll()
        })
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        let Some(mut driver) = self.driver.take() else {
            return;
        };
        match driver.as_mut().poll(cx) {
            Poll::Pending => self.driver = Some(driver),
            // A request that still waits in it hears of the end only when it is dropped, which is here.
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                let rest = Pin::into_inner(driver).into_parts().io.into_inner();
                self.alert = alert(&error).or_else(|| last_alert(rest, cx));
            }
        }
    }
}

fn alert(error: &(dyn StdError + 'static)) -> Option<AlertDescription> {
    match error_mapping::find::<rustls::Error>(error) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}

// Writing to a peer that has closed fails before what it said last is read.
fn last_alert(mut stream: Watched, cx: &mut Context<'_>) -> Option<AlertDescription> {
    let mut byte = [0; 1];
    match Pin::new(&mut stream).poll_read(cx, &mut ReadBuf::new(&mut byte)) {
        Poll::Ready(Err(error)) => alert(&error),
        _ => None,
    }
}

/// A stream that notes whether anything came.
struct Watched {
    stream: TokioIo<Stream>,
    heard: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
    use std::io::Write as _;
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::{consume_budget, yield_now};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;
    use crate::send_tracker::SendTracker;

    async fn connected() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        let connection = Connection::new(MaybeHttpsStream::Http(TokioIo::new(stream))).await;
        (connection.unwrap(), peer)
    }

    const APPLIED: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

    fn put(connection: &mut Connection) -> impl Future<Output = hyper::Result<Response<Incoming>>> {
        let body = TrackedBody::new(Bytes::from_static(b"x"), SendTracker::default());
        connection.send(Request::put("/").body(body).unwrap())
    }

    /// A connection after its first response.
    async fn kept(response: &[u8]) -> (Connection, TcpStream) {
        let (mut connection, mut peer) = connected().await;
        let answer = async {
            assert!(peer.read(&mut [0; 1024]).await.unwrap() > 0);
            peer.write_all(response).await.unwrap();
        };
        let (head, ()) = tokio::join!(put(&mut connection), answer);
        let mut body = head.unwrap().into_body();
        while let Some(frame) = connection.drive(body.frame()).await {
            frame.unwrap();
        }
        (connection, peer)
    }

    #[tokio::test]
    async fn connection_is_not_usable_after_a_response_with_more_than_that() {
        let with_body = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        for whole in [APPLIED, with_body] {
            let (mut connection, _peer) = kept(whole).await;
            assert!(connection.is_usable());
            for stray in [&b"\r\n"[..], APPLIED] {
                let (mut connection, _peer) = kept(&[whole, stray].concat()).await;
                assert!(!connection.is_usable(), "{stray:?}");
            }
        }
    }

    #[tokio::test]
    async fn connection_is_not_usable_once_its_peer_has_closed_or_spoken() {
        for (bytes, reuses) in [(&b""[..], 0), (b"", 1), (APPLIED, 0), (APPLIED, 1)] {
            let (mut connection, peer) = kept(APPLIED).await;
            let mut peer = peer.into_std().unwrap();
            for _ in 0..reuses {
                assert!(connection.is_usable());
            }
            peer.write_all(bytes).unwrap();
            let _open = (!bytes.is_empty()).then_some(peer);
            // The runtime does not wait from here on, so it reports nothing.
            connection.socket.set_nonblocking(false).unwrap();
            connection.socket.peek(&mut [MaybeUninit::uninit()]).unwrap();
            connection.socket.set_nonblocking(true).unwrap();
            assert!(!connection.is_usable(), "{bytes:?} {reuses}");
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn connection_wakes_its_task_only_when_the_peer_answers() {
        let (mut connection, mut peer) = kept(APPLIED).await;
        let mut earlier = Vec::new();
        for _ in 0..3 {
            assert!(connection.is_usable());
            let mut head = pin!(put(&mut connection));
            let wakes = Arc::<Wakes>::default();
            let counting = Waker::from(Arc::clone(&wakes));
            let mut cx = Context::from_waker(&counting);
            assert!(head.as_mut().poll(&mut cx).is_pending());
            assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
            let mut request = [0; 1024];
            assert!(peer.read(&mut request).await.unwrap() > 0);
            peer.write_all(APPLIED).await.unwrap();
            let deadline = Instant::now() + Duration::from_secs(5);
            while wakes.0.load(Ordering::Relaxed) == 0 {
                assert!(Instant::now() < deadline, "the response wakes no task");
                sleep(Duration::from_millis(1)).await;
            }
            let Poll::Ready(response) = head.as_mut().poll(&mut cx) else {
                panic!("the response is not read at once");
            };
            assert_eq!(response.unwrap().status(), 204);
            earlier.push(wakes);
        }
        // Nor does the next request.
        for wakes in earlier {
            assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test]
    async fn connection_hands_over_its_last_response_when_the_budget_of_its_task_runs_out() {
        for spent in 112..128 {
            let (mut connection, mut peer) = connected().await;
            let answer = tokio::spawn(async move {
                assert!(peer.read(&mut [0; 1024]).await.unwrap() > 0);
                let last = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                peer.write_all(last).await.unwrap();
                peer
            });
            let body = TrackedBody::new(Bytes::new(), SendTracker::default());
            let mut head = pin!(connection.send(Request::get("/").body(body).unwrap()));
            // For a whole budget.
            yield_now().await;
            let head = poll_fn(|cx| {
                for _ in 0..spent {
                    assert!(pin!(consume_budget()).poll(cx).is_ready());
                }
                head.as_mut().poll(cx)
            });
            let limit = Duration::from_secs(5);
            let start = Instant::now();
            let response = timeout(limit, head).await.unwrap();
            assert_eq!(response.unwrap().status(), 204, "{spent}");
            // The end of the limit would wake the task too.
            assert!(start.elapsed() < limit, "{spent}: it hangs");
            drop(answer.await.unwrap());
        }
    }

    #[tokio::test]
    async fn connection_closed_before_the_request_fails_as_unsent() {
        let (mut connection, peer) = kept(APPLIED).await;
        assert!(connection.is_usable());
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
        let tracker = SendTracker::default();
        let body = TrackedBody::new(Bytes::from_static(b"x"), tracker.clone());
        let request = Request::put("/").body(body).unwrap();
        let sent = timeout(Duration::from_secs(5), connection.send(request)).await;
        assert!(sent.expect("it does not hang").is_err());
        assert!(tracker.first_polled_at().is_none() && !connection.is_usable());
    }
}
