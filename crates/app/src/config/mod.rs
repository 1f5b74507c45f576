//! Configuration: which providers there are, where each lives, and where its secrets come from.
//!
//! It is read in steps, each in its file: a TOML document becomes a tree (`document`), variables named
//! `REPASS__SECTION__KEY` override it (`variables`), it is decoded into typed values (`decode`, with the help of `section`),
//! and those are checked (`provider_kinds`, `provider`, `local_policy`). Every step adds to one list of problems (`problem`), so
//! that all of them are reported at once.

mod decode;
mod document;
mod duration;
mod local_policy;
mod placeholders;
mod problem;
mod provider;
mod provider_kinds;
mod schema;
mod section;
#[cfg(feature = "postgres")]
mod shared;
mod variables;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub(crate) use document::Origins;
pub use duration::parse as parse_duration;
pub use local_policy::{
    Allow, BlocklistFile, BlocklistFormat, Breach, LocalPolicyConfig, LocalRules, OnFailure,
};
pub use problem::{ConfigError, Problem};
pub(crate) use problem::{Problems, did_you_mean};
#[cfg(any(feature = "http", feature = "identity"))]
pub use provider::ClientCredentials;
#[cfg(feature = "zoom")]
pub use provider::ServerToServer;
#[cfg(any(feature = "active-directory", feature = "ldap"))]
pub use provider::SimpleBind;
#[cfg(feature = "http")]
pub use provider::{AccountCredentials, HeaderToken, PrivateKeyJwt, ServiceAccount};
pub use provider::{Auth, Connection, Tls};
pub use provider_kinds::*;
#[cfg(any(feature = "active-directory", feature = "ldap"))]
pub use repass_ldap::MarkerSettings;
#[cfg(feature = "postgres")]
pub use shared::{PostgresConfig, SharedConfig};
pub(crate) use variables::PREFIX as VARIABLE_PREFIX;

/// A whole configuration: named providers, one of which may be the default.
///
/// From a file, from a string, or made in code:
///
/// ```
/// # #[cfg(feature = "zoom")] {
/// use repass::config::{Auth, Config, ProviderConfig, ZoomSettings};
/// use repass::secrets::SecretRef;
///
/// let auth = Auth::Bearer { token: SecretRef::Env("ZOOM_TOKEN".into()) };
/// let zoom = ProviderConfig::new(ZoomSettings::default(), auth);
/// let config = Config::new().with_provider("zoom", zoom);
/// assert_eq!(config.default_provider(), Some("zoom"));
/// # }
/// ```
#[derive(Debug, Clone, Default, Serialize)]
pub struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_section")]
    audit: Option<PathBuf>,
    #[serde(skip_serializing_if = "OnUnknown::is_default")]
    on_unknown: OnUnknown,
    #[cfg(feature = "postgres")]
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<SharedConfig>,
    providers: BTreeMap<String, ProviderConfig>,
    #[serde(skip)]
    origins: Origins,
}

/// What the command line does about a change whose outcome is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnknown {
    /// Reports the unknown outcome, and leaves it to the caller to resolve it.
    #[default]
    Report,
    /// Resolves the unknown outcome at once, with one probe.
    Resolve,
}

impl OnUnknown {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn as_section<S: serde::Serializer>(file: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    BTreeMap::from([("file", file)]).serialize(serializer)
}

impl Config {
    /// Creates a configuration without providers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider under this name, in place of an earlier one of the same name.
    pub fn with_provider(mut self, name: impl Into<String>, provider: ProviderConfig) -> Self {
        self.providers.insert(name.into(), provider);
        self
    }

    /// Sets the audit file: a record of every change, as lines of JSON.
    pub fn with_audit(mut self, file: impl Into<PathBuf>) -> Self {
        self.audit = Some(file.into());
        self
    }

    /// The path of the audit file, if there is one.
    pub fn audit(&self) -> Option<&Path> {
        self.audit.as_deref()
    }

    /// What the command line does about a change whose outcome is unknown. The library never
    /// resolves one by itself.
    pub fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    /// The settings of state that several processes share, if there are any.
    #[cfg(feature = "postgres")]
    pub fn shared(&self) -> Option<&SharedConfig> {
        self.shared.as_ref()
    }

    /// Sets the name of the provider to use when none is named.
    pub fn with_default_provider(mut self, name: impl Into<String>) -> Self {
        self.default_provider = Some(name.into());
        self
    }

    /// Reads a configuration file, in TOML. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every problem of the file, each with its line. No message quotes a value.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::load(Some(path.as_ref()), [])
    }

    /// Reads a configuration from TOML text. Relative paths in it are relative to the working directory.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    ///
    /// ```
    /// let error = repass::Config::from_toml("[providers.zoom]\nkind = \"zoom\"\nplam = \"free\"").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "config:1: providers.zoom.auth: is missing\n\
    ///      config:3: providers.zoom.plam: unknown key; did you mean `plan`?"
    /// );
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        let config = Self::text_noting(text, &[], &problems);
        problems.into_result(config, |config| &config.origins)
    }

    /// Reads a configuration from a file, if there is one, and from variables named `REPASS__SECTION__KEY`. A
    /// variable goes over the file's value, for example `REPASS__PROVIDERS__ZOOM__BASE_URL` over `base_url` in
    /// `[providers.zoom]`; other variables are ignored. Names are matched without regard to case, with `_` for `-`;
    /// values are taken as text.
    ///
    /// ```
    /// # #[cfg(feature = "zoom")] {
    /// use repass::Config;
    ///
    /// let variables = [
    ///     ("REPASS__PROVIDERS__ZOOM__KIND", "zoom"),
    ///     ("REPASS__PROVIDERS__ZOOM__AUTH__KIND", "bearer"),
    ///     ("REPASS__PROVIDERS__ZOOM__AUTH__TOKEN__ENV", "ZOOM_TOKEN"),
    /// ];
    /// let config = Config::load(None, variables.map(|(name, value)| (name.into(), value.into())))?;
    /// assert_eq!(config.default_provider(), Some("zoom"));
    /// # }
    /// # Ok::<(), repass::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        let config = Self::load_noting(path, variables, &[], &problems);
        problems.into_result(config, |config| &config.origins)
    }

    /// As [`from_toml`](Self::from_toml), for the caller of [`load_noting`](Self::load_noting).
    pub(crate) fn text_noting(text: &str, others: &[&str], problems: &Problems) -> Self {
        Self::read(Some(&document::Source::text(text)), [], others, problems)
    }

    /// As [`load`](Self::load), but for a caller with more to check: every invalid value is in `problems` and has a
    /// placeholder in the result. `others` are the names of services that are added in code.
    pub(crate) fn load_noting(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        others: &[&str],
        problems: &Problems,
    ) -> Self {
        match path.map(document::Source::file).transpose() {
            Ok(source) => Self::read(source.as_ref(), variables, others, problems),
            Err(problem) => {
                problems.push(problem);
                Self::default()
            }
        }
    }

    fn read(
        source: Option<&document::Source>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        others: &[&str],
        problems: &Problems,
    ) -> Self {
        let folder = source.map(|source| source.folder.clone()).unwrap_or_default();
        let Some(mut tree) = document::parse(source, problems) else {
            return Self::default();
        };
        variables::lay_over(&mut tree, variables, problems);
        let mut config = decode::config(&tree, &folder, problems);
        config.origins = Origins::collect(&tree);
        config.origins.extend(problems.take_origins());
        config.check(others, problems);
        config
    }

    /// Checks every value, however the configuration was made. `others` as for
    /// [`load_noting`](Self::load_noting).
    pub(crate) fn check(&self, others: &[&str], problems: &Problems) {
        // A section that could not be read at all is not here, but its problem is.
        if self.providers.is_empty() && others.is_empty() && !problems.any_under("providers") {
            problems.add(
                "providers",
                "no provider is configured; add a section [providers.NAME]",
            );
        }
        for name in others {
            check_name(name, name, problems);
            if self.providers.contains_key(*name) {
                let key = format!("providers.{name}");
                problems.add(&key, "is made in code too; give one of the two another name");
            }
        }
        for (name, provider) in &self.providers {
            let key = format!("providers.{name}");
            check_name(name, &key, problems);
            provider.check(&key, problems);
        }
        if let Some(default) = self.default_provider.as_deref()
            && !self.providers.contains_key(default)
            && !others.contains(&default)
            && !problems.any_under(&format!("providers.{default}"))
        {
            let names = self.providers.keys().map(String::as_str);
            let hint = did_you_mean(default, names.chain(others.iter().copied()));
            problems.add("default_provider", format!("names no configured provider{hint}"));
        }
    }

    /// The name of the default provider: `default_provider`, or the only one.
    pub fn default_provider(&self) -> Option<&str> {
        self.default_among(&[])
    }

    /// The same when there are others, added in code.
    pub(crate) fn default_among<'a>(&'a self, others: &[&'a str]) -> Option<&'a str> {
        let names = self.providers.keys().map(String::as_str);
        let mut names = names.chain(others.iter().copied());
        let only = names.next().filter(|_| names.next().is_none());
        self.default_provider.as_deref().or(only)
    }

    /// The providers with their names, ordered by name.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &ProviderConfig)> {
        self.providers
            .iter()
            .map(|(name, provider)| (name.as_str(), provider))
    }

    /// Removes every provider but this one, and makes it the default.
    pub fn only(mut self, name: &str) -> Self {
        self.providers.retain(|other, _| other == name);
        self.default_provider = Some(name.to_owned());
        self
    }

    /// Replaces the address of every provider by this one.
    pub fn with_base_url(mut self, base_url: &str) -> Self {
        for provider in self.providers.values_mut() {
            base_url.clone_into(&mut provider.connection.base_url);
        }
        self
    }

    /// Removes the audit file.
    pub fn without_audit(mut self) -> Self {
        self.audit = None;
        self
    }

    /// Removes secrets, certificates, local policies and the audit file, for what needs no provider, such as
    /// capabilities.
    pub fn without_secrets(mut self) -> Self {
        self.audit = None;
        #[cfg(feature = "postgres")]
        {
            self.shared = None;
        }
        for provider in self.providers.values_mut() {
            provider.connection.auth = Auth::Bearer {
                token: crate::secrets::SecretRef::Value("none".into()),
            };
            provider.connection.tls = Tls::default();
            provider.local = LocalRules {
                allow: provider.local.allow,
                ..LocalRules::default()
            };
        }
        self
    }

    /// Where each value stands, for the messages of [`Problems`].
    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }
}

fn check_name(name: &str, key: &str, problems: &Problems) {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        problems.add(key, "a provider's name is 1 to 64 letters, digits, `-` and `_`");
    }
}

#[cfg(test)]
mod tests;
