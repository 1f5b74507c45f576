//! A request's body, and what it says.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use repass_domain::{Password, UserId};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Problem;
use crate::door::{Client, Seal};

/// The longest body that is taken: 32 KiB, what the longest user id and passwords fill when every character is
/// escaped.
pub(crate) const MOST_BYTES: usize = 32 * 1024;
/// How much of a longer one is read all the same, so that its sender hears why.
const MOST_DRAINED: usize = 1 << 20;
/// How long a body may take to come in.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body in JSON, raw, in memory that wipes itself.
pub(crate) struct Json {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Who has sent it, if that can be told.
    pub(crate) client: Option<Client>,
}

impl<S: Sync> FromRequest<S> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        if !is_json(&head.headers) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the body as `Content-Type: application/json`",
            ));
        }
        let length = match length(&head.headers) {
            Ok(length) => length,
            Err(problem) => {
                // To close on unread bytes is to take the answer away from the client.
                let _ = timeout(PATIENCE, drain(body)).await;
                return Err(problem);
            }
        };
        let reading = match head.extensions.get::<Seal>() {
            Some(seal) => timeout(PATIENCE, sealed(body, seal.clone())).await,
            None => timeout(PATIENCE, plain(body, length)).await,
        };
        match reading {
            Ok(Some(bytes)) if bytes.len() == length => Ok(Self {
                bytes,
                client: head.extensions.get::<Client>().copied(),
            }),
            Ok(_) => Err(invalid("the body ends before its `Content-Length`")),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the body did not come in within 10 seconds, so nothing was sent",
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
        // Its bytes would have to pass the server's own buffers.
        return Err(Problem::new(
            StatusCode::LENGTH_REQUIRED,
            "length_required",
            "send the body whole, with its `Content-Length` and without `Transfer-Encoding`",
        ));
    }
    let value = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    // The server has seen to it that it is a number.
    let length = value.map_or(Some(0), |value| value.parse().ok());
    length.filter(|length| *length <= MOST_BYTES).ok_or_else(|| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the body is longer than {MOST_BYTES} bytes"),
        )
    })
}

/// Reads what will not be kept, up to a bound.
async fn drain(mut body: Body) {
    let mut read = 0;
    while read < MOST_DRAINED
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.into_data().map_or(0, |data| data.len());
    }
}

/// What came in past the server, which has seen as many zeros.
async fn sealed(body: Body, seal: Seal) -> Option<Zeroizing<Vec<u8>>> {
    let mut body = body;
    while let Some(frame) = body.frame().await {
        frame.ok()?;
    }
    Some(seal.take())
}

/// What comes without a connection, in tests.
async fn plain(body: Body, length: usize) -> Option<Zeroizing<Vec<u8>>> {
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

impl Json {
    /// What it says. Of what is wrong only the place is told: what stands there may be a password.
    pub(super) fn read<T: DeserializeOwned>(&self, members: &str) -> Result<T, Problem> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            let what = if error.is_data() {
                format!("is no object of {members}, each at most once and of its type")
            } else {
                "is no good JSON".to_owned()
            };
            let (line, column) = (error.line(), error.column());
            invalid(&format!("the body {what}: see line {line}, column {column}"))
        })
    }
}

pub(super) fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
}

/// Values of a body, and everything that is wrong with them.
#[derive(Default)]
pub(super) struct Values(Vec<String>);

impl Values {
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

    /// Everything that is wrong, if anything is.
    pub(super) fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(invalid(&self.0.join("; ")))
    }
}
