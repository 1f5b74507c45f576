//! From a change to Zoom's wire format.

use repass_domain::{CallRedactor, PasswordChange};
use repass_transport::{Idempotency, Method, Request, SecretBody};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::errors;

/// One of the two encodings in which Zoom may take a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    FormData,
    Json,
}

/// `PUT /users/{userId}/password`.
pub(crate) fn password(change: &PasswordChange, encoding: Encoding) -> Request {
    #[derive(Serialize)]
    struct Body<'a> {
        password: &'a str,
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "encoded once, into the body that wipes itself"
    )]
    let password = change.new_password().expose_secret();
    let body = match encoding {
        Encoding::FormData => SecretBody::multipart(&[("password", password)]),
        Encoding::Json => SecretBody::json(&Body { password }),
    };
    Request::new("zoom.password", Method::PUT, Idempotency::NonIdempotent)
        .segment("users")
        .segment(change.user().expose())
        .segment("password")
        .body(body)
        .counted_as("medium")
        .reading(|response| errors::password(response, &CallRedactor::for_nothing()).outcome)
}

#[cfg(test)]
mod tests {
    use repass_domain::Password;

    use super::*;

    fn change(password: &str) -> PasswordChange {
        PasswordChange::reset(
            "alice@example.com".parse().unwrap(),
            Password::new(password).unwrap(),
        )
    }

    #[test]
    fn password_request_form_data_keeps_every_byte() {
        let request = password(&change("@\";type=x\r\né"), Encoding::FormData);
        assert_eq!(
            (request.method(), request.path()),
            (&Method::PUT, "/users/alice@example.com/password")
        );
        let body = request.secret_body().unwrap();
        assert!(body.content_type().starts_with("multipart/form-data; boundary="));
        let text = String::from_utf8(body.bytes().to_vec()).unwrap();
        assert!(
            text.contains("name=\"password\"\r\n\r\n@\";type=x\r\né\r\n--"),
            "{text}"
        );
    }

    #[test]
    fn password_request_json_escapes_the_password() {
        let request = password(&change("a\"b\\c"), Encoding::Json);
        assert_eq!(
            request.secret_body().unwrap().bytes().trim_ascii_end(),
            r#"{"password":"a\"b\\c"}"#.as_bytes()
        );
    }

    #[test]
    fn password_request_is_non_idempotent() {
        assert_eq!(
            password(&change("x"), Encoding::Json).idempotency(),
            Idempotency::NonIdempotent
        );
    }
}
