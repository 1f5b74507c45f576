//! What the identity portal answers when it is asked who has an e-mail address.

use repass::{CallContext, Outcome, PasswordService as _};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::{Response, StatusCode};
use serde_json::Value;

use super::changes::{GUID, replace_of};
use super::fake_transport::{FakeTransport, wait};
use super::forms::forms;
use super::outcome::json;
use super::path::segments;
use super::raw_response::parse;
use super::shown;

const USER: &str = "canary.user@example.com";

/// Fuzzes responses of the identity portal to a look-up. The bytes are the response to the look-up; the change itself is then made.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of responses of the identity portal to a look-up with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    let made = Response::new(StatusCode::OK).with_body(r#"{"succeeded":true}"#);
    let fake = FakeTransport::new([answer.clone(), made]);
    let config = IdentitySettings {
        organization: Some(GUID.to_owned()),
        ..IdentitySettings::default()
    };
    let service = IdentityService::new("portal", config, fake.transport());
    let outcome = wait(service.change_password(&CallContext::default(), &replace_of(USER)));
    let asked = fake.requests();
    assert_eq!(segments(asked[0].path()), ["api", "User", "users", GUID]);
    match outcome {
        Ok(_) => {
            let to = segments(asked[1].path());
            assert_eq!(
                (to.len(), &*to[0], &*to[1], &*to[3]),
                (4, "api", "User", "changepassword")
            );
            assert!(ids(answer).contains(&to[2]), "{} was not found", to[2]);
        }
        Err(error) => {
            assert_eq!((asked.len(), error.outcome()), (1, Outcome::NotApplied));
            shown::fit(&error, &forms(USER));
        }
    }
}

// Of whom the response says, in any of its objects, that the address is theirs.
fn ids(answer: &Response) -> Vec<String> {
    let mut found = Vec::new();
    if answer.status().is_success() {
        let body = json(answer).unwrap_or_default();
        collect(&body, &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    let text = |name: &str| {
        let mut members = value.as_object().into_iter().flatten();
        let named = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.and_then(|(_, value)| value.as_str())
    };
    let theirs = |name| text(name).is_some_and(|text| text.eq_ignore_ascii_case(USER));
    if theirs("email") || theirs("userName") {
        found.extend(text("id").map(str::to_owned));
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => {}
    }
}
