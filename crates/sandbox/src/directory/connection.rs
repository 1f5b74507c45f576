//! One connection: its bytes, its TLS and its faults.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ber::{self, Lengths};
use super::faults::{DirectoryCut, DirectoryFault, DirectoryOperation, DirectoryResponse};
use super::message::{LdapResult, Operation, Request, Response};
use super::options::DirectoryKind;
use super::session::{Session, Shared};
use crate::faults::{CutKind, Timing};
use crate::faulty_stream::Resettable as _;

/// More than any request that changes a password.
const LARGEST_MESSAGE: usize = 1 << 16;

/// The first byte of TLS. No LDAP message starts with it.
const TLS_RECORD: u8 = 0x16;

enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Stream {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(buffer).await,
            Self::Encrypted(stream) => stream.read_buf(buffer).await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Encrypted(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    // Ends it, once the client has left in the case of a stall.
    async fn end(mut self, how: CutKind) -> io::Result<()> {
        match (how, &mut self) {
            (CutKind::Fin, Self::Plain(stream)) => stream.shutdown().await,
            (CutKind::Fin, Self::Encrypted(stream)) => stream.shutdown().await,
            (CutKind::Rst, Self::Plain(stream)) => {
                stream.reset_on_close();
                Ok(())
            }
            (CutKind::Rst, Self::Encrypted(stream)) => {
                stream.reset_on_close();
                Ok(())
            }
            (CutKind::Stall, _) => {
                let mut ignored = Vec::new();
                while self.read(&mut ignored).await? > 0 {
                    ignored.clear();
                }
                Ok(())
            }
        }
    }
}

/// Serves a client until it leaves or a fault ends the connection.
pub(super) async fn serve(socket: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut first = [0];
    let mut session = Session::default();
    let mut stream = if socket.peek(&mut first).await? == 1 && first == [TLS_RECORD] {
        session.is_encrypted = true;
        Stream::Encrypted(Box::new(tls.accept(socket).await?))
    } else {
        Stream::Plain(socket)
    };
    let lengths = match shared.options.kind {
        DirectoryKind::Slapd => Lengths::Minimal,
        DirectoryKind::ActiveDirectory => Lengths::Long,
    };
    let mut buffer = Vec::new();
    while let Some(message) = next_message(&mut stream, &mut buffer).await? {
        let Ok(request) = Request::read(&message) else {
            return Ok(());
        };
        if matches!(request.operation, Operation::Unbind) {
            return Ok(());
        }
        let subject = shared.subject(&session, &request);
        if let Some((DirectoryOperation::Change, Some(user))) = &subject {
            *shared.accounts().change_requests.entry(user.clone()).or_default() += 1;
        }
        let fault = subject
            .as_ref()
            .and_then(|(operation, user)| shared.faults.take(*operation, user.as_deref()));
        let starts_tls = matches!(subject, Some((DirectoryOperation::StartTls, _))) && !session.is_encrypted;
        let (response, cut) = match fault {
            None => (
                bytes(&shared.respond(&mut session, &request), request.id, lengths),
                None,
            ),
            Some(fault) => {
                let cut = fault.cut;
                (
                    respond_with_fault(&shared, &mut session, &request, fault, lengths).await,
                    cut,
                )
            }
        };
        if let Some(DirectoryCut { after, how }) = cut {
            stream.write(&response[..after.min(response.len())]).await?;
            return stream.end(how).await;
        }
        stream.write(&response).await?;
        if starts_tls {
            // Bytes that came in clear behind the request are not part of the encrypted session.
            let Stream::Plain(socket) = stream else {
                return Ok(());
            };
            if !buffer.is_empty() {
                return Ok(());
            }
            stream = Stream::Encrypted(Box::new(tls.accept(socket).await?));
            session = Session {
                is_encrypted: true,
                ..Session::default()
            };
        }
    }
    Ok(())
}

async fn respond_with_fault(
    shared: &Shared,
    session: &mut Session,
    request: &Request,
    fault: DirectoryFault,
    lengths: Lengths,
) -> Vec<u8> {
    let delay = Duration::from_millis(fault.delay_ms);
    if fault.when == Timing::BeforeApply {
        tokio::time::sleep(delay).await;
    }
    let responses = fault.acts().then(|| shared.respond(session, request));
    if fault.when == Timing::AfterApply {
        tokio::time::sleep(delay).await;
    }
    match fault.respond {
        Some(DirectoryResponse::Bytes(bytes)) => bytes,
        Some(DirectoryResponse::Result { code, text, referral }) => {
            let mut result = LdapResult::new(code, text);
            result.referral = referral;
            bytes(
                &[Response::result(request.operation.tag(), result)],
                request.id,
                lengths,
            )
        }
        Some(DirectoryResponse::MessageId(offset)) => {
            let success = || vec![Response::result(request.operation.tag(), LdapResult::success())];
            let responses = responses.unwrap_or_else(success);
            bytes(&responses, request.id.wrapping_add(offset), lengths)
        }
        None => bytes(&responses.unwrap_or_default(), request.id, lengths),
    }
}

fn bytes(responses: &[Response], id: i32, lengths: Lengths) -> Vec<u8> {
    responses
        .iter()
        .flat_map(|response| response.write(id, lengths))
        .collect()
}

// The next whole message; `None` when the client has left, or sends what is none.
async fn next_message(stream: &mut Stream, buffer: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        match ber::size(buffer) {
            Ok(Some(size)) if size > LARGEST_MESSAGE => return Ok(None),
            Ok(Some(size)) if buffer.len() >= size => {
                let rest = buffer.split_off(size);
                return Ok(Some(std::mem::replace(buffer, rest)));
            }
            Ok(_) => {}
            Err(_) => return Ok(None),
        }
        if stream.read(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
