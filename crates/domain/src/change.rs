//! What is asked for: one change of one user's password.

use crate::{Password, UserId};

/// By whose right a password is changed. Which of them a provider takes is in its
/// [`Capabilities`](crate::Capabilities).
#[derive(Debug, Clone)]
pub enum ChangeMode {
    /// The configured account may set anyone's password: a *reset*.
    AdminReset,
    /// The user proves who they are by the password that is valid now: a *change*.
    SelfService(Password),
}

/// One change of one user's password. Calls borrow it, so that the same value settles an unknown outcome:
/// [`change_password`](crate::PasswordService::change_password) first, then
/// [`resolve`](crate::PasswordService::resolve).
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
    /// A *reset*: the administrator sets a new password.
    pub fn reset(user: UserId, new: Password) -> Self {
        Self {
            user,
            canonical_id: None,
            new,
            mode: ChangeMode::AdminReset,
        }
    }

    /// A *change*: the user proves the current password and sets a new one.
    pub fn change(user: UserId, current: Password, new: Password) -> Self {
        Self {
            user,
            canonical_id: None,
            new,
            mode: ChangeMode::SelfService(current),
        }
    }

    /// The same with the id that [`canonical_id`](crate::PasswordService::canonical_id) found for the user, so that
    /// they are not looked up again.
    pub fn with_canonical_id(mut self, id: UserId) -> Self {
        self.canonical_id = Some(id);
        self
    }

    /// Whose password, as the caller names the user.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The user's canonical id, if it was looked up: what an adapter sends, where there is one.
    pub fn canonical_id(&self) -> Option<&UserId> {
        self.canonical_id.as_ref()
    }

    /// The password to set.
    pub fn new_password(&self) -> &Password {
        &self.new
    }

    /// By whose right.
    pub fn mode(&self) -> &ChangeMode {
        &self.mode
    }
}
