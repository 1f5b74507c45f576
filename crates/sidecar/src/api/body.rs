//! The body of a request.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http_body_util::BodyExt as _;
use repass_domain::{Password, UserId};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Problem;
use crate::net::{BodyCapture, ClientId};

/// The longest body that is accepted: 32 KiB, enough for the longest user id and passwords with every character
/// escaped.
pub(crate) const MAX_BODY_BYTES: usize = 32 * 1024;
/// How much of a longer body is read, so that its sender receives the response.
const MAX_DRAINED_BYTES: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body, unparsed, in memory that is wiped.
pub(crate) struct JsonBody {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Its sender, if it can be identified.
    pub(crate) client: Option<ClientId>,
}

impl<S: Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        if !is_json(&head.headers) {
            return Err(Problem::new(
                "unsupported_media_type",
                "send the body as `Content-Type: application/json`",
            ));
        }
        let length = match length(&head.headers) {
            Ok(length) => length,
            Err(problem) => {
                // Closing with unread bytes would reset the connection before the client has read the response.
                let _ = timeout(BODY_TIMEOUT, drain(body)).await;
                return Err(problem);
            }
        };
        let reading = match head.extensions.get::<BodyCapture>() {
            Some(capture) => timeout(BODY_TIMEOUT, read_captured(body, capture.clone())).await,
            None => timeout(BODY_TIMEOUT, read_plain(body, length)).await,
        };
        match reading {
            Ok(Some(bytes)) if bytes.len() == length => Ok(Self {
                bytes,
                client: head.extensions.get::<ClientId>().copied(),
            }),
            Ok(_) => Err(invalid("the body ends before its `Content-Length`")),
            Err(_) => Err(Problem::new(
                "request_timeout",
                "the body did not arrive within 10 seconds, so nothing was sent",
            )),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn length(headers: &HeaderMap) -> Result<usize, Problem> {
    if headers.contains_key(TRANSFER_ENCODING) {
        // The bytes of a chunked body would pass through the server's own buffers.
        return Err(Problem::new(
            "length_required",
            "send the body whole, with its `Content-Length` and without `Transfer-Encoding`",
        ));
    }
    let value = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    // The server has checked that it is a number.
    let length = value.map_or(Some(0), |value| value.parse().ok());
    length.filter(|length| *length <= MAX_BODY_BYTES).ok_or_else(|| {
        Problem::new(
            "body_too_large",
            format!("the body is longer than {MAX_BODY_BYTES} bytes"),
        )
    })
}

/// Reads and discards a body, up to a bound.
async fn drain(mut body: Body) {
    let mut read = 0;
    while read < MAX_DRAINED_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.into_data().map_or(0, |data| data.len());
    }
}

/// A body that bypassed the server, which saw as many zeros.
async fn read_captured(body: Body, capture: BodyCapture) -> Option<Zeroizing<Vec<u8>>> {
    let mut body = body;
    while let Some(frame) = body.frame().await {
        frame.ok()?;
    }
    Some(capture.take_body())
}

/// A body of a request without a connection, in tests.
async fn read_plain(body: Body, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut body = body;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    while let Some(frame) = body.frame().await {
        let data = frame.ok()?.into_data().ok()?;
        if bytes.len() + data.len() > length {
            return None;
        }
        bytes.extend_from_slice(&data);
    }
    Some(bytes)
}

impl JsonBody {
    /// Parses it. An error names the position only: the text there may be a password.
    pub(super) fn parse<T: DeserializeOwned>(&self, members: &str) -> Result<T, Problem> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            let what = if error.is_data() {
                format!("is not an object of {members}, each at most once and of its type")
            } else {
                "is not valid JSON".to_owned()
            };
            let (line, column) = (error.line(), error.column());
            invalid(&format!("the body {what}: see line {line}, column {column}"))
        })
    }
}

pub(super) fn invalid(detail: &str) -> Problem {
    Problem::new("invalid_request", detail)
}

/// Converts the fields of a body and collects everything that is wrong with them.
#[derive(Default)]
pub(super) struct Fields(Vec<String>);

impl Fields {
    pub(super) fn user(&mut self, id: Option<&str>) -> Option<UserId> {
        let Some(id) = id else {
            self.0.push("`user` is missing".to_owned());
            return None;
        };
        UserId::new(id)
            .map_err(|error| self.0.push(format!("`user`: {error}")))
            .ok()
    }

    pub(super) fn password(&mut self, name: &str, secret: Option<SecretString>) -> Option<Password> {
        let Some(secret) = secret else {
            self.0.push(format!("`{name}` is missing"));
            return None;
        };
        self.optional(name, Some(secret))
    }

    pub(super) fn optional(&mut self, name: &str, secret: Option<SecretString>) -> Option<Password> {
        let password = Password::new(secret?);
        password
            .map_err(|error| self.0.push(format!("`{name}` {}", error.reason())))
            .ok()
    }

    /// Fails with everything that is wrong.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(invalid(&self.0.join("; ")))
    }
}
