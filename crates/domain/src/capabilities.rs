//! What a provider supports.

use serde::Serialize;

use crate::{ChangeMode, Error, ErrorKind, PasswordChange};

/// The operations and guarantees that a provider supports. Any other operation fails with [`ErrorKind::Unsupported`]
/// before anything is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state machine"
)]
pub struct Capabilities {
    /// Whether administrators can reset passwords ([`ChangeMode::AdminReset`]). Serialized as `administrator`.
    #[serde(rename = "administrator")]
    pub reset: bool,
    /// Whether users can change their own passwords ([`ChangeMode::SelfService`]). Serialized as `current_password`.
    #[serde(rename = "current_password")]
    pub change: bool,
    /// Whether [`PasswordService::resolve`](crate::PasswordService::resolve) can determine if an unknown change took
    /// effect.
    pub resolve: bool,
    /// Whether [resolving](crate::PasswordService::resolve) sends the change again, so that it may itself set the new
    /// password. Such a probe is rejected if it would overwrite a later change by this process.
    pub resolve_sets_password: bool,
    /// Whether the provider refuses a second copy of a change, and shows whether it made the first. Holds for changes
    /// by the service's own account: one whose response was lost is sent once more and ends *applied* or *not
    /// applied*; it stays *unknown* only if that response is lost too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exactly_once: bool,
    /// Whether [`PasswordService::policy`](crate::PasswordService::policy) returns the provider's password rules.
    pub policy: bool,
    /// Whether the service awaits [`CallContext::before_send`](crate::CallContext::before_send) before it sends a
    /// change. This concerns the service, not the provider, so it is not serialized.
    #[serde(skip)]
    pub before_send: bool,
    /// Whether users have several ids, of which [`canonical_id`](crate::PasswordService::canonical_id) returns the
    /// provider's own. For callers that change many users; not serialized.
    #[serde(skip)]
    pub canonical_ids: bool,
}

impl Capabilities {
    /// No capabilities: the value to which the `with_` methods add.
    pub const NONE: Self = Self {
        reset: false,
        change: false,
        resolve: false,
        resolve_sets_password: false,
        exactly_once: false,
        policy: false,
        before_send: false,
        canonical_ids: false,
    };

    /// Adds support for resets by an administrator ([`ChangeMode::AdminReset`]).
    pub const fn with_reset(mut self) -> Self {
        self.reset = true;
        self
    }

    /// Adds support for changes by users ([`ChangeMode::SelfService`]).
    pub const fn with_change(mut self) -> Self {
        self.change = true;
        self
    }

    /// Adds support for resolving unknown outcomes.
    pub const fn with_resolve(mut self) -> Self {
        self.resolve = true;
        self
    }

    /// Adds support for resolving unknown outcomes by sending the change again.
    pub const fn with_resolve_by_resending(mut self) -> Self {
        self.resolve = true;
        self.resolve_sets_password = true;
        self
    }

    /// Adds the guarantee that the provider refuses a second copy of a change that it has already made.
    pub const fn with_exactly_once(mut self) -> Self {
        self.exactly_once = true;
        self
    }

    /// Adds support for reading the password policy.
    pub const fn with_policy(mut self) -> Self {
        self.policy = true;
        self
    }

    /// Adds support for looking up canonical ids.
    pub const fn with_canonical_ids(mut self) -> Self {
        self.canonical_ids = true;
        self
    }

    /// Adds the guarantee that [`CallContext::before_send`](crate::CallContext::before_send) is awaited before a
    /// change is sent.
    pub const fn with_before_send(mut self) -> Self {
        self.before_send = true;
        self
    }

    /// Checks that the change's mode is supported and that its new password can be typed. Adapters call it before
    /// anything else.
    ///
    /// # Errors
    /// As [`check_mode`](Self::check_mode) and [`Password::check_typeable`](crate::Password::check_typeable).
    pub fn check(self, change: &PasswordChange) -> Result<(), Error> {
        self.check_mode(change.mode())?;
        change.new_password().check_typeable()
    }

    /// Checks that the provider supports changes of this mode.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`]; the message names the supported mode.
    pub fn check_mode(self, mode: &ChangeMode) -> Result<(), Error> {
        let (is_supported, message) = match mode {
            ChangeMode::AdminReset => (
                self.reset,
                "this provider does not support resets; pass the current password",
            ),
            ChangeMode::SelfService(_) => (
                self.change,
                "this provider does not support changes with the current password; make it a reset",
            ),
        };
        if is_supported {
            Ok(())
        } else {
            Err(Error::not_applied(ErrorKind::Unsupported, message))
        }
    }
}
