//! A response.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use repass_domain::Redactor;
use tokio::time::Instant;

use crate::Json;

/// An HTTP response of the provider. `Debug` shows no body: providers echo what they were sent.
#[derive(Clone)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    // Decoded when first asked for.
    pub(crate) json: OnceLock<Option<Json>>,
    end: End,
    in_doubt: bool,
    wait: Option<Duration>,
    rejects_grant: bool,
    sent_at: Option<Instant>,
    redactor: Option<Arc<Redactor>>,
}

static ENVOY_ATTEMPT_COUNT: HeaderName = HeaderName::from_static("x-envoy-attempt-count");

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
    /// Its rest did not come in time.
    Late,
}

impl Response {
    /// The default maximum size of a response's body, in bytes; what lies beyond counts as cut. A
    /// [`Request`](crate::Request) can set another.
    pub const MAX_BODY: usize = 64 * 1024;

    /// Creates a complete response without headers or body.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            json: OnceLock::new(),
            end: End::Whole,
            in_doubt: false,
            wait: None,
            rejects_grant: false,
            sent_at: None,
            redactor: None,
        }
    }

    /// Replaces the response's headers.
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Sets a header of the response, in place of an earlier one of this name.
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Sets a response body that arrived whole.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.json = OnceLock::new();
        self
    }

    /// Marks the body as cut: the rest was lost, late, or beyond [`MAX_BODY`](Self::MAX_BODY).
    pub fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    /// Marks the body as cut because the rest did not come in time.
    pub fn late(mut self) -> Self {
        self.end = End::Late;
        self
    }

    /// Sets the instant at which the request left, for clients that know it.
    pub fn leaving(mut self, sent_at: Option<Instant>) -> Self {
        self.sent_at = sent_at;
        self
    }

    /// The instant at which the request left, if the client knows it.
    pub fn sent_at(&self) -> Option<Instant> {
        self.sent_at
    }

    /// Sets the redactor that knows the credentials of the request.
    pub fn with_redactor(mut self, redactor: Option<Arc<Redactor>>) -> Self {
        self.redactor = redactor;
        self
    }

    /// The redactor that knows repass's own credentials in the request: a peer may quote them, in any encoding. Show
    /// nothing of a response that it has not redacted.
    pub fn redactor(&self) -> Option<&Redactor> {
        self.redactor.as_deref()
    }

    /// Redacts a text of this response: without repass's own credentials, fit to be shown in one line. Texts that may
    /// quote a password go through the call's `CallRedactor` in place of this.
    pub fn sanitize(&self, text: &str) -> String {
        Redactor::sanitize_all(self.redactor().as_slice(), text)
    }

    /// Marks the response as that of the last of several attempts, of which the provider may have acted on an earlier
    /// one.
    pub fn in_doubt(mut self) -> Self {
        self.in_doubt = true;
        self
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the value of this header, if there is one and it is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        // Cheaper than to hash the name: a response has few headers.
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(other, _)| other.as_str().eq_ignore_ascii_case(name))?;
        value.to_str().ok()
    }

    /// Every value of this header that is visible ASCII.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }

    /// The bytes of the body that arrived, as they arrived. It may echo the token and the password: what is shown of
    /// it goes through the [`redactor`](Self::redactor), after it was decoded.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the body is a web page or another document in a markup language.
    pub fn is_markup(&self) -> bool {
        self.text().trim_start().starts_with('<')
    }

    /// Whether the body arrived whole.
    pub fn is_complete(&self) -> bool {
        self.end == End::Whole
    }

    pub(crate) fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// How long to wait before the next request, after a rate limit refusal. This is what the server says, or longer
    /// where that turned out to be too short.
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    pub(crate) fn with_rejected_grant(mut self) -> Self {
        self.rejects_grant = true;
        self
    }

    /// Whether the response rejects a token that was granted only just before, and was replaced in vain. Where each
    /// grant voids the one before, another process uses the same client.
    pub fn rejects_grant(&self) -> bool {
        self.rejects_grant
    }

    /// Whether the body was cut because its rest did not come in time.
    pub fn is_late(&self) -> bool {
        self.end == End::Late
    }

    /// Whether the provider may have acted on an earlier sending of the same request. A refusal then speaks for the
    /// last one only. Either this side sent it again, which never happens to a request that must not be resent unless
    /// nothing was done, or a gateway says that it did.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt || self.gateway_resent()
    }

    // Envoy, and the meshes built on it, count their sendings in the response (documented).
    fn gateway_resent(&self) -> bool {
        let counts = self.headers.get_all(&ENVOY_ATTEMPT_COUNT).iter();
        counts.into_iter().any(|count| {
            let count = count.to_str().ok().and_then(|text| text.trim().parse().ok());
            count.is_none_or(|count: u64| count > 1)
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("end", &self.end)
            .field("in_doubt", &self.in_doubt)
            .finish_non_exhaustive()
    }
}
