//! Services, built from a configuration and ready to be called.

mod audit_file;
mod builder;
mod policy_factory;
mod provider_factory;
mod rate_limiters;
mod reloadable;
#[cfg(feature = "postgres")]
mod shared_state;
mod snapshot;
mod unknown_provider;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use repass_domain::{PasswordService, UserProfileService};

use crate::config::{Config, ConfigError};
use crate::layers::{LocalPolicy, describe_metrics};

pub use builder::ServicesBuilder;
#[cfg(feature = "postgres")]
pub use shared_state::SharedState;
pub use unknown_provider::UnknownProvider;

use reloadable::ReloadableService;
use snapshot::{Snapshot, Source, StaticParts};

/// The password services of all providers, by name: those that are configured, and those that were [added in
/// code](ServicesBuilder::with).
///
/// Building reads what the configuration refers to (secrets, certificate files) and opens no connection; an HTTP client is
/// built for its first request. Cloning is cheap, and a clone shares the services.
///
/// ```
/// # #[cfg(feature = "zoom")] {
/// use repass::{PasswordService as _, Services};
///
/// let services = Services::builder()
///     .toml(
///         r#"
///         [providers.zoom]
///         kind = "zoom"
///         auth = { kind = "bearer", token = { command = ["echo", "a-token"] } }
///         "#,
///     )
///     .build()?;
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
/// [`reload`](Self::reload) reads the configuration again, with every secret and certificate that it refers to. It affects
/// services that were handed out before: their next call uses the new configuration, while calls in flight finish with the
/// old one. A service whose provider is no longer configured rejects every call as
/// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) and sends nothing, until the provider is back.
///
/// The lock per user holds across a reload, and so do the rate limits of accounts that stay the same. The limit on changes
/// in flight (`max_in_flight`) counts only those of the new configuration.
#[derive(Clone)]
pub struct Services(Arc<Shared>);

struct Shared {
    parts: StaticParts,
    // Locked during a reload, so that there is one at a time.
    source: Mutex<Source>,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Services {
    /// Builds the services of a configuration file.
    ///
    /// # Errors
    /// Every problem of the file and of what it refers to, each with its line. No message quotes a secret.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::builder().file(path).build()
    }

    /// Returns a builder of services from other configurations, with adapters added in code or with an audit sink.
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

    /// Reads the configuration again, with all that it refers to, and replaces the services, as described
    /// [above](Self#reloading). It blocks on files and on programs that print secrets, so call it in
    /// `tokio::task::spawn_blocking`: on a signal, at an endpoint, or at an interval.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file). The services then stay as they were.
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

    /// Replaces the configuration by this one, and the services with it. Further [reloads](Self::reload) use it
    /// again.
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

    /// Returns the password service of the provider with this name.
    ///
    /// # Errors
    /// There is none; the error lists the configured names.
    pub fn get(&self, name: &str) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        self.0.now().provider(name)?;
        Ok(self.reloadable(name))
    }

    /// Returns the service that updates users' profiles at this provider; `None` if the adapter has none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn profile(&self, name: &str) -> Result<Option<Arc<dyn UserProfileService>>, UnknownProvider> {
        let has_profiles = self.0.now().provider(name)?.profiles.is_some();
        Ok(has_profiles.then(|| self.reloadable(name) as _))
    }

    /// Returns the service that checks users before a change at this provider; `None` if the adapter has none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn preflight(
        &self,
        name: &str,
    ) -> Result<Option<Arc<dyn repass_domain::PreflightService>>, UnknownProvider> {
        Ok(self.0.now().provider(name)?.preflight.clone())
    }

    /// Returns the inspector that describes the server at this provider's address, for diagnosis; `None` if the
    /// adapter has none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn server_inspector(
        &self,
        name: &str,
    ) -> Result<Option<Arc<dyn repass_provider::ServerInspector>>, UnknownProvider> {
        Ok(self.0.now().provider(name)?.server_inspector.clone())
    }

    /// Returns the service of the default provider: `default_provider`, or the only one. It keeps its name across
    /// reloads.
    ///
    /// # Errors
    /// There are several, and `default_provider` is not set.
    pub fn default_service(&self) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        let now = self.0.now();
        let name = now.default.as_deref().ok_or_else(|| now.unknown(None))?;
        self.get(name)
    }

    /// Returns the adapter of this provider without its layers, for diagnosis. Its calls leave no audit record, wait
    /// for no other change of the user and are checked against no local policy.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn adapter(&self, name: &str) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        Ok(Arc::clone(self.0.now().provider(name)?.passwords.adapter()))
    }

    /// Returns the local policy for new passwords at a provider, if it has one. Its service applies it already; use
    /// this to show the rules, or to generate passwords that meet them.
    pub fn local_policy(&self, name: &str) -> Option<LocalPolicy> {
        self.0.now().local_policies.get(name).cloned()
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
    /// The current services. A call keeps them to its end.
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
        let services = Services::builder().toml(TWO).build().unwrap();
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
        let services = Services::builder().toml(TWO).build().unwrap();
        let unknown = |name| services.get(name).unwrap_err().to_string();
        assert_eq!(
            unknown("portl"),
            "no provider is called `portl`; did you mean `portal`? configured: portal, zoom"
        );
        assert_eq!(
            unknown("x\n"),
            "no provider is called `x\\n`; configured: portal, zoom"
        );
        let none = Services::builder()
            .toml(TWO.replace("default_provider", "#"))
            .build()
            .unwrap();
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
        let text = Services::builder().toml(&broken).build().unwrap_err().to_string();
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
        let text = Services::builder().toml(&toml).build().unwrap_err().to_string();
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
        assert!(Services::builder().toml(&toml).build().is_ok());
        let text = Services::builder()
            .toml(toml.replace("\"echo\", \"s\"", "\"false\""))
            .build()
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

    #[cfg(feature = "http")]
    #[test]
    fn private_key_is_read_from_a_file_and_its_problem_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        let build = |auth: &str, pem: &str| {
            std::fs::write(&path, pem).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            let key = format!("private_key = {{ file = \"{}\" }}, scope = \"s\"", path.display());
            let toml = format!(
                "[providers.test]\nkind = \"http\"\nbase_url = \"https://api.example.com\"\n\
                 reset = {{ method = \"PUT\", path = \"/u/{{user}}/p\", body = {{ p = \"{{new}}\" }} }}\n\
                 rows = [{{ status = 204, then = \"applied\" }}]\nauth = {{ {auth}, {key} }}"
            );
            Services::builder()
                .toml(&toml)
                .build()
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for auth in [
            "kind = \"private-key-jwt\", token_url = \"https://token.example.com\", client_id = \"c\", key_id = \"k\"",
            "kind = \"service-account\", account = \"a@example.com\", subject = \"admin@example.com\"",
        ] {
            assert_eq!(build(auth, &pem), Ok(()));
            let old_form = pem.replace("PRIVATE KEY", "EC PRIVATE KEY");
            for (unusable, part) in [
                ("canary", "holds no PEM block"),
                (old_form.as_str(), "openssl pkcs8 -topk8"),
            ] {
                let problem = build(auth, unusable).unwrap_err();
                assert!(
                    problem.starts_with("config:6: providers.test.auth.private_key: "),
                    "{problem}"
                );
                assert!(problem.contains(part) && !problem.contains("canary"), "{problem}");
            }
        }
    }

    #[cfg(all(feature = "postgres", feature = "zoom"))]
    #[test]
    fn section_shared_cannot_change_in_a_reload() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        write("url", "postgresql://repass@localhost/repass");
        write("secret", &"s".repeat(32));
        write("token", "tok-0123456789abcdefghij");
        let zoom =
            "[providers.zoom]\nkind = \"zoom\"\nauth = { kind = \"bearer\", token = { file = \"token\" } }\n";
        let shared = "[shared]\npostgres = { url = { file = \"url\" } }\nsecret = { file = \"secret\" }\n";
        for (first, second) in [("", shared), (shared, "")] {
            let file = write("repass.toml", &format!("{first}{zoom}"));
            let services = Services::from_file(&file).unwrap();
            services.reload().unwrap();
            write("repass.toml", &format!("{second}{zoom}"));
            let refused = services.reload().unwrap_err().to_string();
            assert!(
                refused.contains("shared: cannot change while the process runs"),
                "{refused}"
            );
        }
    }
}
