//! A server that gives prepared bytes for an answer and counts what it was asked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// One answer: its bytes, and what happens to the connection afterwards.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
    pub(crate) after: After,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    /// It is closed.
    Close,
    /// It stays open for the next request, at most as long as this.
    Keep(Duration),
    /// It stays open, and nothing more comes.
    Silence,
}

/// Where it listens and how often it was asked, for tokens and for anything else.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    tokens: AtomicUsize,
    requests: AtomicUsize,
    connections: AtomicUsize,
}

struct Answers {
    api: Vec<Raw>,
    tokens: Vec<Raw>,
    counts: Arc<Counts>,
}

impl Server {
    /// The answers are given in turn, the last one again and again.
    pub(crate) async fn start(api: Vec<Raw>, tokens: Vec<Raw>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::<Counts>::default();
        let answers = Arc::new(Answers {
            api,
            tokens,
            counts: Arc::clone(&counts),
        });
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                answers.counts.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, Arc::clone(&answers)));
            }
        });
        Self { address, counts }
    }

    pub(crate) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.counts.tokens.load(Ordering::SeqCst)
    }
}

// That the client has gone ends it.
async fn serve(mut socket: TcpStream, answers: Arc<Answers>) -> io::Result<()> {
    let mut keep = Duration::from_secs(60);
    loop {
        let head = tokio::select! {
            head = request(&mut socket) => head?,
            () = sleep(keep) => return Ok(()),
        };
        let (count, raw) = if head.contains("/token") {
            (&answers.counts.tokens, &answers.tokens)
        } else {
            (&answers.counts.requests, &answers.api)
        };
        let number = count.fetch_add(1, Ordering::SeqCst);
        let raw = raw.get(number).or(raw.last()).expect("an answer is prepared");
        socket.write_all(&raw.bytes).await?;
        match raw.after {
            After::Close => return socket.shutdown().await,
            After::Keep(time) => keep = time,
            After::Silence => {
                sleep(Duration::from_secs(60)).await;
                return Ok(());
            }
        }
    }
}

// Its head, after as much of the body has come as the head announces.
async fn request(socket: &mut TcpStream) -> io::Result<String> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = socket.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let announced = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = announced.map_or(0, |length| length.parse().unwrap());
            if seen.len() >= head.len() + 4 + length {
                return Ok(head.to_owned());
            }
        }
    }
}
