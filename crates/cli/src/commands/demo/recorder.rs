//! A listener between repass and the sandbox that sees what really goes over the traffic.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Forwards and records the bytes of both directions.
#[derive(Debug)]
pub(super) struct Recorder {
    addr: SocketAddr,
    traffic: Traffic,
}

/// One HTTP message as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The request line or the status line.
    pub(super) start: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

// The bytes of requests and of responses. The demo's calls are sequential, so the connections need not be
// distinguished.
#[derive(Debug, Clone, Default)]
struct Traffic(Arc<Mutex<[Vec<u8>; 2]>>);

impl Traffic {
    fn bytes(&self) -> MutexGuard<'_, [Vec<u8>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    pub(super) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let recorder = Self {
            addr: listener.local_addr()?,
            traffic: Traffic::default(),
        };
        let traffic = recorder.traffic.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(upstream).await {
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::spawn(forward(from_client, to_server, traffic.clone(), 0));
                    tokio::spawn(forward(from_server, to_client, traffic.clone(), 1));
                }
            }
        });
        Ok(recorder)
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The requests and responses since the last call.
    pub(super) fn take(&self) -> [Vec<Message>; 2] {
        std::mem::take(&mut *self.traffic.bytes()).map(|bytes| messages(&bytes))
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, traffic: Traffic, side: usize) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        // Recorded before it is forwarded, so that a received response is always recorded.
        traffic.bytes()[side].extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines().map(str::to_owned);
        let start = lines.next().unwrap_or_default();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| {
                line.split_once(':')
                    .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            })
            .collect();
        let mut message = Message {
            start,
            headers,
            body: String::new(),
        };
        bytes = &bytes[end + 4..];
        let length = message
            .header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        let (body, rest) = bytes.split_at(bytes.len().min(length));
        message.body = String::from_utf8_lossy(body).into_owned();
        bytes = rest;
        messages.push(message);
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_bytes_split_into_messages() {
        let found =
            messages(b"PUT /a HTTP/1.1\r\nContent-Length: 4\r\nX: y\r\n\r\nbodyGET /b HTTP/1.1\r\n\r\n");
        let starts: Vec<_> = found.iter().map(|message| message.start.as_str()).collect();
        assert_eq!(starts, ["PUT /a HTTP/1.1", "GET /b HTTP/1.1"]);
        assert_eq!((found[0].body.as_str(), found[1].body.as_str()), ("body", ""));
        assert_eq!(found[0].header("x"), Some("y"));
    }
}
