//! Describes a provider type to the rest of repass.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use repass_domain::{PasswordService, PreflightService, Preset, UserProfileService};
use repass_transport::ldap::LdapTransport;
use repass_transport::{RateLimit, Transport};

use crate::ServerInspector;

/// A provider kind, such as Zoom, by the type of its settings: all that repass needs to know to configure and call
/// it. All that is known of it outside its own crate is said here.
///
/// The methods without a default are the least there is to say; each default is what holds for a provider of which
/// nothing more is known.
pub trait ProviderKind: Any + fmt::Debug + Send + Sync {
    /// The name of this kind, as in `kind` of a configuration.
    fn name(&self) -> &'static str;

    /// What a provider of this kind changes, in a line.
    fn title(&self) -> &'static str;

    /// An example section of a configuration for this kind, with comments: it is valid, and what only its owner knows
    /// is a placeholder.
    fn section(&self) -> &'static str;

    /// The text of the table that describes this kind, if one does.
    fn table_text(&self) -> Option<&'static str> {
        None
    }

    /// The hash of the table that describes this kind under these settings, if one does: the one in audit records.
    fn table_hash(&self) -> Option<String> {
        None
    }

    /// The protocol that this kind speaks, HTTP or LDAP, with the function that builds its clients under these
    /// settings. Building them sends nothing.
    fn wire(&self) -> Wire<'_>;

    /// The permissions that the credentials need, each with a probe that changes nothing.
    fn permission_probes(&self) -> Vec<PermissionProbe>;

    /// The base URL of the provider's API, if it is the same for all customers; else a configuration must name it.
    fn base_url(&self) -> Option<&'static str> {
        None
    }

    /// The kinds of credentials that this kind accepts besides `bearer`, by their names in a configuration.
    fn auth(&self) -> &'static [&'static str] {
        &[]
    }

    /// The configuration keys that only this kind has.
    fn settings() -> &'static [Setting<Self>]
    where
        Self: Sized,
    {
        &[]
    }

    /// Validates these settings, however they were made, and returns each problem with its key. Never quotes a value
    /// that may be a secret.
    fn problems(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The published password rules to use where the provider does not report its own.
    fn preset(&self) -> Option<Preset> {
        None
    }

    /// Whether the [`preset`](Self::preset) holds for every account. If not it is a guess, and no reason to refuse a
    /// password.
    fn preset_is_binding(&self) -> bool {
        false
    }

    /// The provider's rate limits, each with the label under which requests are counted.
    fn limits(&self) -> Vec<(&'static str, RateLimit)> {
        Vec::new()
    }

    /// The label in [`limits`](Self::limits) under which a reset is counted.
    fn reset_limit(&self) -> &'static str {
        ""
    }

    /// The label in [`limits`](Self::limits) under which a change with the current password is counted; that of a reset
    /// by default.
    fn change_limit(&self) -> &'static str {
        self.reset_limit()
    }

    /// Whether [`policy`](repass_domain::PasswordService::policy) reads the rules from the provider, which shows that
    /// address and credentials are right. False where they are only what is known of the provider in advance.
    fn reads_rules(&self) -> bool {
        true
    }

    /// What an operator can do where the credentials may not read the provider's rules, to be followed by `; until
    /// then …`.
    fn policy_permission_remedy(&self) -> &'static str {
        "grant the configured credentials the right to read the password rules"
    }

    /// The owner of the base URL in messages, as in `the provider's base URL`.
    fn base_url_owner(&self) -> &'static str {
        "provider's"
    }

    /// Guesses where on the same host the API may be, when something else answers at `path`: whole URLs, the
    /// likeliest first.
    fn base_url_candidates(&self, _origin: &str, _path: &str) -> Vec<String> {
        Vec::new()
    }
}

/// The protocol that a provider kind speaks, with the function that builds its clients. Each builds the clients from
/// the provider's configured name and from a transport that leads to it with credentials and keeps the
/// [`limits`](ProviderKind::limits).
pub enum Wire<'k> {
    /// HTTP, with the function that builds the clients.
    Http(Box<ClientsOver<'k, Arc<dyn Transport>>>),
    /// LDAP, with the function that builds the clients.
    Ldap(Box<ClientsOver<'k, Arc<LdapTransport>>>),
}

/// Builds the clients of a provider from its configured name and a transport.
pub type ClientsOver<'k, T> = dyn Fn(&str, T) -> ProviderClients + 'k;

impl<'k> Wire<'k> {
    /// Creates the wire of a kind that speaks HTTP, from the function that builds its clients.
    pub fn http(clients: impl Fn(&str, Arc<dyn Transport>) -> ProviderClients + 'k) -> Self {
        Self::Http(Box::new(clients))
    }

    /// Creates the wire of a kind that speaks LDAP, from the function that builds its clients.
    pub fn ldap(clients: impl Fn(&str, Arc<LdapTransport>) -> ProviderClients + 'k) -> Self {
        Self::Ldap(Box::new(clients))
    }
}

impl fmt::Debug for Wire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http",
            Self::Ldap(_) => "Ldap",
        })
    }
}

/// A configuration key that only one provider kind has, with the function that sets its value.
#[derive(Debug)]
pub enum Setting<K: 'static> {
    /// A key whose value is one of a few words, each with the function that sets its meaning. The settings are
    /// written with the same words.
    Enum(&'static str, &'static [EnumValue<K>]),
    /// A key whose value is any text, but never a secret: it is shown with the configuration. What is good is for
    /// [`ProviderKind::problems`] to judge.
    Text(&'static str, fn(&mut K, String)),
    /// A key whose value is true or false.
    Flag(&'static str, fn(&mut K, bool)),
    /// A group of keys whose values are set together, as one document. What is good is for [`ProviderKind::problems`]
    /// to judge.
    Document(
        &'static [&'static str],
        fn(&mut K, serde_json::Map<String, serde_json::Value>),
    ),
}

/// A word that a configuration key accepts, and the function that sets its meaning.
pub type EnumValue<K> = (&'static str, fn(&mut K));

impl<K> Setting<K> {
    /// The configuration keys of this setting.
    pub fn keys(&self) -> &[&'static str] {
        match self {
            Self::Enum(key, _) | Self::Text(key, _) | Self::Flag(key, _) => std::slice::from_ref(key),
            Self::Document(keys, _) => keys,
        }
    }
}

/// The services of one provider, ready to be called.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProviderClients {
    /// The service that changes passwords.
    pub passwords: Arc<dyn PasswordService>,
    /// The service that updates users' profiles, if the provider has one.
    pub profiles: Option<Arc<dyn UserProfileService>>,
    /// The service that checks users before a change, if the provider has one.
    pub preflight: Option<Arc<dyn PreflightService>>,
    /// The inspector that describes the server, if the provider has one.
    pub server_inspector: Option<Arc<dyn ServerInspector>>,
}

impl ProviderClients {
    /// Creates clients that can only change passwords.
    pub fn new(passwords: Arc<dyn PasswordService>) -> Self {
        Self {
            passwords,
            profiles: None,
            preflight: None,
            server_inspector: None,
        }
    }

    /// Adds the service that updates users' profiles.
    pub fn with_profiles(mut self, profiles: Arc<dyn UserProfileService>) -> Self {
        self.profiles = Some(profiles);
        self
    }

    /// Adds the service that checks users before a change.
    pub fn with_preflight(mut self, preflight: Arc<dyn PreflightService>) -> Self {
        self.preflight = Some(preflight);
        self
    }

    /// Adds the inspector that describes the server at the provider's address.
    pub fn with_server_inspector(mut self, inspector: Arc<dyn ServerInspector>) -> Self {
        self.server_inspector = Some(inspector);
        self
    }
}

/// A probe for a permission that the credentials need. It is tried by a reset for a user who cannot exist, which must
/// fail for that reason and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermissionProbe {
    /// The name of the permission, in a word.
    pub name: &'static str,
    /// What can be done with the permission, as the message of a successful probe.
    pub success: &'static str,
    /// What an operator can do if the permission is missing.
    pub remedy: &'static str,
    /// The user who cannot exist with whom the probe is made.
    pub user: NonexistentUser,
}

impl PermissionProbe {
    /// Creates a probe for the right to reset passwords: a reset for a user who cannot exist, which must be "no such
    /// user".
    pub fn reset(user: NonexistentUser, remedy: &'static str) -> Self {
        Self {
            name: "reset",
            success: "passwords can be reset: only that the user does not exist was in the way",
            remedy,
            user,
        }
    }
}

/// The form of the name of a user who cannot exist, for a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonexistentUser {
    /// The user is named by a new GUID.
    Guid,
    /// The user is named by an e-mail address that no one can have.
    Email,
    /// The user is named by a name that no one has.
    Name,
}
