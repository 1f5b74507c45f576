//! The result of an operation on a user: `succeeded`, and if not, why.

use http::StatusCode;
use serde::Serialize;

use crate::message::response::{self, FullResponse};
use crate::options::{FailureStatus, IdentityOptions};

/// One reason, with the framework's code and its English text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) description: String,
}

impl Failure {
    pub(super) fn new(code: &str, description: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            description: description.into(),
        }
    }

    /// The current password is wrong, or there is none.
    pub(super) fn mismatch() -> Self {
        Self::new("PasswordMismatch", "Incorrect password.")
    }

    /// The new password is among the last ones. Code and text are the sandbox's own.
    pub(super) fn reused(options: &IdentityOptions) -> Self {
        let text = format!(
            "Passwords must differ from the last {}.",
            options.previous_use_limit
        );
        Self::new(&options.reuse_code, text)
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    succeeded: bool,
    errors: &'a [Failure],
}

pub(super) fn success() -> FullResponse {
    response::json(
        StatusCode::OK,
        &Body {
            succeeded: true,
            errors: &[],
        },
    )
}

pub(super) fn failure(status: FailureStatus, errors: &[Failure]) -> FullResponse {
    let status = match status {
        FailureStatus::BadRequest => StatusCode::BAD_REQUEST,
        FailureStatus::Ok => StatusCode::OK,
    };
    response::json(
        status,
        &Body {
            succeeded: false,
            errors,
        },
    )
}
