//! What a sidecar asks whoever starts it for.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{CallContext, Error, LayeredPolicy, Password, PasswordService, Violation};

/// The providers that a [`Sidecar`](crate::Sidecar) answers for. It is asked anew for every request, so that
/// what changes meanwhile is taken up.
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync + 'static {
    /// The names of all providers, in the order in which they are told.
    fn names(&self) -> Vec<String>;

    /// The provider that is meant when none is named, if there is one.
    fn default_name(&self) -> Option<String>;

    /// The service of this name, if there is one.
    fn service(&self, name: &str) -> Option<Arc<dyn PasswordService>>;

    /// The rules for new passwords at the provider of this name: those that it tells, with the caller's own on
    /// top. The sidecar keeps what it is told for a minute.
    ///
    /// # Errors
    /// They cannot be found out.
    async fn rules(&self, name: &str, cx: &CallContext) -> Result<Arc<dyn Rules>, Error>;
}

/// Rules for new passwords at one provider.
#[async_trait]
pub trait Rules: fmt::Debug + Send + Sync + 'static {
    /// Both layers.
    fn policies(&self) -> &LayeredPolicy;

    /// The published rules that stand in for the provider's, where it does not tell its own; `none` where none are
    /// published.
    fn preset(&self) -> Option<&'static str>;

    /// Every rule that this password breaks, the provider's first.
    ///
    /// # Errors
    /// A service of breached passwords cannot be asked.
    async fn check(&self, cx: &CallContext, password: &Password) -> Result<Vec<Violation>, Error>;
}
