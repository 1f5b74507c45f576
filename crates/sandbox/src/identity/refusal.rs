//! The portal's refusals, and the shape each has on the wire.

use http::StatusCode;
use http::header::{ALLOW, HeaderValue, WWW_AUTHENTICATE};

use super::problem::{self, Problems};
use super::result::{self, Failure};
use crate::message::reply::{self, Reply};
use crate::options::IdentityOptions;

/// Why a request is not carried out.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The route has this method only.
    MethodNotAllowed(&'static str),
    /// What to say in `WWW-Authenticate`.
    Unauthorized(&'static str),
    UnsupportedMediaType,
    NoSuchUser,
    /// The arguments could not be bound.
    Invalid(Problems),
    /// The operation was tried and did not succeed.
    Failed(Vec<Failure>),
}

impl Refusal {
    pub(super) fn reply(&self, options: &IdentityOptions) -> Reply {
        match self {
            Self::MethodNotAllowed(allowed) => {
                let mut reply = problem::plain(StatusCode::METHOD_NOT_ALLOWED);
                reply
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(allowed));
                reply
            }
            Self::Unauthorized(challenge) => {
                let mut reply = reply::empty(StatusCode::UNAUTHORIZED);
                reply
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                reply
            }
            Self::UnsupportedMediaType => problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::NoSuchUser => problem::plain(StatusCode::NOT_FOUND),
            Self::Invalid(problems) => problems.reply(),
            Self::Failed(failures) => result::failure(options.failure_status, failures),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(vec![failure])
    }
}
