//! What Zoom answers to a profile update.

use std::sync::LazyLock;

use repass::{CallContext, ProfileUpdate, UserProfileService as _};
use repass_transport::Response;
use repass_zoom::{ZoomService, ZoomSettings};

use super::fake_transport::{FakeTransport, wait};
use super::forms::forms;
use super::outcome;
use super::raw_response::parse;
use super::zoom_password::is_success;

const USER: &str = "canary.user@example.com";
const NAME: &str = "Canary \"Name\" 78";
const COMPANY: &str = "Canary & Sons\\79";

/// Fuzzes Zoom's responses to a profile update. The bytes are a response.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&parse(data));
}

/// Checks the laws of Zoom's responses to a profile update with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(answer: &Response) {
    static SECRETS: LazyLock<Vec<String>> = LazyLock::new(|| [USER, NAME, COMPANY].map(forms).concat());
    let update = ProfileUpdate::new(USER.parse().unwrap())
        .set("first_name", NAME)
        .set("company", COMPANY);
    let fake = FakeTransport::new([answer.clone()]);
    let service = ZoomService::new("zoom", ZoomSettings::default(), fake.transport());
    let outcome = wait(service.update_profile(&CallContext::default(), &update));
    outcome::check(&outcome, answer, is_success(answer), &SECRETS);
}
