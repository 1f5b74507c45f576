//! Which changes the configuration allows, where that is less than the provider can do.

use repass_domain::{Capabilities, ChangeMode, Error, ErrorKind};

use crate::config::Allow;

/// The one mode of change that is allowed; every mode if `None`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Permissions(pub(super) Option<Allow>);

impl Permissions {
    /// Rejects a change of another mode.
    pub(super) fn check(self, mode: &ChangeMode) -> Result<(), Error> {
        let hint = match (self.0, mode) {
            (Some(Allow::Change), ChangeMode::AdminReset) => {
                "the configuration allows no administrator reset here; give the current password"
            }
            (Some(Allow::Reset), ChangeMode::SelfService(_)) => {
                "the configuration allows no change by the current password here; make it an administrator reset"
            }
            _ => return Ok(()),
        };
        Err(Error::not_applied(ErrorKind::Unsupported, hint))
    }

    /// The provider's capabilities without what is not allowed.
    pub(super) fn limit(self, mut capabilities: Capabilities) -> Capabilities {
        match self.0 {
            Some(Allow::Change) => capabilities.reset = false,
            Some(Allow::Reset) => capabilities.change = false,
            None => {}
        }
        capabilities
    }
}
