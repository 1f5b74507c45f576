//! What Zoom answers to a password change, and to the probe that settles one.

use repass::{CallContext, PasswordService as _, Resolution, UnknownOutcome};
use repass_transport::Response;
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings};

use super::changes::{reset, secrets};
use super::fake_transport::{FakeTransport, wait};
use super::outcome;
use super::raw_response::parse;
use super::shown;

/// Fuzzes Zoom's responses to a change. The bytes are a response.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of Zoom's responses to a change with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    let change = reset();
    let secrets = secrets(&change);
    for body in [BodyEncoding::Auto, BodyEncoding::FormData, BodyEncoding::Json] {
        let fake = FakeTransport::new([answer.clone()]);
        let config = ZoomSettings {
            body,
            ..ZoomSettings::default()
        };
        let service = ZoomService::new("zoom", config, fake.transport());
        let outcome = wait(service.change_password(&CallContext::default(), &change));
        outcome::check(&outcome, answer, is_success(answer), secrets);
        let most = if body == BodyEncoding::Auto { 2 } else { 1 };
        let sent = fake.requests().len();
        assert!((1..=most).contains(&sent), "sent {sent} times");
        assert!(
            sent == 1 || outcome.is_err(),
            "an answer that is taken is not asked for again"
        );

        match wait(service.resolve(&CallContext::default(), &UnknownOutcome::new("zoom"), &change)) {
            Ok(Resolution::InPlace) => {
                assert!(is_success(answer) || says(answer, "not match the old password"));
            }
            Ok(Resolution::StillUnknown) => {
                assert!(says(answer, "maximum number of times over the past 24 hours"));
            }
            Ok(Resolution::NotInPlace) => panic!("no answer of Zoom's shows that"),
            Err(error) => shown::fit(&error, secrets),
        }
    }
}

/// Whether it is one of Zoom's successes: 204, or a 200 that says so by its code.
pub(super) fn is_success(answer: &Response) -> bool {
    let says_so = || {
        let body = answer.json().filter(|_| answer.is_complete());
        body.is_some_and(|body| {
            let codes: Vec<_> = body.all("code").chain(body.all("errorCode")).collect();
            !codes.is_empty() && codes.iter().all(|code| code.as_integer() == Some(0))
        })
    };
    answer.status() == 204 || answer.status() == 200 && says_so()
}

// In whichever spelling its characters have: as they stand, or decoded.
fn says(answer: &Response, part: &str) -> bool {
    let decoded = answer
        .json()
        .map(repass_transport::Json::plain)
        .unwrap_or_default();
    [answer.text().into_owned(), decoded]
        .iter()
        .any(|text| text.to_ascii_lowercase().contains(part))
}
