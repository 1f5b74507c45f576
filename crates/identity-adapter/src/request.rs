//! From a change to the portal's wire format.

use repass_domain::{Authority, PasswordChange};
use repass_transport::{Method, Replay, Request, SecretBody};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::verdict;

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
/// one, the only documented way without the old.
pub(crate) fn password(change: &PasswordChange) -> Request {
    #[expect(
        clippy::disallowed_methods,
        reason = "encoded once, into the body that wipes itself"
    )]
    let new = change.new_password().expose_secret();
    let request = match change.authority() {
        Authority::CurrentPassword(current) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "encoded once, into the body that wipes itself"
            )]
            let old_password = current.expose_secret();
            user(
                Request::new("identity.change", Method::POST, Replay::OnlyIfUnacted),
                change,
            )
            .segment("changepassword")
            .body(SecretBody::json(&ChangePassword {
                old_password,
                new_password: new,
            }))
        }
        Authority::Administrator => user(
            Request::new("identity.reset", Method::PUT, Replay::OnlyIfUnacted),
            change,
        )
        .body(SecretBody::json(&UpdateUser { password: new })),
    };
    request.reading(|answer| verdict::password(answer).observed)
}

fn user(request: Request, change: &PasswordChange) -> Request {
    request
        .segment("api")
        .segment("User")
        .segment(change.user().expose())
}

#[cfg(test)]
mod tests {
    use repass_domain::Password;

    use super::*;

    const ID: &str = "7d5cbf1d-3c4e-4b43-8c1b-5e6a1f0f0a01";

    #[test]
    fn a_change_carries_both_passwords() {
        let password_of = |text| Password::new(text).unwrap();
        let change = PasswordChange::replace(ID.parse().unwrap(), password_of("o\"ld"), password_of("né\\w"));
        let request = password(&change);
        assert_eq!(request.method(), &Method::POST);
        assert_eq!(request.path(), format!("/api/User/{ID}/changepassword"));
        let body = request.secret_body().unwrap();
        assert_eq!(
            body.bytes(),
            r#"{"oldPassword":"o\"ld","newPassword":"né\\w"}"#.as_bytes()
        );
        assert_eq!(request.replay(), Replay::OnlyIfUnacted);
    }

    #[test]
    fn a_reset_carries_the_new_one_alone() {
        let change = PasswordChange::reset(ID.parse().unwrap(), Password::new("new").unwrap());
        let request = password(&change);
        assert_eq!(
            (request.method(), request.path()),
            (&Method::PUT, &*format!("/api/User/{ID}"))
        );
        assert_eq!(
            request.secret_body().unwrap().bytes(),
            r#"{"password":"new"}"#.as_bytes()
        );
        assert_eq!(request.replay(), Replay::OnlyIfUnacted);
    }
}
