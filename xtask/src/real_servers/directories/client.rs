//! The oracle: asks a server whether it accepts a password, and reads its own records.
//!
//! An LDAP client of its own, so that it shares no mistake with the one under test.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::real_servers::servers::Result;

/// The attributes of an entry; names in lower case.
pub(crate) type Attributes = BTreeMap<String, Vec<Vec<u8>>>;

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LdapResult {
    pub(crate) code: u8,
    pub(crate) text: String,
}

/// One connection over TLS.
pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    next_id: u8,
}

/// What trusts the authority in this file.
pub(crate) fn connector(authority: &std::path::Path) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Client {
    pub(crate) async fn connect(port: u16, connector: &TlsConnector) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = connector.connect(name, stream).await?;
        Ok(Self { stream, next_id: 1 })
    }

    /// A simple bind.
    pub(crate) async fn bind(&mut self, name: &str, password: &str) -> Result<LdapResult> {
        let mut bind = element(0x02, &[3]);
        bind.extend(element(0x04, name.as_bytes()));
        bind.extend(element(0x80, password.as_bytes()));
        self.send(&element(0x60, &bind)).await?;
        let (_, body) = self.receive().await?;
        result(&body)
    }

    /// The entry of this name; `None` if there is none or it cannot be read.
    pub(crate) async fn read(&mut self, dn: &str, names: &[&str]) -> Result<Option<Attributes>> {
        let mut search = element(0x04, dn.as_bytes());
        search.extend([0x0a, 1, 0, 0x0a, 1, 0, 0x02, 1, 0, 0x02, 1, 0, 0x01, 1, 0]);
        search.extend(element(0x87, b"objectClass"));
        let names: Vec<u8> = names
            .iter()
            .flat_map(|name| element(0x04, name.as_bytes()))
            .collect();
        search.extend(element(0x30, &names));
        self.send(&element(0x63, &search)).await?;
        let mut entry = None;
        loop {
            match self.receive().await? {
                (0x64, body) => entry = Some(attributes(&body)?),
                (0x65, _) => return Ok(entry),
                _ => {}
            }
        }
    }

    async fn send(&mut self, operation: &[u8]) -> Result<()> {
        let mut message = element(0x02, &[self.next_id]);
        message.extend(operation);
        // One byte; nothing else is outstanding.
        self.next_id = self.next_id % 127 + 1;
        self.stream.write_all(&element(0x30, &message)).await?;
        Ok(self.stream.flush().await?)
    }

    // Tag and contents of the operation in the next message.
    async fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut message = vec![0; 2];
        self.stream.read_exact(&mut message).await?;
        if message[1] & 0x80 != 0 {
            let start = message.len();
            message.resize(start + usize::from(message[1] & 0x7f), 0);
            self.stream.read_exact(&mut message[start..]).await?;
        }
        let start = message.len();
        let length = match message[1] {
            short @ ..0x80 => usize::from(short),
            _ => message[2..]
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        message.resize(start + length, 0);
        self.stream.read_exact(&mut message[start..]).await?;
        let mut contents = &message[start..];
        take(&mut contents)?;
        let (tag, body) = take(&mut contents)?;
        Ok((tag, body.to_vec()))
    }
}

fn result(mut body: &[u8]) -> Result<LdapResult> {
    let (_, code) = take(&mut body)?;
    take(&mut body)?;
    let (_, text) = take(&mut body)?;
    Ok(LdapResult {
        code: code.first().copied().ok_or("a result without a code")?,
        text: String::from_utf8_lossy(text).into_owned(),
    })
}

fn attributes(mut body: &[u8]) -> Result<Attributes> {
    take(&mut body)?;
    let (_, mut list) = take(&mut body)?;
    let mut attributes = Attributes::new();
    while !list.is_empty() {
        let (_, mut attribute) = take(&mut list)?;
        let (_, name) = take(&mut attribute)?;
        let (_, mut set) = take(&mut attribute)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(take(&mut set)?.1.to_vec());
        }
        attributes.insert(String::from_utf8_lossy(name).to_lowercase(), values);
    }
    Ok(attributes)
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    // Four bytes of length are valid for every length.
    element.push(0x84);
    element.extend(u32::try_from(contents.len()).unwrap_or(u32::MAX).to_be_bytes());
    element.extend(contents);
    element
}

// Tag and contents of the first element, which is taken off.
fn take<'a>(bytes: &mut &'a [u8]) -> Result<(u8, &'a [u8])> {
    let short = || "an element is cut off";
    let (tag, rest) = bytes.split_first().ok_or_else(short)?;
    let (first, mut rest) = rest.split_first().ok_or_else(short)?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (digits, after) = rest.split_at_checked(length & 0x7f).ok_or_else(short)?;
        length = digits
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (contents, rest) = rest.split_at_checked(length).ok_or_else(short)?;
    *bytes = rest;
    Ok((*tag, contents))
}
