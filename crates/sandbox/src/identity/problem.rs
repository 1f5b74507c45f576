//! Problem details, as the framework writes them with Json.NET.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;

use crate::message::response::{self, FullResponse};

const CONTENT_TYPE: &str = "application/problem+json; charset=utf-8";

/// In the order of the keys on the wire.
#[derive(Debug, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a BTreeMap<String, Vec<String>>>,
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(rename = "traceId")]
    trace_id: String,
}

fn body<'a>(status: StatusCode, section: &str, title: &'static str) -> Body<'a> {
    Body {
        errors: None,
        r#type: format!("https://tools.ietf.org/html/{section}"),
        title,
        status: status.as_u16(),
        trace_id: format!(
            "00-{:032x}-{:016x}-00",
            rand::random::<u128>(),
            rand::random::<u64>()
        ),
    }
}

/// A problem without errors of single fields.
pub(super) fn plain(status: StatusCode) -> FullResponse {
    let (section, title) = match status {
        StatusCode::NOT_FOUND => ("rfc7231#section-6.5.4", "Not Found"),
        StatusCode::METHOD_NOT_ALLOWED => ("rfc7231#section-6.5.5", "Method Not Allowed"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("rfc7231#section-6.5.13", "Unsupported Media Type"),
        StatusCode::INTERNAL_SERVER_ERROR => (
            "rfc7231#section-6.6.1",
            "An error occurred while processing your request.",
        ),
        _ => ("rfc7231#section-6.5.1", "Bad Request"),
    };
    response::json_as(status, CONTENT_TYPE, &body(status, section, title))
}

/// What is wrong with the arguments, by field.
#[derive(Debug, Default)]
pub(super) struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    pub(super) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.entry(field.to_owned()).or_default().push(message.into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The validation problem that names them all.
    pub(super) fn response(&self) -> FullResponse {
        let status = StatusCode::BAD_REQUEST;
        let title = "One or more validation errors occurred.";
        let body = Body {
            errors: Some(&self.0),
            ..body(status, "rfc7231#section-6.5.1", title)
        };
        response::json_as(status, CONTENT_TYPE, &body)
    }
}
