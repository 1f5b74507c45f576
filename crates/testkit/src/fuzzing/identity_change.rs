//! What the identity portal answers to a change with both passwords, and to the probe that settles one.

use repass::{CallContext, PasswordChange, PasswordService as _, Resolution, UnknownOutcome};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::Response;
use serde_json::Value;

use super::changes::{replace, secrets};
use super::fake_transport::{FakeTransport, wait};
use super::outcome::{self, json};
use super::raw_response::parse;
use super::shown;

/// Fuzzes responses of the identity portal to a change. The bytes are a response.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of responses of the identity portal to a change with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    check_of(answer, &replace());
}

pub(super) fn check_of(answer: &Response, change: &PasswordChange) {
    let secrets = secrets(change);
    let fake = FakeTransport::new([answer.clone()]);
    let service = IdentityService::new("portal", IdentitySettings::default(), fake.transport());
    let outcome = wait(service.change_password(&CallContext::default(), change));
    outcome::check(&outcome, answer, is_success(answer), secrets);
    assert_eq!(fake.requests().len(), 1);

    match wait(service.resolve(&CallContext::default(), &UnknownOutcome::new("portal"), change)) {
        Ok(Resolution::InPlace) => assert!(is_success(answer) || is_refusal(answer)),
        Ok(Resolution::NotInPlace) => {
            let reported = String::from_utf8_lossy(answer.body());
            assert!(
                is_refusal(answer) && reported.contains("PasswordMismatch"),
                "{reported}"
            );
        }
        Ok(Resolution::StillUnknown) => panic!("an error tells that"),
        Err(error) => shown::fit(&error, secrets),
    }
}

// It says so, and nothing in it says otherwise.
fn is_success(answer: &Response) -> bool {
    answer.status().is_success()
        && said(answer).is_some_and(|said| said.iter().all(|succeeded| *succeeded == true))
}

// The framework's other shapes, a list of errors and errors by code, come with 400 alone.
fn is_refusal(answer: &Response) -> bool {
    let other_shape = answer.status().as_u16() == 400 && said(answer).is_none() && json(answer).is_some();
    other_shape
        || !answer.status().is_server_error()
            && said(answer).is_some_and(|said| said.iter().any(|succeeded| *succeeded == false))
}

/// Every `succeeded` in the body or in its `result`, however it is spelled; `None` if there is none.
fn said(answer: &Response) -> Option<Vec<Value>> {
    let body = json(answer)?;
    let mut said = fields(&body, "succeeded");
    for result in fields(&body, "result") {
        said.extend(fields(&result, "succeeded"));
    }
    Some(said).filter(|said| !said.is_empty())
}

fn fields(object: &Value, name: &str) -> Vec<Value> {
    let members = object.as_object().into_iter().flatten();
    let named = members.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.clone()).collect()
}
