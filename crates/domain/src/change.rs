//! A change of one user's password.

use crate::{Password, UserId};

/// Who authorizes a password change: an administrator, or the user. The provider's
/// [`Capabilities`](crate::Capabilities) list the supported modes.
#[derive(Debug, Clone)]
pub enum ChangeMode {
    /// A *reset*: authorized by the configured administrator credentials.
    AdminReset,
    /// A *change*: authorized by the user's current password.
    SelfService(Password),
}

/// A request to change one user's password: the user, the new password, and who authorizes it.
///
/// Calls borrow it, so that the value passed to [`change_password`](crate::PasswordService::change_password) can also
/// be passed to [`resolve`](crate::PasswordService::resolve) if the outcome is unknown.
///
/// ```
/// use repass_domain::{Password, PasswordChange};
///
/// let change = PasswordChange::change(
///     "alice@example.com".parse()?,
///     Password::new("Old-Passw0rd")?,
///     Password::new("New-Passw0rd")?,
/// );
/// assert!(!format!("{change:?}").contains("Passw0rd"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PasswordChange {
    user: UserId,
    canonical_id: Option<UserId>,
    new: Password,
    mode: ChangeMode,
}

impl PasswordChange {
    /// Creates a *reset*: the administrator sets a new password.
    pub fn reset(user: UserId, new: Password) -> Self {
        Self {
            user,
            canonical_id: None,
            new,
            mode: ChangeMode::AdminReset,
        }
    }

    /// Creates a *change*: the user proves the current password and sets a new one.
    pub fn change(user: UserId, current: Password, new: Password) -> Self {
        Self {
            user,
            canonical_id: None,
            new,
            mode: ChangeMode::SelfService(current),
        }
    }

    /// Adds the id that [`PasswordService::canonical_id`](crate::PasswordService::canonical_id) returned for the user,
    /// so that the user is not looked up again.
    pub fn with_canonical_id(mut self, id: UserId) -> Self {
        self.canonical_id = Some(id);
        self
    }

    /// The id of the user whose password is changed, as the caller gave it.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The user's canonical id, if it was looked up. Adapters send it in place of [`user`](Self::user).
    pub fn canonical_id(&self) -> Option<&UserId> {
        self.canonical_id.as_ref()
    }

    /// The new password to set.
    pub fn new_password(&self) -> &Password {
        &self.new
    }

    /// The change's mode: who authorizes it.
    pub fn mode(&self) -> &ChangeMode {
        &self.mode
    }
}
