//! An answer that is ready to be sent, more than once if need be.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// Whether an answer is kept under its client's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// For as long as keys are kept: the change was made, or may have been.
    Certain,
    /// The provider has refused the change. Where there is no room for it, the change can be asked for again.
    Droppable,
    /// Not at all: the provider was not asked.
    None,
}

/// An answer in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    body: Bytes,
    content_type: &'static str,
    /// In how many seconds it makes sense to come back.
    retry_after: Option<u64>,
    is_replay: bool,
    retention: Retention,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        Self::new(status, "application/json", value)
    }

    pub(crate) fn problem(status: StatusCode, value: &impl Serialize, retry_after: Option<Duration>) -> Self {
        Self {
            // Rounded up: to come back too early is to be refused again.
            retry_after: retry_after.map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
            ..Self::new(status, "application/problem+json", value)
        }
    }

    fn new(status: StatusCode, content_type: &'static str, value: &impl Serialize) -> Self {
        // Nothing that is told here has keys that are no strings.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self {
            status,
            // It may be kept for long, and then without room to grow.
            body: body.into_boxed_slice().into(),
            content_type,
            retry_after: None,
            is_replay: false,
            retention: Retention::Certain,
        }
    }

    /// The same, kept in this way.
    pub(crate) fn kept(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    pub(crate) fn retention(&self) -> Retention {
        self.retention
    }

    /// How many bytes its body has.
    pub(crate) fn length(&self) -> usize {
        self.body.len()
    }

    /// The same, told to be one that was given before.
    pub(crate) fn replayed(mut self) -> Self {
        self.is_replay = true;
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.is_replay {
            const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
