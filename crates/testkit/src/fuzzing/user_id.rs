//! Names of users: whatever is taken stays one segment of the path.

use repass::UserId;
use repass_transport::{Idempotency, Method, Request};

use super::path::segments;
use super::shown;

/// Fuzzes user ids. The bytes are a name.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    check(&String::from_utf8_lossy(data));
}

/// Checks the laws of user ids with this one.
///
/// # Panics
/// If a law is broken.
pub fn check(text: &str) {
    match text.parse::<UserId>() {
        Ok(user) => {
            assert_eq!(user.expose(), text);
            assert!((1..=UserId::MAX_BYTES).contains(&text.len()));
            let never = [
                '/', '\\', '%', '?', '#', ';', ' ', '\0', '\t', '\n', '\r', '\u{7f}', '\u{a0}',
            ];
            assert!(!text.contains(never), "{text:?}");
            assert_eq!(format!("{user:?}"), "UserId([REDACTED])");
            let request = Request::new("test", Method::PUT, Idempotency::NonIdempotent);
            let request = request
                .segment("users")
                .segment(user.expose())
                .segment("password");
            assert_eq!(segments(request.path()), ["users", text, "password"]);
        }
        Err(refusal) => {
            let reported = refusal.to_string();
            shown::plain(&reported);
            assert!(reported.len() < 100, "{reported}");
        }
    }
    // A word that no refusal has of its own.
    if let Err(refusal) = format!("canary77{text}").parse::<UserId>() {
        let reported = refusal.to_string();
        assert!(!reported.contains("canary77"), "{reported}");
    }
}
