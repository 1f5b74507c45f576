//! Requests and responses, as far as a provider in a function needs them.

use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const MOST: usize = 1 << 20;

/// A request that the emulated provider received.
#[derive(Debug, Clone, Default)]
pub struct ProviderRequest {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl ProviderRequest {
    /// The HTTP method of the request: `PATCH`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The request's path with its query, as it was sent: `/users/alice@example.com`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the value of this header of the request; names are taken in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The bytes of the request's body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The request's body as text, without blanks around it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }

    /// Returns the text of this field of the request's flat JSON body, if there is one.
    pub fn json_text(&self, field: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get(field)?.as_str().map(str::to_owned)
    }

    /// Reads a request's head, with whatever came of its body; `None` when the connection ends before.
    pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<(Self, usize)>> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if bytes.len() > MOST || stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        };
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8_lossy(&bytes);
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let headers = lines.filter_map(|line| line.split_once(':'));
        let request = Self {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            body,
        };
        let length = request.header("content-length").unwrap_or("0").parse::<usize>();
        let length = length.ok().filter(|length| *length <= MOST);
        let length = length.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        Ok(Some((request, length)))
    }

    /// Reads on until there is this much of the body.
    pub(super) async fn read_body(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        length: usize,
    ) -> Result<()> {
        while self.body.len() < length {
            if stream.read_buf(&mut self.body).await? == 0 {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
        }
        Ok(())
    }
}

/// The response of the emulated provider, and the password that it sets.
#[derive(Debug, Clone)]
pub struct ProviderResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) sets: Option<String>,
    pub(super) reads: bool,
}

impl ProviderResponse {
    /// Creates a response of this status and body that changes nothing. The body goes as JSON, unless it is a web
    /// page.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        let kind = if body.starts_with('<') {
            "text/html"
        } else {
            "application/json"
        };
        Self {
            status,
            headers: vec![("content-type", kind.to_owned())],
            body,
            sets: None,
            reads: false,
        }
    }

    /// Creates a response with which the provider sets the user's password to this one.
    pub fn set_password(password: impl Into<String>, status: u16, body: impl Into<String>) -> Self {
        Self {
            sets: Some(password.into()),
            ..Self::new(status, body)
        }
    }

    /// The same response to a request that changes nothing by itself, whatever its method: it does not count as a change
    /// that was sent.
    pub fn reading(mut self) -> Self {
        self.reads = true;
        self
    }

    /// Adds a header to the response.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if self.status != 204 {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head + "\r\n"
    }
}
