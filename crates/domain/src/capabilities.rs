//! What a provider can do, known before anything is sent.

use serde::Serialize;

use crate::{ChangeMode, Error, ErrorKind, PasswordChange};

/// What a provider can do. Asking for more fails with [`ErrorKind::Unsupported`] before a byte is
/// sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state machine"
)]
pub struct Capabilities {
    /// A *reset* is taken: [`ChangeMode::AdminReset`]. Written as `administrator`.
    #[serde(rename = "administrator")]
    pub reset: bool,
    /// A *change* is taken: [`ChangeMode::SelfService`]. Written as `current_password`.
    #[serde(rename = "current_password")]
    pub change: bool,
    /// [`PasswordService::resolve`](crate::PasswordService::resolve) can settle an unknown outcome.
    pub resolve: bool,
    /// The probe of [`resolve`](crate::PasswordService::resolve) sends the change once more, so it may itself set the
    /// new password. It is refused where it would overwrite a later change of this process.
    pub resolve_sets_password: bool,
    /// [`PasswordService::policy`](crate::PasswordService::policy) tells the provider's rules.
    pub policy: bool,
    /// [`CallContext::before_send`](crate::CallContext::before_send) is awaited. This is between caller and service,
    /// and no ability of the provider's, so it is not serialized.
    #[serde(skip)]
    pub before_send: bool,
    /// A user may be named in more than one way, and [`canonical_id`](crate::PasswordService::canonical_id) tells which
    /// account is meant. This is for callers that change many users; it is not serialized.
    #[serde(skip)]
    pub canonical_ids: bool,
}

impl Capabilities {
    /// A provider that can do nothing; add to it.
    pub const NONE: Self = Self {
        reset: false,
        change: false,
        resolve: false,
        resolve_sets_password: false,
        policy: false,
        before_send: false,
        canonical_ids: false,
    };

    /// Takes administrator resets as well.
    pub const fn with_reset(mut self) -> Self {
        self.reset = true;
        self
    }

    /// Takes changes proved by the current password as well.
    pub const fn with_change(mut self) -> Self {
        self.change = true;
        self
    }

    /// Can settle unknown outcomes as well.
    pub const fn with_resolve(mut self) -> Self {
        self.resolve = true;
        self
    }

    /// Can settle unknown outcomes as well, by sending the change once more.
    pub const fn with_resolve_by_resending(mut self) -> Self {
        self.resolve = true;
        self.resolve_sets_password = true;
        self
    }

    /// Tells its password policy as well.
    pub const fn with_policy(mut self) -> Self {
        self.policy = true;
        self
    }

    /// Tells the accounts behind users' other names.
    pub const fn with_canonical_ids(mut self) -> Self {
        self.canonical_ids = true;
        self
    }

    /// Awaits what is to be done before a change is sent.
    pub const fn with_before_send(mut self) -> Self {
        self.before_send = true;
        self
    }

    /// Whether this change may be sent. An adapter asks it before it does anything else.
    ///
    /// # Errors
    /// As [`check_mode`](Self::check_mode) and [`Password::check_typeable`](crate::Password::check_typeable).
    pub fn check(self, change: &PasswordChange) -> Result<(), Error> {
        self.check_mode(change.mode())?;
        change.new_password().check_typeable()
    }

    /// Whether a change by this authority may be sent.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`], saying what the provider takes instead.
    pub fn check_mode(self, authority: &ChangeMode) -> Result<(), Error> {
        let (taken, hint) = match authority {
            ChangeMode::AdminReset => (
                self.reset,
                "this provider takes no administrator reset; give the current password",
            ),
            ChangeMode::SelfService(_) => (
                self.change,
                "this provider cannot check a current password; make it an administrator reset",
            ),
        };
        if taken {
            Ok(())
        } else {
            Err(Error::not_applied(ErrorKind::Unsupported, hint))
        }
    }
}
