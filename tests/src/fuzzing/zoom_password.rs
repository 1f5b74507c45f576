//! What Zoom answers to a password change, and to the probe that settles one.

use repass::{Attempt, CallContext, PasswordService as _, Resolution};
use repass_transport::Answer;
use repass_zoom::{BodyEncoding, ZoomConfig, ZoomService};
use serde::Deserialize;

use super::answer::answer;
use super::call::{reset, secrets};
use super::outcome;
use super::peer::{Peer, wait};
use super::shown;

/// The bytes are an answer.
///
/// # Panics
/// A law is broken.
pub fn target(data: &[u8]) {
    check(&answer(data));
}

/// # Panics
/// A law is broken.
pub fn check(answer: &Answer) {
    let change = reset();
    let secrets = secrets(&change);
    for body in [BodyEncoding::Auto, BodyEncoding::FormData, BodyEncoding::Json] {
        let peer = Peer::saying([answer.clone()]);
        let config = ZoomConfig {
            body,
            ..ZoomConfig::default()
        };
        let service = ZoomService::new("zoom", config, peer.transport());
        let outcome = wait(service.change_password(&CallContext::default(), &change));
        outcome::check(&outcome, answer, is_success(answer), secrets);
        let most = if body == BodyEncoding::Auto { 2 } else { 1 };
        let sent = peer.asked().len();
        assert!((1..=most).contains(&sent), "sent {sent} times");
        assert!(
            sent == 1 || outcome.is_err(),
            "an answer that is taken is not asked for again"
        );

        match wait(service.resolve(&CallContext::default(), &Attempt::new("zoom"), &change)) {
            Ok(Resolution::InPlace) => {
                assert!(is_success(answer) || says(answer, "can not match the old password"));
            }
            Ok(Resolution::StillUnknown) => {
                assert!(says(answer, "maximum number of times over the past 24 hours"));
            }
            Ok(Resolution::NotInPlace) => panic!("no answer of Zoom's shows that"),
            Err(error) => shown::fit(&error, secrets),
        }
    }
}

/// Whether it is one of Zoom's successes: 204, or another that says so by its code.
pub(super) fn is_success(answer: &Answer) -> bool {
    let says_so = || said(answer).is_some_and(|said| said.code == Some(0));
    answer.status() == 204 || answer.status().is_success() && says_so()
}

fn says(answer: &Answer, part: &str) -> bool {
    let said = said(answer).filter(|said| said.code == Some(300));
    let text = said.and_then(|said| said.message.or(said.error_message));
    text.is_some_and(|text| text.to_ascii_lowercase().contains(part))
}

// No whole document: what stands beside these may be a number that nothing here can hold.
#[derive(Deserialize)]
struct Said {
    code: Option<i64>,
    message: Option<String>,
    error_message: Option<String>,
}

fn said(answer: &Answer) -> Option<Said> {
    let is_object = answer.is_complete() && answer.body().trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(answer.body()).ok())?
}
