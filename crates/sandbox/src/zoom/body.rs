//! The request bodies that Zoom takes: JSON objects and forms.

use serde_json::{Map, Value};

use super::error::Refusal;
use crate::message::content_type::media_type;
use crate::message::multipart;
use crate::message::response::FullRequest;
use crate::options::ZoomBody;

/// A body's fields.
#[derive(Debug)]
pub(super) enum Fields {
    Json(Map<String, Value>),
    /// Names and texts, in the order of the form.
    Form(Vec<(String, String)>),
}

/// Reads a body of a type that is taken.
pub(super) fn fields(takes: ZoomBody, request: &FullRequest) -> Result<Fields, Refusal> {
    match (media_type(request.headers()).as_deref(), takes) {
        (Some("multipart/form-data"), ZoomBody::Any | ZoomBody::FormData) => form(request),
        (Some("application/json"), ZoomBody::Any | ZoomBody::Json) => {
            match serde_json::from_slice(request.body()) {
                Ok(Value::Object(members)) => Ok(Fields::Json(members)),
                _ => Err(Refusal::NotJson),
            }
        }
        _ => Err(Refusal::UnsupportedContentType),
    }
}

/// No text is documented for a form that is none; it is answered as a form without fields would be.
fn form(request: &FullRequest) -> Result<Fields, Refusal> {
    let parts = multipart::parts(request.headers(), request.body()).unwrap_or_default();
    let texts = parts.into_iter().map(|part| {
        let name = String::from_utf8_lossy(&part.name).into_owned();
        match String::from_utf8(part.value.to_vec()) {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(Refusal::invalid_field(&name)),
        }
    });
    texts.collect::<Result<_, _>>().map(Fields::Form)
}
