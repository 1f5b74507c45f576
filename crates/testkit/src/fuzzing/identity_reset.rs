//! What the identity portal answers to a reset by an administrator.

use repass_transport::Response;

use super::changes::reset;
use super::identity_change::check_of;
use super::raw_response::parse;

/// Fuzzes responses of the identity portal to a reset. The bytes are a response.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of responses of the identity portal to a reset with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    check_of(answer, &reset());
}
