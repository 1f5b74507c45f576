//! Describes the server behind a provider's address.

use std::fmt;

use async_trait::async_trait;
use repass_domain::{CallContext, Error};

/// Describes the server that answers at a provider's address, for diagnosis.
///
/// For providers where one address can lead to different servers, and the outcome of a change is that of one server.
#[async_trait]
pub trait ServerInspector: fmt::Debug + Send + Sync + 'static {
    /// Returns what the server reports of itself, in a sentence without a full stop. Its texts are redacted and on
    /// one line. Reads only, so dropping the future is safe.
    ///
    /// # Errors
    /// The server could not be asked, or does not fit the provider's kind. The outcome is always `NotApplied`.
    async fn describe(&self, cx: &CallContext) -> Result<String, Error>;
}
