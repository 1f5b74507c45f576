//! From a configuration to services that are ready to be called.

mod audit_file;
mod builder;
mod reloadable;
mod snapshot;
mod unknown;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use repass_domain::{PasswordService, UserProfileService};

use crate::config::{Config, ConfigError};
use crate::layers::{LocalPolicy, describe_metrics};

pub use builder::ServicesBuilder;
pub use unknown::UnknownProvider;

use reloadable::ReloadableService;
use snapshot::{Snapshot, Source, StaticParts};

/// The providers, each ready to be called and shared under its name: those that are configured, and those
/// that were [made in code](ServicesBuilder::with).
///
/// Building reads what the configuration refers to (secrets, certificate files) and connects to nothing;
/// an HTTP client is made at its first request. Cloning is cheap, and a clone is the same services.
///
/// ```
/// # #[cfg(feature = "zoom")] {
/// use repass::{PasswordService as _, Services};
///
/// let services = Services::from_toml(
///     r#"
///     [providers.zoom]
///     kind = "zoom"
///     auth = { kind = "bearer", token = { command = ["echo", "a-token"] } }
///     "#,
/// )?;
/// assert_eq!(services.default_service()?.provider(), "zoom");
/// assert_eq!(
///     services.get("zom").unwrap_err().to_string(),
///     "no provider is called `zom`; did you mean `zoom`? configured: zoom"
/// );
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Reloading
///
/// [`reload`](Self::reload) takes up what has changed since: the file, and every secret and certificate that
/// it refers to. A service that was handed out before follows: its next call is made under the new
/// configuration, while the calls under way come to their end under the old one. A service whose provider is
/// no longer there refuses every call with
/// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) and sends nothing, until the provider is back.
///
/// One change at a time per user holds across a reload, and so do the rate limits of accounts that stay the
/// same. A bound on the changes under way (`max_in_flight`) counts those of the new configuration only.
#[derive(Clone)]
pub struct Services(Arc<Shared>);

struct Shared {
    parts: StaticParts,
    // Held during a reload: there is one at a time.
    source: Mutex<Source>,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Services {
    /// Reads a configuration file and builds its services.
    ///
    /// # Errors
    /// Every problem of the file and of what it refers to, each with its line; none quotes a secret.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::builder().file(path).build()
    }

    /// Builds the services of a configuration in TOML.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::builder().toml(text).build()
    }

    /// Reads a file, if there is one, and builds the services with variables laid over it, as
    /// [`Config::load`] explains. The command line passes [`std::env::vars_os`].
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        Self::builder().load(path, variables).build()
    }

    /// Builds the services of a configuration made in code.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_config(config: Config) -> Result<Self, ConfigError> {
        Self::builder().config(config).build()
    }

    /// Services from more than a configuration: adapters of your own, an audit into your own sink.
    pub fn builder() -> ServicesBuilder {
        ServicesBuilder::default()
    }

    fn build(source: Source, parts: StaticParts) -> Result<Self, ConfigError> {
        let snapshot = parts.build(&source)?;
        describe_metrics();
        Ok(Self(Arc::new(Shared {
            parts,
            source: Mutex::new(source),
            snapshot: RwLock::new(Arc::new(snapshot)),
        })))
    }

    /// Reads anew what the services were snapshot from, the file and all that it refers to, and swaps them, as
    /// told [above](Self#reloading). It blocks on files and on programs that give secrets: call it by way of
    /// `tokio::task::spawn_blocking`, when you are told to (a signal, an endpoint) or from time to time.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); the services stay what they were.
    ///
    /// ```
    /// # #[cfg(feature = "zoom")] {
    /// use repass::Services;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("repass.toml");
    /// let zoom = "kind = \"zoom\"\nauth = { kind = \"bearer\", token = { command = [\"echo\", \"a-token\"] } }\n";
    /// std::fs::write(&file, format!("[providers.zoom]\n{zoom}"))?;
    /// let services = Services::from_file(&file)?;
    ///
    /// std::fs::write(&file, format!("[providers.zoom]\n{zoom}[providers.second]\n{zoom}"))?;
    /// services.reload()?;
    /// assert_eq!(services.names(), ["second", "zoom"]);
    ///
    /// std::fs::write(&file, "[providers.zoom]\nkind = \"zom\"")?;
    /// assert!(services.reload().is_err());
    /// assert_eq!(services.names(), ["second", "zoom"]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reload(&self) -> Result<(), ConfigError> {
        let source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.swap(self.0.parts.build(&source)?);
        Ok(())
    }

    /// The same with another configuration, which further [reloads](Self::reload) read anew.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub fn reload_with(&self, config: Config) -> Result<(), ConfigError> {
        let mut source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = Source::Config(config);
        self.0.swap(self.0.parts.build(&changed)?);
        *source = changed;
        Ok(())
    }

    /// The service of this name.
    ///
    /// # Errors
    /// There is none; the error names those there are.
    pub fn get(&self, name: &str) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        self.0.now().provider(name)?;
        Ok(self.reloadable(name))
    }

    /// What updates users' profiles at the provider of this name; `None` where repass does not.
    ///
    /// # Errors
    /// There is no such provider; the error names those there are.
    pub fn profile(&self, name: &str) -> Result<Option<Arc<dyn UserProfileService>>, UnknownProvider> {
        let has_profiles = self.0.now().provider(name)?.profiles.is_some();
        Ok(has_profiles.then(|| self.reloadable(name) as _))
    }

    /// What asks about users beforehand at the provider of this name; `None` where repass cannot.
    pub fn preflight(
        &self,
        name: &str,
    ) -> Result<Option<Arc<dyn repass_domain::PreflightService>>, UnknownProvider> {
        Ok(self.0.now().provider(name)?.preflight.clone())
    }

    /// The service that is meant when none is named: `default_provider`, or the only one there is. After a
    /// reload it is still the one of the same name.
    ///
    /// # Errors
    /// There are several, and none was chosen.
    pub fn default_service(&self) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        let now = self.0.now();
        let name = now.default.as_deref().ok_or_else(|| now.unknown(None))?;
        self.get(name)
    }

    /// The caller's own rules for new passwords at a provider, if it has any. Its service applies them
    /// already; they are here to be shown, and to generate passwords by.
    pub fn local_policy(&self, name: &str) -> Option<LocalPolicy> {
        self.0.now().local_policy.get(name).cloned()
    }

    /// The names of all services, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.0.now().providers.keys().cloned().collect()
    }

    fn reloadable(&self, name: &str) -> Arc<ReloadableService> {
        Arc::new(ReloadableService::new(Arc::clone(&self.0), name))
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Services").field(&self.names()).finish()
    }
}

impl Shared {
    /// What holds now; a call that has begun keeps it to its end.
    fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn swap(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        default_provider = "portal"
        [providers.zoom]
        kind = "zoom"
        auth = { kind = "bearer", token = { command = ["echo", "t"] } }
        [providers.portal]
        kind = "identity"
        base_url = "https://id.example.com/identity"
        auth = { kind = "bearer", token = { command = ["echo", "t"] } }
    "#;

    #[test]
    fn each_provider_is_a_service_under_its_name() {
        let services = Services::from_toml(TWO).unwrap();
        assert_eq!(services.names(), ["portal", "zoom"]);
        assert_eq!(services.default_service().unwrap().provider(), "portal");
        assert_eq!(services.get("zoom").unwrap().provider(), "zoom");
        assert!(services.get("zoom").unwrap().capabilities().reset);
        assert_eq!(services.profile("zoom").unwrap().unwrap().provider(), "zoom");
        assert!(services.profile("portal").unwrap().is_none());
        assert!(services.profile("zom").is_err());
    }

    #[test]
    fn an_unknown_name_is_told_with_those_there_are() {
        let services = Services::from_toml(TWO).unwrap();
        let unknown = |name| services.get(name).unwrap_err().to_string();
        assert_eq!(
            unknown("portl"),
            "no provider is called `portl`; did you mean `portal`? configured: portal, zoom"
        );
        assert_eq!(
            unknown("x\n"),
            "no provider is called `x\\n`; configured: portal, zoom"
        );
        let none = Services::from_toml(&TWO.replace("default_provider", "#")).unwrap();
        assert_eq!(
            none.default_service().unwrap_err().to_string(),
            "no provider was chosen (`-p` on the command line) and there is no `default_provider`; configured: portal, zoom"
        );
    }

    #[test]
    fn what_is_referred_to_is_checked_together_with_the_rest() {
        let broken = TWO
            .replace(
                "[\"echo\", \"t\"] } }\n        [",
                "[\"false\"] } }\n        plan = \"canary\"\n        [",
            )
            .replace("[\"echo\", \"t\"]", "[\"echo\", \"canary 1\"]")
            + "tls = { ca_file = \"/nowhere/ca.pem\" }";
        let text = Services::from_toml(&broken).unwrap_err().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[0].starts_with("config:5: providers.zoom.auth.token: the command `false` failed"),
            "{text}"
        );
        assert!(
            lines[1].starts_with("config:6: providers.zoom.plan: must be"),
            "{text}"
        );
        assert!(
            lines[2].starts_with("config:10: providers.portal.auth.token: is empty or holds"),
            "{text}"
        );
        assert!(
            lines[3].contains("providers.portal.tls.ca_file: cannot read /nowhere/ca.pem"),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn an_authority_file_must_hold_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, "no certificate").unwrap();
        let toml = format!("{TWO}tls = {{ ca_file = \"{}\" }}", path.display());
        let text = Services::from_toml(&toml).unwrap_err().to_string();
        assert!(text.contains("holds no readable PEM certificate"), "{text}");
    }

    #[test]
    fn every_kind_of_credentials_is_built_and_its_secret_looked_for() {
        let bearer = "{ kind = \"bearer\", token = { command = [\"echo\", \"t\"] } }";
        let server = "{ kind = \"server-to-server\", account_id = \"a\", client_id = \"c\", \
                      client_secret = { command = [\"echo\", \"s\"] } }";
        let client = "{ kind = \"client-credentials\", token_url = \"https://id.example.com/connect/token\", \
                      client_id = \"c\", client_secret = { command = [\"echo\", \"s\"] }, scope = \"PM.User\" }";
        let toml = TWO.replacen(bearer, server, 1).replacen(bearer, client, 1);
        assert!(Services::from_toml(&toml).is_ok());
        let text = Services::from_toml(&toml.replace("\"echo\", \"s\"", "\"false\""))
            .unwrap_err()
            .to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            lines[0].starts_with("config:5: providers.zoom.auth.client_secret: the command `false`"),
            "{text}"
        );
        assert!(
            lines[1].starts_with("config:9: providers.portal.auth.client_secret: the command"),
            "{text}"
        );
    }
}
