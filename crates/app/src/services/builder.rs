//! Services from more than a configuration.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::PasswordService;

use super::Services;
use super::snapshot::{Source, StaticParts};
use crate::config::{Config, ConfigError, VARIABLE_PREFIX};
use crate::layers::AuditSink;

/// What [`Services`] are snapshot from. [`file`](Self::file), [`load`](Self::load), [`toml`](Self::toml) and
/// [`config`](Self::config) say where the configuration is, and the last of them counts; without any, there
/// are only the services that are [made in code](Self::with).
///
/// ```
/// # #[cfg(feature = "mock")] {
/// use repass::{InMemoryPasswordService, Services};
///
/// let crm = InMemoryPasswordService::new("crm").with_user("alice", "old");
/// let services = Services::builder()
///     .toml("default_provider = \"crm\"")
///     .with("crm", crm)
///     .build()?;
/// assert_eq!(services.default_service()?.provider(), "crm");
/// # use repass::PasswordService as _;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct ServicesBuilder {
    source: Source,
    parts: StaticParts,
}

impl ServicesBuilder {
    /// The configuration is in this file.
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        self.load(Some(path.as_ref()), [])
    }

    /// The configuration is in a file, if there is one, with variables laid over it, as [`Config::load`]
    /// explains. Variables with other names are not kept.
    pub fn load(
        mut self,
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes());
        let variables = variables.into_iter().filter(|(name, _)| ours(name));
        self.source = Source::File(path.map(Path::to_owned), variables.collect());
        self
    }

    /// The configuration is this text.
    pub fn toml(mut self, text: impl Into<String>) -> Self {
        self.source = Source::Text(text.into());
        self
    }

    /// The configuration is made in code.
    pub fn config(mut self, config: Config) -> Self {
        self.source = Source::Config(config);
        self
    }

    /// Adds a service of the caller's own under this name, which `default_provider` may say too. It gets
    /// the same layers as those that are configured: audit, and one change at a time per user. More of them
    /// come by [`Layers`](crate::Layers).
    ///
    /// The service must know itself by the same name, and no configured provider may have it;
    /// [`build`](Self::build) says so otherwise.
    pub fn with(mut self, name: impl Into<String>, service: impl PasswordService) -> Self {
        self.parts.made.push((name.into(), Arc::new(service)));
        self
    }

    /// Puts every change on record in this sink; and in the configured file, where there is one.
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.parts.sink = Some(sink);
        self
    }

    /// How long each program that [gives a secret](crate::secrets::SecretRef::Command) may take, at a
    /// [reload](Services::reload) too. Default: [`COMMAND_TIMEOUT`](crate::secrets::SecretRef::COMMAND_TIMEOUT).
    pub fn secret_timeout(mut self, limit: Duration) -> Self {
        self.parts.secret_timeout = limit;
        self
    }

    /// Reads the configuration and builds the services.
    ///
    /// # Errors
    /// Every problem of the configuration, of what it refers to and of the names, each with its line where it
    /// has one; none quotes a secret.
    pub fn build(self) -> Result<Services, ConfigError> {
        Services::build(self.source, self.parts)
    }
}

// What the variables hold is not for logs.
impl fmt::Debug for ServicesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServicesBuilder")
            .field("made", &self.parts.made)
            .finish_non_exhaustive()
    }
}
