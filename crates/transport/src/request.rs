//! One request, as an adapter describes it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::rate_limiter::Departure;
use crate::{AttemptOutcome, Response, SecretBody, Token};

/// Whether sending a request twice has the effect of sending it once, so that it may be sent again.
///
/// Declared by the operation that knows, for every request; never derived from the HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// Non-idempotent: sent again only when it is certain that the provider did not act on it, as with password
    /// changes.
    NonIdempotent,
    /// Idempotent: may be sent again at any time, because a second time leads to the same state, as with reads.
    Idempotent,
}

/// A callback that is awaited before each attempt to send a request; returns whether to send it.
pub type BeforeSend = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// The credentials with which a request is sent.
#[derive(Debug, Clone, Default)]
pub enum Authorization {
    /// The transport's own credentials.
    #[default]
    Configured,
    /// No credentials.
    None,
    /// These credentials, such as the user's own. They are never renewed.
    Token(Token),
}

/// A function that reads from a response how the attempt ended.
pub type ReadOutcome = Arc<dyn Fn(&Response) -> AttemptOutcome + Send + Sync>;

/// A function that reads from a rate limit response how long to wait, where that stands elsewhere than in a header.
pub type ReadDelay = Arc<dyn Fn(&Response) -> Option<Duration> + Send + Sync>;

#[derive(Clone)]
enum Reading {
    Function(fn(&Response) -> AttemptOutcome),
    Closure(ReadOutcome),
}

/// An HTTP request to the provider, and how its response is to be read.
#[derive(Clone)]
pub struct Request {
    pub(crate) operation: &'static str,
    pub(crate) rate_label: Option<&'static str>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<SecretBody>,
    pub(crate) idempotency: Idempotency,
    pub(crate) budget: Duration,
    reading: Reading,
    delay: Option<ReadDelay>,
    pub(crate) authorization: Authorization,
    pub(crate) answer_limit: usize,
    pub(crate) before_send: Option<BeforeSend>,
    pub(crate) departure: Option<Departure>,
}

// RFC 3986's unreserved characters, and `@`, which every path segment may hold.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Request {
    /// Creates an HTTP request without path and body. `operation` names it in logs and metrics.
    pub fn new(operation: &'static str, method: Method, idempotency: Idempotency) -> Self {
        Self {
            operation,
            rate_label: None,
            method,
            path: String::with_capacity(64),
            headers: Vec::new(),
            body: None,
            idempotency,
            budget: Duration::MAX,
            reading: Reading::Function(AttemptOutcome::of_response),
            delay: None,
            authorization: Authorization::Configured,
            answer_limit: Response::MAX_BODY,
            before_send: None,
            departure: None,
        }
    }

    /// Appends one path segment, percent-encoded, so that it stays one segment. Only `.` and
    /// `..` must not be given: servers take them for steps in any encoding.
    pub fn segment(mut self, segment: &str) -> Self {
        self.path.push('/');
        self.path.extend(utf8_percent_encode(segment, SEGMENT));
        self
    }

    /// Appends one query parameter, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.extend(utf8_percent_encode(name, QUERY));
        self.path.push('=');
        self.path.extend(utf8_percent_encode(value, QUERY));
        self
    }

    /// Sets the label of the provider's rate limit under which the request is counted.
    pub fn counted_as(mut self, label: &'static str) -> Self {
        self.rate_label = Some(label);
        self
    }

    /// Adds a header, whose name is in lower case. `Authorization` and `Content-Type` are set by the client.
    pub fn header(self, name: &'static str, value: &'static str) -> Self {
        self.header_value(HeaderName::from_static(name), HeaderValue::from_static(value))
    }

    /// Adds a header whose name or value is known at run time only.
    pub fn header_value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets the request's path and query below the base URL. They must be percent-encoded, and no segment may be `.`
    /// or `..`.
    pub fn target(mut self, target: String) -> Self {
        self.path = target;
        self
    }

    /// Sets the credentials with which the request is sent.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.authorization = authorization;
        self
    }

    /// Sets the body of the request.
    pub fn body(mut self, body: SecretBody) -> Self {
        self.body = Some(body);
        self
    }

    /// Sets the time within which the request must be delivered, waiting and resending included.
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Sets the callback that is awaited before each sending, with the permit and the token in hand and before the
    /// first byte leaves. If it returns `false` the request fails with [`Cause::Withheld`](crate::Cause::Withheld).
    pub fn before_send(mut self, before_send: Option<BeforeSend>) -> Self {
        self.before_send = before_send;
        self
    }

    /// Sets the function that reads from a response how the attempt ended, where the status alone does not say it.
    pub fn reading(mut self, reading: fn(&Response) -> AttemptOutcome) -> Self {
        self.reading = Reading::Function(reading);
        self
    }

    /// Sets the function that reads a response, as a closure that can use more than the response.
    pub fn reading_by(mut self, reading: ReadOutcome) -> Self {
        self.reading = Reading::Closure(reading);
        self
    }

    /// Sets the function that reads from a rate limit response how long to wait. Where it says nothing, the headers
    /// do.
    pub fn delay_by(mut self, delay: ReadDelay) -> Self {
        self.delay = Some(delay);
        self
    }

    pub(crate) fn delay(&self, response: &Response) -> Option<Duration> {
        self.delay.as_ref().and_then(|delay| delay(response))
    }

    /// Sets the maximum size of the response's body, in bytes, where [`Response::MAX_BODY`] is too little.
    pub fn answer_up_to(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// The HTTP method of the request.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The label of the rate limit that counts the request. Without one it waits only after the server has refused one
    /// like it.
    pub fn rate_label(&self) -> Option<&'static str> {
        self.rate_label
    }

    /// The path and query below the base URL, percent-encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The headers that were added to the request.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.headers.iter().map(|(name, value)| (name, value))
    }

    /// The body of the request, if there is one.
    pub fn secret_body(&self) -> Option<&SecretBody> {
        self.body.as_ref()
    }

    // An empty body is never polled, so the tracker records nothing.
    pub(crate) fn has_body(&self) -> bool {
        self.body.as_ref().is_some_and(|body| !body.bytes().is_empty())
    }

    /// Whether the request may be sent again.
    pub fn idempotency(&self) -> Idempotency {
        self.idempotency
    }

    /// The time within which the request must be delivered.
    pub fn time_budget(&self) -> Duration {
        self.budget
    }

    /// The maximum size of the response's body, in bytes; what lies beyond counts as cut.
    pub fn answer_limit(&self) -> usize {
        self.answer_limit
    }

    pub(crate) fn departing(mut self, departure: Departure) -> Self {
        self.departure = Some(departure);
        self
    }

    /// Marks the request as leaving; an [`HttpClient`](crate::HttpClient) calls it when it has a connection, before
    /// the first byte can leave. Until then the provider's rate limit counts it as one that may arrive at any time;
    /// over a client that does not call this, until its end.
    pub fn mark_sending(&self) {
        if let Some(departure) = &self.departure {
            departure.mark();
        }
    }

    /// Reads from a response to this request how the attempt ended.
    pub fn read(&self, response: &Response) -> AttemptOutcome {
        match &self.reading {
            Reading::Function(read) => read(response),
            Reading::Closure(read) => read(response),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path names a user.
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("idempotency", &self.idempotency)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_segment_is_percent_encoded() {
        let request = Request::new("test", Method::PUT, Idempotency::NonIdempotent)
            .segment("users")
            .segment("a/..?#%2e ü+@x")
            .query("k", "a&b=c");
        assert_eq!(
            request.path(),
            "/users/a%2F..%3F%23%252e%20%C3%BC%2B@x?k=a%26b%3Dc"
        );
        assert!(!format!("{request:?}").contains("users"));
    }
}
