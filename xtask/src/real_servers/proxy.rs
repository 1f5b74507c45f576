//! A proxy that loses or replaces one response: what lies between repass and a provider, at its worst.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks before the server sees the request.
    LostBefore,
    /// The server acts, and the connection breaks before its response comes back.
    LostAfter,
    /// The server acts, and a gateway answers 502 in its place.
    BadGateway,
    /// The server acts, and a gateway answers 200 with a page.
    PageAfter,
    /// A firewall answers 403 with a page, and the server never sees the request.
    PageBefore,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [
        Self::LostBefore,
        Self::LostAfter,
        Self::BadGateway,
        Self::PageAfter,
        Self::PageBefore,
    ];
}

/// In front of a server. Ends when dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    // The next request that holds this text meets this fault.
    armed: Arc<Mutex<Option<(String, Fault)>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let armed: Arc<Mutex<Option<(String, Fault)>>> = Arc::default();
        let shared = Arc::clone(&armed);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let armed = Arc::clone(&shared);
                // A connection that breaks is what is tested here.
                tokio::spawn(async move { drop(serve(client, upstream, &armed).await) });
            }
        });
        Ok(Self {
            address,
            armed,
            accepting,
        })
    }

    /// The next request whose body holds this text meets the fault.
    pub(crate) fn arm(&self, text: &str, fault: Fault) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((text.to_owned(), fault));
    }

    /// Nothing happens to further requests.
    pub(crate) fn disarm(&self) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    armed: &Mutex<Option<(String, Fault)>>,
) -> io::Result<()> {
    let Some(request) = read_request(&mut client).await? else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&request);
    let fault = {
        let mut armed = armed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*armed {
            Some((part, _)) if text.contains(part.as_str()) => armed.take().map(|(_, fault)| fault),
            _ => None,
        }
    };
    match fault {
        Some(Fault::LostBefore) => return Ok(()),
        Some(Fault::PageBefore) => return client.write_all(page("403 Forbidden").as_bytes()).await,
        _ => {}
    }
    let response = exchange(&request, upstream).await?;
    match fault {
        Some(Fault::LostAfter) => Ok(()),
        Some(Fault::BadGateway) => client.write_all(page("502 Bad Gateway").as_bytes()).await,
        Some(Fault::PageAfter) => client.write_all(page("200 OK").as_bytes()).await,
        _ => client.write_all(&response).await,
    }
}

fn page(status: &str) -> String {
    let body = format!("<!DOCTYPE html><title>{status}</title>");
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

// One request of one connection, which then closes.
async fn read_request(client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let whole = end + 4 + length.unwrap_or(0_usize);
            if request.len() >= whole {
                return Ok(Some(closing(&request, end)));
            }
        }
        if client.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
}

// The same request, after which the server closes the connection.
fn closing(request: &[u8], end: usize) -> Vec<u8> {
    let mut closing = request[..end].to_vec();
    closing.extend_from_slice(b"\r\nConnection: close");
    closing.extend_from_slice(&request[end..]);
    closing
}

async fn exchange(request: &[u8], upstream: SocketAddr) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(request).await?;
    let mut response = Vec::new();
    timeout(Duration::from_secs(60), server.read_to_end(&mut response)).await??;
    Ok(response)
}
