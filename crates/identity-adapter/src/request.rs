//! From a change to the portal's wire format.

use repass_domain::{CallRedactor, ChangeMode, Password, PasswordChange, UserId};
use repass_transport::{Idempotency, Method, Request, SecretBody};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::errors;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangePassword<'a> {
    old_password: &'a str,
    new_password: &'a str,
}

#[derive(Serialize)]
struct UpdateUser<'a> {
    password: &'a str,
}

/// `POST /api/User/{id}/changepassword` with both passwords, or `PUT /api/User/{id}` with the new
/// one, the only documented way without the old. `user` is the change's user, by GUID.
pub(crate) fn password(user: &UserId, change: &PasswordChange) -> Request {
    match change.mode() {
        ChangeMode::SelfService(current) => change_password(user, current, change.new_password()),
        ChangeMode::AdminReset => {
            #[expect(
                clippy::disallowed_methods,
                reason = "encoded once, into the body that wipes itself"
            )]
            let password = change.new_password().expose_secret();
            at(user, "identity.reset", Method::PUT)
                .counted_as("put")
                .body(SecretBody::json(&UpdateUser { password }))
        }
    }
}

/// The change from the new password to itself. The portal checks the old one first (framework), so
/// its response shows whether the new password is the valid one.
pub(crate) fn probe(user: &UserId, change: &PasswordChange) -> Request {
    change_password(user, change.new_password(), change.new_password())
}

#[expect(
    clippy::disallowed_methods,
    reason = "encoded once, into the body that wipes itself"
)]
fn change_password(user: &UserId, current: &Password, new: &Password) -> Request {
    let body = ChangePassword {
        old_password: current.expose_secret(),
        new_password: new.expose_secret(),
    };
    at(user, "identity.change", Method::POST)
        .segment("changepassword")
        .counted_as("post")
        .body(SecretBody::json(&body))
}

fn at(user: &UserId, operation: &'static str, method: Method) -> Request {
    Request::new(operation, method, Idempotency::NonIdempotent)
        .segment("api")
        .segment("User")
        .segment(user.expose())
        .reading(|response| errors::password(response, &CallRedactor::for_nothing()).outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7d5cbf1d-3c4e-4b43-8c1b-5e6a1f0f0a01";

    #[test]
    fn password_request_change_carries_both_passwords() {
        let password_of = |text| Password::new(text).unwrap();
        let change = PasswordChange::change(ID.parse().unwrap(), password_of("o\"ld"), password_of("né\\w"));
        let request = password(change.user(), &change);
        assert_eq!(request.method(), &Method::POST);
        assert_eq!(request.path(), format!("/api/User/{ID}/changepassword"));
        let body = request.secret_body().unwrap();
        assert_eq!(
            body.bytes().trim_ascii_end(),
            r#"{"oldPassword":"o\"ld","newPassword":"né\\w"}"#.as_bytes()
        );
        assert_eq!(request.idempotency(), Idempotency::NonIdempotent);
    }

    #[test]
    fn password_request_reset_carries_only_the_new_password() {
        let change = PasswordChange::reset(ID.parse().unwrap(), Password::new("new").unwrap());
        let request = password(change.user(), &change);
        assert_eq!(
            (request.method(), request.path()),
            (&Method::PUT, &*format!("/api/User/{ID}"))
        );
        assert_eq!(
            request.secret_body().unwrap().bytes().trim_ascii_end(),
            r#"{"password":"new"}"#.as_bytes()
        );
        assert_eq!(request.idempotency(), Idempotency::NonIdempotent);
    }
}
