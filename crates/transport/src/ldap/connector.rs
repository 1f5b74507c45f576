//! How a connection to a directory comes about.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::ber::sequence_size;
use super::url::{Address, Security};
use super::{LdapUrl, Message, Request, Response, oid};
use crate::client::error_mapping;
use crate::{Cause, TransportError, TrustedRoots};

/// A connection to a directory server, with or without TLS, for reading and writing.
pub trait LdapStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> LdapStream for S {}

/// Opens connections to one directory server. The seam at which a test puts its own server.
#[async_trait]
pub trait LdapConnector: fmt::Debug + Send + Sync + 'static {
    /// The host and port, or the socket, of the server, for messages.
    fn host(&self) -> &str;

    /// Opens a connection, with TLS where the address has TLS.
    ///
    /// # Errors
    /// It did not come about by the deadline. Nothing of a request was sent.
    async fn connect(&self, deadline: Instant) -> Result<LdapLink, TransportError>;
}

/// An open connection, and which server is at its other end.
pub struct LdapLink {
    /// The connection, for reading and writing.
    pub stream: Box<dyn LdapStream>,
    /// The address of the directory server at the other end. One name can lead to several servers, and what one of
    /// them has recorded says nothing of the others.
    pub server: String,
}

impl LdapLink {
    /// Creates a link over a connection to the server at this address.
    pub fn new(stream: impl LdapStream + 'static, server: impl Into<String>) -> Self {
        let server = server.into();
        Self {
            stream: Box::new(stream),
            server,
        }
    }
}

impl fmt::Debug for LdapLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapLink")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Opens connections to a directory over the network, or to a socket of this machine.
pub struct NetworkConnector {
    url: LdapUrl,
    roots: TrustedRoots,
    connect_timeout: Duration,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl NetworkConnector {
    /// Creates a connector to the server at this URL. Connects to nothing yet.
    pub fn new(url: LdapUrl, roots: TrustedRoots, connect_timeout: Duration) -> Self {
        Self {
            url,
            roots,
            connect_timeout,
            tls: OnceLock::new(),
        }
    }

    async fn connect_tcp(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn secure(&self, host: &str, tcp: TcpStream, server: String) -> Result<LdapLink, TransportError> {
        self.roots.read_ahead().await;
        let config = self
            .tls
            .get_or_init(|| self.roots.verifying_config().map(Arc::new));
        let config = config
            .as_ref()
            .map_err(|why| TransportError::not_sent(Cause::Tls, why.clone()))?;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| TransportError::not_sent(Cause::Tls, "the host is no name of a server"))?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, tcp).await;
        Ok(LdapLink::new(
            stream.map_err(|error| self.failed(&error))?,
            server,
        ))
    }

    fn failed(&self, error: &io::Error) -> TransportError {
        error_mapping::failure(self.url.host(), error, &error_mapping::CONNECTING)
    }

    async fn open(&self) -> Result<LdapLink, TransportError> {
        match self.url.address() {
            Address::Tcp { host, port, security } => {
                let tcp = self.connect_tcp(host, *port).await;
                let mut tcp = tcp.map_err(|error| self.failed(&error))?;
                let server = tcp.peer_addr().map_err(|error| self.failed(&error))?;
                let server = server.to_string();
                match security {
                    Security::Plain => Ok(LdapLink::new(tcp, server)),
                    Security::Tls => self.secure(host, tcp, server).await,
                    Security::StartTls => {
                        start_tls(self.url.host(), &mut tcp).await?;
                        self.secure(host, tcp, server).await
                    }
                }
            }
            #[cfg(unix)]
            Address::Socket(path) => {
                let socket = tokio::net::UnixStream::connect(path).await;
                let socket = socket.map_err(|error| self.failed(&error))?;
                Ok(LdapLink::new(socket, path.display().to_string()))
            }
            #[cfg(not(unix))]
            Address::Socket(_) => Err(TransportError::not_sent(
                Cause::Misconfigured,
                "this system has no sockets for `ldapi`",
            )),
        }
    }
}

#[async_trait]
impl LdapConnector for NetworkConnector {
    fn host(&self) -> &str {
        self.url.host()
    }

    async fn connect(&self, deadline: Instant) -> Result<LdapLink, TransportError> {
        let deadline = deadline.min(Instant::now() + self.connect_timeout);
        match timeout_at(deadline, self.open()).await {
            Ok(result) => result,
            Err(_) => Err(error_mapping::out_of_time(self.url.host(), true)),
        }
    }
}

impl fmt::Debug for NetworkConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConnector")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Asks for TLS on a connection in the clear. What was sent in the clear behind the response would be read by TLS as its
/// own, so it can only fail.
async fn start_tls(host: &str, stream: &mut TcpStream) -> Result<(), TransportError> {
    const ID: u32 = 1;
    const MOST_BYTES: usize = 4096;
    let broken = |error: &io::Error| error_mapping::failure(host, error, &error_mapping::CONNECTING);
    let unreadable = || {
        let what = format!(
            "{host} does not answer StartTLS as a directory does; check the port, and use ldaps if it has TLS only"
        );
        TransportError::not_sent(Cause::UnreadableAnswer, what)
    };
    let request = Request::Extended {
        name: oid::START_TLS,
        value: None,
    };
    let message = request.encode(ID, &[]).map_err(|_| unreadable())?;
    stream.write_all(&message).await.map_err(|error| broken(&error))?;
    let mut answer = Vec::new();
    loop {
        // Byte by byte: what follows the response belongs to TLS.
        answer.push(stream.read_u8().await.map_err(|error| broken(&error))?);
        let size = sequence_size(&answer, MOST_BYTES).map_err(|_| unreadable())?;
        if size.is_some_and(|size| size == answer.len()) {
            break;
        }
    }
    let answer = Message::decode(&answer).map_err(|_| unreadable())?;
    match answer.response {
        Response::Extended(extended) if answer.id == ID => match extended.result.code {
            0 => Ok(()),
            code => {
                let what = format!(
                    "{host} refuses StartTLS (result code {code}), and passwords are sent over TLS only; configure its certificate, or use ldaps"
                );
                Err(TransportError::not_sent(Cause::Tls, what))
            }
        },
        _ => Err(unreadable()),
    }
}
