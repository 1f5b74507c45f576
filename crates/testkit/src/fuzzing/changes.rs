//! The calls that the targets make, with secrets that the seeds know too.

use std::sync::LazyLock;

use repass::{ChangeMode, Password, PasswordChange};

use super::forms::forms;

// Each needs another escape in another encoding.
const NEW: &str = "Canary-\"New\"-Passw0rd-77";
const OLD: &str = "Canary\\Old&Passw0rd-76";

/// Whose password, where a GUID is asked for.
pub(super) const GUID: &str = "a11ce000-0000-4000-8000-000000000001";

/// By the administrator.
pub(super) fn reset() -> PasswordChange {
    PasswordChange::reset(GUID.parse().unwrap(), Password::new(NEW).unwrap())
}

/// By the user.
pub(super) fn replace() -> PasswordChange {
    replace_of(GUID)
}

/// The same for another name of the user.
pub(super) fn replace_of(user: &str) -> PasswordChange {
    let password = |text| Password::new(text).unwrap();
    PasswordChange::change(user.parse().unwrap(), password(OLD), password(NEW))
}

/// What no text about this change may hold.
pub(super) fn secrets(change: &PasswordChange) -> &'static [String] {
    static OF_RESET: LazyLock<Vec<String>> = LazyLock::new(|| [NEW, GUID].map(forms).concat());
    static OF_REPLACE: LazyLock<Vec<String>> = LazyLock::new(|| [NEW, OLD, GUID].map(forms).concat());
    match change.mode() {
        ChangeMode::AdminReset => &OF_RESET,
        ChangeMode::SelfService(_) => &OF_REPLACE,
    }
}
