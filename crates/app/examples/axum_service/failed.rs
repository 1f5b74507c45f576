//! An error of repass as the answer of a web service.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use repass::{Error, ErrorKind, Outcome};
use serde_json::json;

/// An error as the browser gets it.
pub(crate) struct Failed(pub(crate) Error);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = match (error.outcome(), error.kind()) {
            // Neither a success nor a failure: `error.unknown_outcome()` is to be stored and resolved later.
            (Outcome::Unknown, _) => StatusCode::ACCEPTED,
            (_, ErrorKind::PasswordRefused) => StatusCode::UNPROCESSABLE_ENTITY,
            (_, ErrorKind::WrongCurrentPassword) => StatusCode::FORBIDDEN,
            (_, ErrorKind::UserNotFound) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_GATEWAY,
        };
        // The whole error is for your operators, and safe to log.
        eprintln!("{error}");
        let body = json!({ "error": error.kind(), "message": error.user_message() });
        (status, Json(body)).into_response()
    }
}
