//! Answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use serde::Serialize;

/// A request whose body has arrived in full.
pub(crate) type FullRequest = Request<Bytes>;

/// A response before it is put on the wire.
pub(crate) type FullResponse = Response<Bytes>;

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> FullResponse {
    let mut response = FullResponse::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A body of this content type.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> FullResponse {
    let mut response = empty(status);
    *response.body_mut() = body.into();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON body of the usual content type.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> FullResponse {
    json_as(status, "application/json; charset=utf-8", body)
}

/// A JSON body of this content type.
pub(crate) fn json_as(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> FullResponse {
    match serde_json::to_vec(body) {
        Ok(bytes) => with_body(status, content_type, bytes),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
