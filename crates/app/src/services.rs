//! From a configuration to services that are ready to be called.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use repass_domain::{PasswordService, UserProfileService};

use crate::config::{Config, ConfigError, Problems};
use crate::guards::{AuditSink, Guards, JsonLines, OwnRules};
use crate::rules;
use crate::wiring::{self, Wired};

/// The configured providers, each ready to be called and shared under its name.
///
/// Building reads what the configuration refers to (secrets, certificate files) and connects to nothing;
/// an HTTP client is made at its first request. Cloning is cheap.
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
#[derive(Debug, Clone)]
pub struct Services {
    default: Option<String>,
    providers: BTreeMap<String, Wired>,
    own_rules: BTreeMap<String, OwnRules>,
}

impl Services {
    /// Reads a configuration file and builds its services.
    ///
    /// # Errors
    /// Every problem of the file and of what it refers to, each with its line; none quotes a secret.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::load(Some(path.as_ref()), [])
    }

    /// Builds the services of a configuration in TOML.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        let config = Config::text_noting(text, &problems);
        Self::build(config, problems)
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
        let problems = Problems::default();
        let config = Config::load_noting(path, variables, &problems);
        Self::build(config, problems)
    }

    /// Builds the services of a configuration made in code.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_config(config: Config) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        config.check(&problems);
        Self::build(config, problems)
    }

    fn build(config: Config, problems: Problems) -> Result<Self, ConfigError> {
        let mut it = Self {
            default: config.default_provider().map(str::to_owned),
            providers: BTreeMap::new(),
            own_rules: BTreeMap::new(),
        };
        let audit = config
            .audit()
            .and_then(|file| problems.keep("audit.file", audit_file(file)));
        for (name, provider) in config.providers() {
            let mut guards = Guards::default();
            if let Some(audit) = &audit {
                guards = guards.audit(Arc::clone(audit));
            }
            if let Some(changes) = provider.connection().max_in_flight {
                guards = guards.at_most(changes);
            }
            if let Some(rules) = rules::wired(name, provider, &problems) {
                guards = guards.own_rules(rules.clone());
                it.own_rules.insert(name.to_owned(), rules);
            }
            if let Some(mut wired) = wiring::provider(name, provider, &problems) {
                wired.passwords = guards.around(wired.passwords);
                it.providers.insert(name.to_owned(), wired);
            }
        }
        let built = problems.into_result((it, config), |(_, config)| config.origins());
        built.map(|(it, _)| it)
    }

    /// The service of this name.
    ///
    /// # Errors
    /// There is none; the error names those there are.
    pub fn get(&self, name: &str) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        Ok(Arc::clone(&self.wired(name)?.passwords))
    }

    /// What updates users' profiles at the provider of this name; `None` where repass does not.
    ///
    /// # Errors
    /// There is no such provider; the error names those there are.
    pub fn profile(&self, name: &str) -> Result<Option<Arc<dyn UserProfileService>>, UnknownProvider> {
        Ok(self.wired(name)?.profiles.clone())
    }

    /// The service that is meant when none is named: `default_provider`, or the only one there is.
    ///
    /// # Errors
    /// There are several, and none was chosen.
    pub fn default_service(&self) -> Result<Arc<dyn PasswordService>, UnknownProvider> {
        let name = self.default.as_deref().ok_or_else(|| self.unknown(None))?;
        self.get(name)
    }

    /// The caller's own rules for new passwords at a provider, if it has any. Its service applies them
    /// already; they are here to be shown, and to generate passwords by.
    pub fn own_rules(&self, name: &str) -> Option<&OwnRules> {
        self.own_rules.get(name)
    }

    /// The names of all services, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    fn wired(&self, name: &str) -> Result<&Wired, UnknownProvider> {
        self.providers.get(name).ok_or_else(|| self.unknown(Some(name)))
    }

    fn unknown(&self, asked: Option<&str>) -> UnknownProvider {
        UnknownProvider::new(asked, self.names())
    }
}

// Opened for appending, and made for nobody else to read: it names users.
fn audit_file(file: &Path) -> Result<Arc<dyn AuditSink>, String> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file);
    let opened = opened.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(Arc::new(JsonLines::new(opened)))
}

/// A provider was asked for that is not configured, or none was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownProvider {
    asked: Option<String>,
    configured: Vec<String>,
}

impl UnknownProvider {
    pub(crate) fn new<'a>(asked: Option<&str>, configured: impl Iterator<Item = &'a str>) -> Self {
        Self {
            asked: asked.map(str::to_owned),
            configured: configured.map(str::to_owned).collect(),
        }
    }

    /// The names that there are.
    pub fn configured(&self) -> &[String] {
        &self.configured
    }
}

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let configured = self.configured.join(", ");
        let Some(asked) = &self.asked else {
            return write!(
                f,
                "no provider was chosen and there is no `default_provider`; configured: {configured}"
            );
        };
        let hint = crate::config::did_you_mean(asked, self.configured.iter().map(String::as_str));
        let separator = if hint.is_empty() { ";" } else { "" };
        write!(
            f,
            "no provider is called `{}`{hint}{separator} configured: {configured}",
            asked.escape_debug()
        )
    }
}

impl std::error::Error for UnknownProvider {}

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
        assert_eq!(services.names().collect::<Vec<_>>(), ["portal", "zoom"]);
        assert_eq!(services.default_service().unwrap().provider(), "portal");
        assert_eq!(services.get("zoom").unwrap().provider(), "zoom");
        assert!(services.get("zoom").unwrap().capabilities().administrator);
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
            "no provider was chosen and there is no `default_provider`; configured: portal, zoom"
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
