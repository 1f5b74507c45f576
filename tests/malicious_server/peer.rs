//! A server that takes a request and then does as it likes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What it does once it has the whole request.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// These bytes, and then it closes.
    Once(Vec<u8>),
    /// The same, and then it waits for more.
    Stays(Vec<u8>),
    /// The first bytes, and then the others without end, as fast as they are taken.
    Endlessly(Vec<u8>, Vec<u8>),
    /// These bytes one at a time, with a pause after each, again and again.
    Slowly(Vec<u8>),
    /// A refusal that quotes the request wherever it can.
    Echo,
    /// To each connection the next of these.
    InTurn(Vec<Says>),
}

/// Where it listens, and how much of its answers has been taken.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) taken: Arc<AtomicU64>,
}

pub(crate) async fn start(says: Says) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((socket, _)) = listener.accept().await else {
                return;
            };
            let says = match &says {
                Says::InTurn(turns) => turns[connection % turns.len()].clone(),
                says => says.clone(),
            };
            tokio::spawn(serve(socket, says, Arc::clone(&counted)));
        }
    });
    Peer { address, taken }
}

async fn serve(mut socket: TcpStream, says: Says, taken: Arc<AtomicU64>) {
    let Ok(request) = request(&mut socket).await else {
        return;
    };
    // That the client has gone ends it, as it should.
    let _ = match says {
        Says::Once(bytes) => give(&mut socket, &bytes, &taken).await,
        Says::Stays(bytes) => {
            let given = give(&mut socket, &bytes, &taken).await;
            let _ = socket.read(&mut [0]).await;
            given
        }
        Says::Endlessly(first, others) => {
            let mut given = give(&mut socket, &first, &taken).await;
            while given.is_ok() {
                given = give(&mut socket, &others, &taken).await;
            }
            given
        }
        Says::Slowly(bytes) => loop {
            for byte in &bytes {
                if give(&mut socket, &[*byte], &taken).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        },
        Says::Echo => {
            let said = String::from_utf8_lossy(&request);
            let errors = json!([{"code": said, "description": said}]);
            let body =
                json!({"code": 1123, "message": said, "succeeded": false, "errors": errors}).to_string();
            let head = format!(
                "HTTP/1.1 400 No\r\nx-zm-trackingid: {}\r\ncontent-length: {}\r\n\r\n",
                said.lines().last().unwrap_or_default().trim(),
                body.len()
            );
            give(&mut socket, &[head, body].concat().into_bytes(), &taken).await
        }
        Says::InTurn(_) => Ok(()),
    };
}

async fn give(socket: &mut TcpStream, bytes: &[u8], taken: &AtomicU64) -> io::Result<()> {
    socket.write_all(bytes).await?;
    taken.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    Ok(())
}

// Its head, and then as much as the head announces.
async fn request(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
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
                return Ok(seen);
            }
        }
    }
}
