//! The providers that a sidecar serves.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{CallContext, Error, LayeredPolicy, Password, PasswordService, Violation};

/// The providers that a [`Sidecar`](crate::Sidecar) serves. It is consulted for every request, so a reloaded
/// configuration takes effect at once.
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// Lists the names of all providers, in the order in which they are shown.
    fn names(&self) -> Vec<String>;

    /// The name of the default provider, if there is one.
    fn default_name(&self) -> Option<String>;

    /// Returns the password service of the provider with this name, if there is one.
    fn service(&self, name: &str) -> Option<Arc<dyn PasswordService>>;

    /// Returns the rules for new passwords at this provider: the provider's, and the caller's on top. The sidecar
    /// caches them for a minute.
    ///
    /// # Errors
    /// The rules cannot be determined.
    async fn rules(&self, name: &str, cx: &CallContext) -> Result<Arc<dyn Rules>, Error>;
}

/// The rules for new passwords at one provider, to check and to show.
#[async_trait]
pub trait Rules: fmt::Debug + Send + Sync + 'static {
    /// The rules of both layers: the provider's and the caller's.
    fn policies(&self) -> &LayeredPolicy;

    /// The name of the published rules that are used where the provider does not report its own; `none` where there
    /// are none.
    fn preset(&self) -> Option<&'static str>;

    /// Checks a new password, and returns every rule that it breaks, the provider's first.
    ///
    /// # Errors
    /// The breach check cannot be made.
    async fn check(&self, cx: &CallContext, password: &Password) -> Result<Vec<Violation>, Error>;
}
