//! One connection, owned and driven by the call that uses it.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::ber::sequence_size;
use super::connector::LdapStream;
use super::{Control, Message, Request, Response, oid};
use crate::send_tracker::SendTracker;
use crate::{Cause, TransportError};

/// The most bytes of one message: entries are asked for a few attributes only.
const MOST_BYTES: usize = 1 << 20;
const CHUNK: usize = 4096;

/// A connection without a task: dropping it closes it there and then, with what is left in its buffers.
pub(super) struct Connection {
    stream: Box<dyn LdapStream>,
    host: String,
    /// What was read and does not make a message yet. Servers can quote what they were sent.
    received: Zeroizing<Vec<u8>>,
    last_id: u32,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn LdapStream>, host: String) -> Self {
        Self {
            stream,
            host,
            received: Zeroizing::new(Vec::with_capacity(CHUNK)),
            last_id: 0,
        }
    }

    /// Sends one request; its message id. The tracker is marked when the last byte is handed over: without it, the
    /// server cannot have acted.
    pub(super) async fn send(
        &mut self,
        request: &Request<'_>,
        controls: &[Control],
        tracker: &SendTracker,
        deadline: Instant,
    ) -> Result<u32, TransportError> {
        self.last_id += 1;
        let message = request.encode(self.last_id, controls);
        let message = message
            .map_err(|_| TransportError::not_sent(Cause::InvalidRequest, "the request cannot be encoded"))?;
        if !self.is_quiet().await {
            let what = format!(
                "the connection to {} ended before the request was sent",
                self.host
            );
            return Err(TransportError::not_sent(Cause::Unreachable, what));
        }
        let write = async {
            let mut rest = &message[..];
            while !rest.is_empty() {
                let stream = &mut self.stream;
                let written = poll_fn(|cx| {
                    // The rest is offered whole, and so is the last byte.
                    tracker.mark();
                    Pin::new(&mut **stream).poll_write(cx, rest)
                });
                match written.await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    count => rest = &rest[count..],
                }
            }
            self.stream.flush().await
        };
        match timeout_at(deadline, write).await {
            Ok(Ok(())) => Ok(self.last_id),
            Ok(Err(_)) => Err(self.broken(tracker)),
            Err(_) => Err(self.late(tracker)),
        }
    }

    /// The next response to this request.
    pub(super) async fn receive(
        &mut self,
        id: u32,
        tracker: &SendTracker,
        deadline: Instant,
    ) -> Result<Message, TransportError> {
        loop {
            match sequence_size(&self.received, MOST_BYTES) {
                Ok(Some(size)) if size <= self.received.len() => return self.take(size, id),
                Ok(_) => {}
                Err(_) => return Err(self.unreadable()),
            }
            let mut chunk = Zeroizing::new([0; CHUNK]);
            match timeout_at(deadline, self.stream.read(&mut *chunk)).await {
                Ok(Ok(count)) if count > 0 => self.append(&chunk[..count]),
                Ok(_) => return Err(self.broken(tracker)),
                Err(_) => return Err(self.late(tracker)),
            }
        }
    }

    // A vector that grows by itself would leave a copy behind.
    fn append(&mut self, bytes: &[u8]) {
        let length = self.received.len() + bytes.len();
        if length > self.received.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
            larger.extend_from_slice(&self.received);
            self.received = larger;
        }
        self.received.extend_from_slice(bytes);
    }

    fn take(&mut self, size: usize, id: u32) -> Result<Message, TransportError> {
        let message = Message::decode(&self.received[..size]).map_err(|_| self.unreadable())?;
        let left = self.received.len() - size;
        self.received.copy_within(size.., 0);
        self.received[left..].fill(0);
        self.received.truncate(left);
        if message.id == id {
            return Ok(message);
        }
        match message.response {
            Response::Extended(extended)
                if message.id == 0 && extended.name.as_deref() == Some(oid::NOTICE_OF_DISCONNECTION) =>
            {
                let what = format!("{} announced that it closes the connection", self.host);
                Err(TransportError::lost(Cause::ConnectionLost, what))
            }
            _ => Err(self.unreadable()),
        }
    }

    /// Whether the peer has neither closed the connection nor sent what nothing asked for.
    async fn is_quiet(&mut self) -> bool {
        if !self.received.is_empty() {
            return false;
        }
        let stream = &mut self.stream;
        poll_fn(|cx| {
            let mut byte = [0; 1];
            let look = Pin::new(&mut **stream).poll_read(cx, &mut ReadBuf::new(&mut byte));
            Poll::Ready(look.is_pending())
        })
        .await
    }

    /// Says goodbye, as far as that goes without waiting.
    pub(super) async fn close(mut self, deadline: Instant) {
        let tracker = SendTracker::default();
        if self.send(&Request::Unbind, &[], &tracker, deadline).await.is_ok() {
            // TLS says goodbye too. Nothing depends on it.
            let _ = timeout_at(deadline, self.stream.shutdown()).await;
        }
    }

    fn unreadable(&self) -> TransportError {
        let what = format!("{} answered, but its answer is not readable LDAP", self.host);
        TransportError::lost(Cause::UnreadableAnswer, what)
    }

    fn broken(&self, tracker: &SendTracker) -> TransportError {
        let what = format!("the connection to {} broke before its response", self.host);
        match tracker.first_polled_at() {
            None => TransportError::not_sent(Cause::Unreachable, what),
            Some(_) => TransportError::lost(Cause::ConnectionLost, what),
        }
    }

    fn late(&self, tracker: &SendTracker) -> TransportError {
        let what = format!("{} did not answer in time", self.host);
        match tracker.first_polled_at() {
            None => TransportError::not_sent(Cause::BudgetExhausted, what),
            Some(_) => TransportError::lost(Cause::TimedOut, what),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}
