//! Answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use serde::Serialize;

/// A request whose body has arrived in full.
pub(crate) type Received = Request<Bytes>;

/// An answer before it is put on the wire.
pub(crate) type Reply = Response<Bytes>;

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Bytes::new());
    *reply.status_mut() = status;
    reply
}

/// A body of this content type.
pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = body.into();
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// A JSON body of the usual content type.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    json_as(status, "application/json; charset=utf-8", body)
}

/// A JSON body of this content type.
pub(crate) fn json_as(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Reply {
    match serde_json::to_vec(body) {
        Ok(bytes) => with_body(status, content_type, bytes),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
