//! Passwords: what is taken reaches the provider byte for byte, in every encoding; what no one can type is not sent.

use std::sync::Arc;

use repass::{CallContext, ErrorKind, Password, PasswordChange, PasswordService};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::{Request, Response, StatusCode, Transport};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings};
use serde_json::json;

use super::changes::GUID;
use super::fake_transport::{FakeTransport, wait};
use super::path::segments;
use super::{json, multipart};

/// Fuzzes passwords. The bytes are the new password; before a NUL, if there is one, the current one.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let nul = data.iter().position(|byte| *byte == 0);
    let (current, new) = nul.map_or((&b"Old-Passw0rd"[..], data), |nul| {
        (&data[..nul], &data[nul + 1..])
    });
    for password in [current, new] {
        let text = std::str::from_utf8(password);
        let fits = (1..=Password::MAX_BYTES).contains(&password.len()) && !password.contains(&0);
        let taken = Password::from_utf8(password);
        assert_eq!(taken.is_ok(), fits && text.is_ok(), "{taken:?}");
    }
    if let (Ok(current), Ok(new)) = (std::str::from_utf8(current), std::str::from_utf8(new)) {
        check(current, new);
    }
}

/// Checks the laws of passwords with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(current: &str, new: &str) {
    let (Ok(old_password), Ok(password)) = (Password::new(current), Password::new(new)) else {
        return;
    };
    let typeable = password.check_typeable().is_ok();
    assert!(
        typeable || !new.chars().all(|c| (' '..='~').contains(&c)),
        "{new:?}"
    );
    assert!(!typeable || !new.chars().any(char::is_control), "{new:?}");
    let user = || GUID.parse().unwrap();
    let reset = PasswordChange::reset(user(), password.clone());
    let replace = PasswordChange::change(user(), old_password, password);

    for (body, encoding) in [(BodyEncoding::FormData, "form"), (BodyEncoding::Json, "json")] {
        let config = ZoomSettings {
            body,
            ..ZoomSettings::default()
        };
        let sent = sent(|fake| Box::new(ZoomService::new("zoom", config, fake)), &reset);
        let takes = typeable && (8..=31).contains(&new.chars().count());
        assert_eq!(sent.is_some(), takes, "{new:?}");
        let Some(sent) = sent else { continue };
        assert_eq!(segments(sent.path()), ["users", GUID, "password"]);
        let body = sent.secret_body().unwrap();
        match encoding {
            "form" => assert_eq!(multipart::read(body), [("password".to_owned(), new.to_owned())]),
            _ => assert_eq!(json::read(body), json!({ "password": new })),
        }
    }

    let both = json!({ "oldPassword": current, "newPassword": new });
    for (change, body, path) in [
        (&reset, json!({ "password": new }), &["api", "User", GUID][..]),
        (&replace, both, &["api", "User", GUID, "changepassword"]),
    ] {
        let portal = IdentitySettings::default();
        let sent = sent(
            |fake| Box::new(IdentityService::new("portal", portal, fake)),
            change,
        );
        assert_eq!(sent.is_some(), typeable, "{new:?}");
        let Some(sent) = sent else { continue };
        assert_eq!(segments(sent.path()), path);
        assert_eq!(json::read(sent.secret_body().unwrap()), body);
    }
}

// The one request of a change that a provider takes, unless the change is refused here.
fn sent(
    service: impl FnOnce(Arc<dyn Transport>) -> Box<dyn PasswordService>,
    change: &PasswordChange,
) -> Option<Request> {
    let done = Response::new(StatusCode::OK).with_body(r#"{"succeeded":true,"code":0}"#);
    let fake = FakeTransport::new([done]);
    let outcome = wait(service(fake.transport()).change_password(&CallContext::default(), change));
    if let Err(error) = outcome {
        assert_eq!(
            (error.kind(), fake.requests().len()),
            (ErrorKind::PasswordRefused, 0)
        );
        return None;
    }
    assert_eq!(fake.requests().len(), 1);
    fake.requests().pop()
}
