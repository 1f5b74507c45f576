//! Describes a provider type to the rest of repass.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use repass_domain::{PasswordService, PreflightService, Preset, UserProfileService};
use repass_transport::ldap::LdapTransport;
use repass_transport::{RateLimit, Transport};

use crate::ServerInspector;

/// A kind of provider, by the type of its settings. All that is known of it outside its own crate is said here.
///
/// The methods without a default are the least there is to say; each default is what holds for a provider of which
/// nothing more is known.
pub trait ProviderKind: Any + fmt::Debug + Send + Sync {
    /// Its name in a configuration.
    fn name(&self) -> &'static str;

    /// What it changes, in a line.
    fn title(&self) -> &'static str;

    /// A section of a configuration for it, with comments: it is valid, and what only its owner knows is a placeholder.
    fn section(&self) -> &'static str;

    /// The text of the table that describes it, if one does.
    fn table_text(&self) -> Option<&'static str> {
        None
    }

    /// The hash of the table that describes it under these settings, if one does: the one in audit records.
    fn table_hash(&self) -> Option<String> {
        None
    }

    /// The wire that it speaks, and how its clients are built on it under these settings. Building them sends nothing.
    fn wire(&self) -> Wire<'_>;

    /// What the credentials must be allowed, to be tried by a check that changes nothing.
    fn permission_probes(&self) -> Vec<PermissionProbe>;

    /// The base URL of its API, if it is the same for all customers; else a configuration must name it.
    fn base_url(&self) -> Option<&'static str> {
        None
    }

    /// How credentials may be given, by the names in a configuration, besides `bearer`.
    fn auth(&self) -> &'static [&'static str] {
        &[]
    }

    /// The keys of its own in a configuration.
    fn settings() -> &'static [Setting<Self>]
    where
        Self: Sized,
    {
        &[]
    }

    /// What is wrong with these settings, by key, however they were made. Never quotes a value that may be a secret.
    fn problems(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The published rules to use where the provider does not report its own.
    fn preset(&self) -> Option<Preset> {
        None
    }

    /// Whether the [`preset`](Self::preset) holds for every account. If not it is a guess, and no reason to refuse a
    /// password.
    fn preset_is_binding(&self) -> bool {
        false
    }

    /// The rate limits, by the label under which requests are counted.
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

    /// Whether [`policy`](repass_domain::PasswordService::policy) reads the rules from the provider, which shows that address
    /// and credentials are right. False where they are only what is known of the provider in advance.
    fn reads_rules(&self) -> bool {
        true
    }

    /// What to do where the credentials may not read the provider's rules, to be followed by `; until then …`.
    fn policy_permission_remedy(&self) -> &'static str {
        "grant the configured credentials the right to read the password rules"
    }

    /// Whose base URL it is, as in `the … base URL`.
    fn base_url_owner(&self) -> &'static str {
        "provider's"
    }

    /// Where on the same host the API may be, when something else answers at `path`: whole URLs, the likeliest first.
    fn base_url_candidates(&self, _origin: &str, _path: &str) -> Vec<String> {
        Vec::new()
    }
}

/// The wire that a kind of provider speaks. Each builds the clients from the provider's configured name and from a
/// transport that leads to it with credentials and keeps the [`limits`](ProviderKind::limits).
pub enum Wire<'k> {
    /// HTTP.
    Http(Box<ClientsOver<'k, Arc<dyn Transport>>>),
    /// LDAP.
    Ldap(Box<ClientsOver<'k, Arc<LdapTransport>>>),
}

/// Builds the clients of the provider of this name over this transport.
pub type ClientsOver<'k, T> = dyn Fn(&str, T) -> ProviderClients + 'k;

impl<'k> Wire<'k> {
    /// HTTP, with how the clients are built.
    pub fn http(clients: impl Fn(&str, Arc<dyn Transport>) -> ProviderClients + 'k) -> Self {
        Self::Http(Box::new(clients))
    }

    /// LDAP, with how the clients are built.
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

/// One key of a kind of provider's own in a configuration.
#[derive(Debug)]
pub enum Setting<K: 'static> {
    /// One of a few words, each with how to set what it stands for. The settings are written with the same words.
    Enum(&'static str, &'static [EnumValue<K>]),
    /// Any text, but never a secret: it is shown with the configuration. What is good is for [`ProviderKind::problems`] to judge.
    Text(&'static str, fn(&mut K, String)),
    /// True or false.
    Flag(&'static str, fn(&mut K, bool)),
    /// Everything under these keys, as one document. What is good is for [`ProviderKind::problems`] to judge.
    Document(
        &'static [&'static str],
        fn(&mut K, serde_json::Map<String, serde_json::Value>),
    ),
}

/// A word, and how to set what it stands for.
pub type EnumValue<K> = (&'static str, fn(&mut K));

impl<K> Setting<K> {
    /// The keys.
    pub fn keys(&self) -> &[&'static str] {
        match self {
            Self::Enum(key, _) | Self::Text(key, _) | Self::Flag(key, _) => std::slice::from_ref(key),
            Self::Document(keys, _) => keys,
        }
    }
}

/// What one provider offers, ready to be called.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProviderClients {
    /// Changes of passwords.
    pub passwords: Arc<dyn PasswordService>,
    /// Updates of profiles, if it takes them.
    pub profiles: Option<Arc<dyn UserProfileService>>,
    /// A look at a user before, if it grants one.
    pub preflight: Option<Arc<dyn PreflightService>>,
    /// A description of the server that answers, if there is something to say.
    pub server_inspector: Option<Arc<dyn ServerInspector>>,
}

impl ProviderClients {
    /// Changes of passwords, and nothing else.
    pub fn new(passwords: Arc<dyn PasswordService>) -> Self {
        Self {
            passwords,
            profiles: None,
            preflight: None,
            server_inspector: None,
        }
    }

    /// The same with updates of profiles.
    pub fn with_profiles(mut self, profiles: Arc<dyn UserProfileService>) -> Self {
        self.profiles = Some(profiles);
        self
    }

    /// The same with a look at a user before.
    pub fn with_preflight(mut self, preflight: Arc<dyn PreflightService>) -> Self {
        self.preflight = Some(preflight);
        self
    }

    /// The same with a description of the server that answers.
    pub fn with_server_inspector(mut self, inspector: Arc<dyn ServerInspector>) -> Self {
        self.server_inspector = Some(inspector);
        self
    }
}

/// Something that credentials must be allowed. It is tried by a reset for a user who cannot exist, which must fail for
/// that reason and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermissionProbe {
    /// In a word.
    pub name: &'static str,
    /// What can be done by it.
    pub success: &'static str,
    /// What to do without it.
    pub remedy: &'static str,
    /// The user with whom it is tried.
    pub user: NonexistentUser,
}

impl PermissionProbe {
    /// A probe for the right to reset passwords: a reset for a user who cannot exist, which must be "no such user".
    pub fn reset(user: NonexistentUser, remedy: &'static str) -> Self {
        Self {
            name: "reset",
            success: "passwords can be reset: only that the user does not exist was in the way",
            remedy,
            user,
        }
    }
}

/// How a user who cannot exist is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonexistentUser {
    /// By a new GUID.
    Guid,
    /// By an e-mail address that no one can have.
    Email,
    /// By a name that no one has.
    Name,
}
