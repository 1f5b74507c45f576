//! A raw HTTP/1 server that sends scripted bytes, cuts, stalls and floods, and records what it received.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// The bytes of one response, and what happens to the connection afterwards.
#[derive(Debug, Clone)]
pub struct RawResponse {
    /// Sent as they are: status line, header fields and body.
    pub bytes: Vec<u8>,
    /// What follows them.
    pub then: Then,
}

/// What the server does after a response.
#[derive(Debug, Clone)]
pub enum Then {
    /// Closes the connection.
    Close,
    /// Reads the next request, if it arrives within this time.
    KeepAlive(Duration),
    /// Sends nothing more until the client leaves.
    Stall,
    /// Sends these bytes again and again until the client leaves.
    Repeat(Vec<u8>),
    /// The same, one byte at a time with this pause after each.
    Drip(Vec<u8>, Duration),
}

impl RawResponse {
    /// These bytes, after which the connection is closed.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            then: Then::Close,
        }
    }

    /// The same, followed by something else.
    pub fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }
}

/// One request, as it was received.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The number of its connection, counted from 0.
    pub connection: usize,
    /// The request line and header fields, with the blank line.
    pub head: String,
    /// As many bytes as `Content-Length` announces.
    pub body: Vec<u8>,
}

impl RawRequest {
    /// The target of the request line.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Reads one request; `None` if the client closes before its head is complete.
    async fn read(stream: &mut TcpStream, connection: usize) -> io::Result<Option<Self>> {
        let message = RawMessage::read(stream).await?;
        Ok(message.map(|RawMessage { head, body }| Self {
            connection,
            head,
            body,
        }))
    }
}

/// The head and body of a request or response.
#[derive(Debug, Clone)]
pub(crate) struct RawMessage {
    /// The start line and header fields, with the blank line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawMessage {
    /// Reads one message; `None` if the peer closes before its head is complete.
    pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let body = bytes.split_off(end);
        let head = String::from_utf8_lossy(&bytes).into_owned();
        let mut message = Self { head, body };
        let length = message.header("content-length");
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        while message.body.len() < length {
            if stream.read_buf(&mut message.body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(message))
    }

    /// The value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

type Respond = dyn Fn(&RawRequest) -> RawResponse + Send + Sync;

/// The server. It stops when dropped.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    recorded: Arc<Recorded>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Recorded {
    connections: AtomicUsize,
    requests: Mutex<Vec<RawRequest>>,
    sent: AtomicU64,
}

impl FaultServer {
    /// Starts a server that calls `respond` for each request.
    ///
    /// # Panics
    /// If no port of this machine is free.
    pub async fn start(respond: impl Fn(&RawRequest) -> RawResponse + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("cannot listen: {error}"));
        let address = listener.local_addr();
        let address = address.unwrap_or_else(|error| panic!("cannot listen: {error}"));
        let recorded = Arc::<Recorded>::default();
        let accepting = tokio::spawn(accept(listener, Arc::new(respond), Arc::clone(&recorded)));
        Self {
            address,
            recorded,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it accepted.
    pub fn connections(&self) -> usize {
        self.recorded.connections.load(Ordering::SeqCst)
    }

    /// Every request that it received completely.
    pub fn requests(&self) -> Vec<RawRequest> {
        self.recorded.requests().clone()
    }

    /// How many bytes of responses its clients' sockets have taken.
    pub fn bytes_sent(&self) -> u64 {
        self.recorded.sent.load(Ordering::SeqCst)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Recorded {
    fn requests(&self) -> std::sync::MutexGuard<'_, Vec<RawRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}

async fn accept(listener: TcpListener, respond: Arc<Respond>, recorded: Arc<Recorded>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let connection = recorded.connections.fetch_add(1, Ordering::SeqCst);
        let (respond, recorded) = (Arc::clone(&respond), Arc::clone(&recorded));
        // An error means that the client left.
        connections.spawn(async move { drop(serve(stream, connection, &*respond, &recorded).await) });
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    respond: &Respond,
    recorded: &Recorded,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut idle = Duration::from_secs(60);
    loop {
        let Ok(request) = timeout(idle, RawRequest::read(&mut stream, connection)).await else {
            return Ok(());
        };
        let Some(request) = request? else { return Ok(()) };
        let response = respond(&request);
        recorded.requests().push(request);
        recorded.send(&mut stream, &response.bytes).await?;
        match response.then {
            Then::Close => return stream.shutdown().await,
            Then::KeepAlive(time) => idle = time,
            Then::Stall => {
                while stream.read(&mut [0; 512]).await? > 0 {}
                return Ok(());
            }
            Then::Repeat(bytes) => loop {
                recorded.send(&mut stream, &bytes).await?;
            },
            Then::Drip(bytes, pause) => {
                for byte in bytes.iter().cycle() {
                    recorded.send(&mut stream, &[*byte]).await?;
                    sleep(pause).await;
                }
            }
        }
    }
}
