//! What the providers answer when they are asked for their password rules.

use std::sync::Arc;

use repass::{CallContext, Outcome, PasswordPolicy, PasswordService};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::Response;
use repass_zoom::{ZoomService, ZoomSettings};

use super::fake_transport::{FakeTransport, wait};
use super::policy_document::usable;
use super::raw_response::parse;
use super::{outcome, shown};

/// Fuzzes responses with a provider's policy. The bytes are a response, of either provider.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of responses with a provider's policy with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    let fake = || FakeTransport::new([answer.clone()]).transport();
    let services: [Arc<dyn PasswordService>; 2] = [
        Arc::new(ZoomService::new("zoom", ZoomSettings::default(), fake())),
        Arc::new(IdentityService::new(
            "portal",
            IdentitySettings::default(),
            fake(),
        )),
    ];
    for service in services {
        match wait(service.policy(&CallContext::default())) {
            Ok(policy) => {
                assert!(answer.status().is_success() && outcome::json(answer).is_some());
                reported(&policy);
                usable(&policy);
            }
            Err(error) => {
                assert_eq!(error.outcome(), Outcome::NotApplied);
                shown::fit(&error, &[]);
            }
        }
    }
}

fn reported(policy: &PasswordPolicy) {
    let text = policy.to_string();
    assert!(text.len() < 2_000, "{text}");
    text.lines().for_each(shown::plain);
}
