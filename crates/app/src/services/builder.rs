//! Builds services from a configuration and from parts made in code.

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

/// Builds [`Services`] from a configuration and from parts made in code.
///
/// The configuration is a [file](Self::file), [TOML](Self::toml) or a [value](Self::config); the last of them counts.
/// Without any, there are only the services that are [added in code](Self::with).
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
    /// Sets the file from which the configuration is read.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        self.source = match self.source {
            Source::File(_, variables) => Source::File(Some(path), variables),
            _ => Source::File(Some(path), Vec::new()),
        };
        self
    }

    /// Applies variables such as [`std::env::vars_os`] over the file, as [`Config::load`] explains; without a file they are
    /// the whole configuration. Variables with other names are ignored.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes());
        let variables = variables.into_iter().filter(|(name, _)| ours(name)).collect();
        self.source = match self.source {
            Source::File(path, _) => Source::File(path, variables),
            _ => Source::File(None, variables),
        };
        self
    }

    /// Sets the TOML text from which the configuration is read.
    pub fn toml(mut self, text: impl Into<String>) -> Self {
        self.source = Source::Text(text.into());
        self
    }

    /// Sets a configuration that was made in code.
    pub fn config(mut self, config: Config) -> Self {
        self.source = Source::Config(config);
        self
    }

    /// Adds a service that was made in code, under this name, which `default_provider` may name too. It gets the
    /// layers that all configured services have: metrics, audit, and one change at a time per user. For others wrap
    /// it in [`Layers`](crate::Layers).
    ///
    /// [`PasswordService::provider`] of the service must be the same name, and no configured provider may have it;
    /// [`build`](Self::build) fails otherwise.
    pub fn with(mut self, name: impl Into<String>, service: impl PasswordService) -> Self {
        self.parts.added.push((name.into(), Arc::new(service)));
        self
    }

    /// Writes a record of every change to this sink, and to the configured file if there is one.
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.parts.sink = Some(sink);
        self
    }

    /// Sets the timeout of each program that [prints a secret](crate::secrets::SecretRef::Command), also during a
    /// [reload](Services::reload). Default: [`COMMAND_TIMEOUT`](crate::secrets::SecretRef::COMMAND_TIMEOUT).
    pub fn secret_timeout(mut self, limit: Duration) -> Self {
        self.parts.secret_timeout = limit;
        self
    }

    /// Reads the configuration and builds the services.
    ///
    /// # Errors
    /// Every problem of the configuration, of the files and secrets it refers to and of the names, each with its line
    /// where it has one. No message quotes a secret.
    pub fn build(self) -> Result<Services, ConfigError> {
        Services::build(self.source, self.parts)
    }
}

// The values of the variables do not belong in logs.
impl fmt::Debug for ServicesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServicesBuilder")
            .field("added", &self.parts.added)
            .finish_non_exhaustive()
    }
}
