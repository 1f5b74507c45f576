//! The portal's refusals, and the shape each has on the wire.

use std::time::Duration;

use http::StatusCode;
use http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use super::PAGE;
use super::problem::{self, Problems};
use super::result::{self, Failure};
use crate::limits::put_retry_after;
use crate::message::response::{self, FullResponse};
use crate::options::{ScopeStatus, UnknownPath, UnknownUser};
use crate::shared::Shared;

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The path is no route.
    UnknownPath,
    /// A standalone portal was asked at `/identity_`, by this method and path.
    UnsupportedVersion(String, String),
    /// The route has these methods only.
    MethodNotAllowed(&'static str),
    /// What to say in `WWW-Authenticate`.
    Unauthorized(String),
    /// What the token has, and what it should have one of.
    MissingScope(Vec<String>, [&'static str; 2]),
    /// How long until one more request is let in.
    TooMany(Duration),
    UnsupportedMediaType,
    NoSuchUser(String),
    /// The id is none, and the path therefore no route.
    NoSuchRoute,
    /// What the bare framework does with an argument it cannot take.
    ServerError,
    /// The arguments could not be bound.
    Invalid(Problems),
    /// The operation was tried and did not succeed.
    Failed(Vec<Failure>),
}

impl Refusal {
    pub(super) fn response(&self, shared: &Shared) -> FullResponse {
        let options = &shared.options.identity;
        match self {
            Self::UnknownPath => match options.unknown_path {
                UnknownPath::Page => page(),
                UnknownPath::NotFound => response::empty(StatusCode::NOT_FOUND),
            },
            Self::UnsupportedVersion(method, path) => unsupported_version(shared, method, path),
            Self::MethodNotAllowed(allowed) => {
                let mut response = problem::plain(StatusCode::METHOD_NOT_ALLOWED);
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(allowed));
                response
            }
            Self::Unauthorized(challenge) => {
                let mut response = response::empty(StatusCode::UNAUTHORIZED);
                if let Ok(challenge) = HeaderValue::from_str(challenge) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
                response
            }
            Self::MissingScope(has, [one, other]) => {
                let has = has.join(",");
                // The blank at the end is the provider's own.
                let text = format!("Scope(s) '{has}' is(are) invalid. Expect to have '{one}' or '{other}'. ");
                let status = match options.scope_status {
                    ScopeStatus::Forbidden => StatusCode::FORBIDDEN,
                    ScopeStatus::Unauthorized => StatusCode::UNAUTHORIZED,
                    ScopeStatus::BadRequest => StatusCode::BAD_REQUEST,
                };
                response::json(status, &json!({"errorMessage": text}))
            }
            Self::TooMany(wait) => {
                let mut response = response::empty(StatusCode::TOO_MANY_REQUESTS);
                put_retry_after(
                    response.headers_mut(),
                    options.retry_after,
                    shared.clock.now(),
                    *wait,
                );
                response
            }
            Self::UnsupportedMediaType => problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::NoSuchUser(id) => match options.unknown_user {
                UnknownUser::NotFound => problem::plain(StatusCode::NOT_FOUND),
                UnknownUser::Result => {
                    let unknown = Failure::new("UserNotFound", format!("User {id} does not exist."));
                    result::failure(options.failure_status, &[unknown])
                }
            },
            Self::NoSuchRoute => problem::plain(StatusCode::NOT_FOUND),
            Self::ServerError => problem::plain(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Invalid(problems) => problems.response(),
            Self::Failed(failures) => result::failure(options.failure_status, failures),
        }
    }
}

/// The portal's page, with the status of success: what a wrong base path gets.
pub(super) fn page() -> FullResponse {
    response::with_body(StatusCode::OK, "text/html; charset=utf-8", PAGE)
}

fn unsupported_version(shared: &Shared, method: &str, path: &str) -> FullResponse {
    let uri = format!("{}{path}", shared.origin);
    let message = format!(
        "The HTTP resource that matches the request URI '{uri}' does not support HTTP method '{method}'."
    );
    let error = json!({"code": "UnsupportedApiVersion", "message": message, "innerError": null});
    response::json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": error}))
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(vec![failure])
    }
}
