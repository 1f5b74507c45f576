//! A gateway on a socket: a reverse proxy in front of a sandbox, which deals with each user's first request as it
//! was ordered to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::GatewayResponse;
use crate::fault_server::RawMessage;

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(crate) enum GatewayAction {
    /// It is passed on, and the provider's answer back.
    Forward,
    /// It is answered here, and never passed on.
    Reject(GatewayResponse),
    /// It is passed on, and answered here.
    Replace(GatewayResponse),
    /// It is answered here, and passed on later.
    TimeOut(GatewayResponse),
    /// It is passed on twice, and the second answer back, saying so.
    Duplicate,
    /// It is passed on twice, and answered here.
    DuplicateSilently(GatewayResponse),
    /// It is passed on, and the response back without its end.
    Truncate,
}

/// How a response is put on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ResponseForm {
    pub(crate) head: Head,
    pub(crate) body: Body,
    pub(crate) framing: Framing,
    /// The connection is kept for a number of seconds, as its answer says.
    pub(crate) keep_alive: Option<u64>,
}

/// Heads that clients read all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Head {
    #[default]
    Plain,
    ControlByte,
    Folded,
    BlankInName,
    BlankBeforeColon,
    /// 150 header fields.
    Many,
}

impl Head {
    pub(crate) const ALL: [Self; 6] = [
        Self::Plain,
        Self::ControlByte,
        Self::Folded,
        Self::BlankInName,
        Self::BlankBeforeColon,
        Self::Many,
    ];
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Body {
    #[default]
    Plain,
    ByteOrderMark,
    Gzip,
}

impl Body {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::ByteOrderMark, Self::Gzip];
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    #[default]
    Length,
    Chunked,
    /// The body ends with the connection.
    Close,
}

impl Framing {
    pub(crate) const ALL: [Self; 3] = [Self::Length, Self::Chunked, Self::Close];
}

/// The proxy. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    users: Mutex<HashMap<String, User>>,
}

#[derive(Debug, Clone)]
struct User {
    action: GatewayAction,
    form: ResponseForm,
    requests: usize,
}

/// A client may be slow to send its next request; a gateway that waits longer closes.
const IDLE: Duration = Duration::from_secs(60);

impl Gateway {
    pub(crate) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            users: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Orders what becomes of this user's first request. Later ones pass.
    pub(crate) fn set_action(&self, user: &str, action: GatewayAction, form: ResponseForm) {
        let user = user.to_ascii_lowercase();
        let take_action = User {
            action,
            form,
            requests: 0,
        };
        self.shared.users().insert(user, take_action);
    }

    /// How many requests about this user have come.
    pub(crate) fn requests(&self, user: &str) -> usize {
        let users = self.shared.users();
        users
            .get(&user.to_ascii_lowercase())
            .map_or(0, |user| user.requests)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn users(&self) -> MutexGuard<'_, HashMap<String, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is ordered for a request with this head.
    fn take_action(&self, head: &str) -> (GatewayAction, ResponseForm) {
        let path = head.split(' ').nth(1).unwrap_or_default().to_ascii_lowercase();
        let path = path.replace("%40", "@");
        let mut users = self.users();
        let named = path.split('/').find_map(|segment| {
            let segment = segment.split('?').next()?;
            users.contains_key(segment).then(|| segment.to_owned())
        });
        let Some(user) = named.and_then(|name| users.get_mut(&name)) else {
            return (GatewayAction::Forward, ResponseForm::default());
        };
        user.requests += 1;
        if user.requests > 1 {
            return (GatewayAction::Forward, ResponseForm::default());
        }
        (user.action.clone(), user.form)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        // A client that goes away in the middle has its reasons.
        connections.spawn(async move { drop(serve(stream, shared).await) });
    }
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut idle = IDLE;
    loop {
        let Ok(request) = timeout(idle, RawMessage::read(&mut client)).await else {
            return client.shutdown().await;
        };
        let Some(request) = request? else { return Ok(()) };
        let (action, form) = shared.take_action(&request.head);
        let pass = async || pass(&request, shared.upstream).await;
        let (response, cut) = match action {
            GatewayAction::Forward => (pass().await?, false),
            GatewayAction::Truncate => (pass().await?, true),
            GatewayAction::Reject(response) => (response, false),
            GatewayAction::Replace(response) => {
                pass().await?;
                (response, false)
            }
            GatewayAction::Duplicate => {
                pass().await?;
                (pass().await?.header("x-envoy-attempt-count", "2"), false)
            }
            GatewayAction::DuplicateSilently(response) => {
                pass().await?;
                pass().await?;
                (response, false)
            }
            GatewayAction::TimeOut(response) => {
                let (request, upstream) = (request.clone(), shared.upstream);
                tokio::spawn(async move {
                    sleep(Duration::from_millis(300)).await;
                    self::pass(&request, upstream).await
                });
                (response, false)
            }
        };
        let mut bytes = serialize(&response, form);
        if cut && !response.body.is_empty() {
            bytes.truncate(bytes.len() - 1 - response.body.len() / 2);
        }
        client.write_all(&bytes).await?;
        let has_body = !response.body.is_empty();
        if has_body && (cut || form.framing == Framing::Close) {
            return client.shutdown().await;
        }
        idle = form.keep_alive.map_or(IDLE, Duration::from_secs);
    }
}

/// Sends a request to the provider. Its answer.
async fn pass(request: &RawMessage, upstream: SocketAddr) -> io::Result<GatewayResponse> {
    const PASSED_BACK: [&str; 4] = [
        "content-type",
        "www-authenticate",
        "retry-after",
        "x-zm-trackingid",
    ];
    let mut stream = TcpStream::connect(upstream).await?;
    stream.write_all(request.head.as_bytes()).await?;
    stream.write_all(&request.body).await?;
    let answer = RawMessage::read(&mut stream).await?;
    let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = answer
        .head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let headers = PASSED_BACK.into_iter().filter_map(|name| {
        let value = answer.header(name)?;
        Some((name, value.to_owned()))
    });
    Ok(GatewayResponse {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        headers: headers.collect(),
        body: String::from_utf8_lossy(&answer.body).into_owned(),
    })
}

fn serialize(response: &GatewayResponse, form: ResponseForm) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} Words\r\n", response.status);
    head.push_str(match form.head {
        Head::Plain | Head::Many => "Server: gateway\r\n",
        Head::ControlByte => "Set-Cookie: ___utmvaX=dmo\u{1}OZPF; path=/\r\n",
        Head::Folded => "Content-Security-Policy: default-src 'self';\r\n\tscript-src 'none'\r\n",
        Head::BlankInName => "X-Powered By: gateway\r\n",
        Head::BlankBeforeColon => "Server : gateway\r\n",
    });
    if form.head == Head::Many {
        for n in 0..150 {
            let _ = write!(head, "X-Gateway-Hop-{n}: {n}\r\n");
        }
    }
    for (name, value) in &response.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(seconds) = form.keep_alive {
        let _ = write!(
            head,
            "Connection: keep-alive\r\nKeep-Alive: timeout={seconds}\r\n"
        );
    }
    let mut body = response.body.clone().into_bytes();
    if response.status == 204 {
        return (head + "\r\n").into_bytes();
    }
    match form.body {
        _ if body.is_empty() => {}
        Body::Plain => {}
        Body::ByteOrderMark => drop(body.splice(..0, *b"\xef\xbb\xbf")),
        Body::Gzip => {
            body = gzip(&body);
            head.push_str("Content-Encoding: gzip\r\n");
        }
    }
    match form.framing {
        Framing::Length => {
            let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
        }
        Framing::Close if !body.is_empty() => head.push_str("Connection: close\r\n\r\n"),
        Framing::Close => head.push_str("Content-Length: 0\r\n\r\n"),
        Framing::Chunked => {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            let mut chunks = Vec::new();
            for chunk in body.chunks(body.len().div_ceil(2).max(1)) {
                chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                chunks.extend_from_slice(chunk);
                chunks.extend_from_slice(b"\r\n");
            }
            chunks.extend_from_slice(b"0\r\n\r\n");
            body = chunks;
        }
    }
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

/// The bytes in gzip's format, in one block that is stored as it is.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_else(|_| panic!("an answer of {} bytes", bytes.len()));
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(&checksum(bytes).to_le_bytes());
    out.extend_from_slice(&u32::from(length).to_le_bytes());
    out
}

// CRC-32, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = !0;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_checksum_matches_the_reference() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }
}
