//! A response in JSON, which can be sent more than once.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::idempotency::StoredResponse;

const RESULT: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// Whether a response is kept under its client's idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// For the full retention time: the change was made, or may have been.
    Keep,
    /// Until its space is needed: the provider rejected the change, so the change can be requested again.
    Evictable,
    /// Not at all: the provider was not called.
    None,
}

/// A response in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    body: Bytes,
    content_type: &'static str,
    /// In seconds.
    retry_after: Option<u64>,
    is_replay: bool,
    retention: Retention,
}

impl ApiResponse {
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        Self::new(status, RESULT, value)
    }

    pub(crate) fn problem(status: StatusCode, value: &impl Serialize, retry_after: Option<Duration>) -> Self {
        Self {
            // Rounded up: a request that comes too early is rejected again.
            retry_after: retry_after.map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
            ..Self::new(status, PROBLEM, value)
        }
    }

    fn new(status: StatusCode, content_type: &'static str, value: &impl Serialize) -> Self {
        // Serialization only fails for map keys that are not strings.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self {
            status,
            // It may be kept for an hour, so spare capacity is given back.
            body: body.into_boxed_slice().into(),
            content_type,
            retry_after: None,
            is_replay: false,
            retention: Retention::Keep,
        }
    }

    pub(crate) fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    pub(crate) fn retention(&self) -> Retention {
        self.retention
    }

    /// The same, as a store of idempotency keys keeps it.
    pub(crate) fn stored(&self) -> StoredResponse {
        StoredResponse {
            status: self.status.as_u16(),
            is_problem: self.content_type == PROBLEM,
            retry_after: self.retry_after,
            body: self.body.clone(),
            is_evictable: self.retention == Retention::Evictable,
        }
    }

    /// The stored response to the same request, marked as a replay.
    pub(crate) fn replay(stored: StoredResponse) -> Self {
        Self {
            // A store gives back what it was given.
            status: StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: stored.body,
            content_type: if stored.is_problem { PROBLEM } else { RESULT },
            retry_after: stored.retry_after,
            is_replay: true,
            retention: Retention::None,
        }
    }
}

impl IntoResponse for ApiResponse {
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
