//! What can be set about one provider, and which values are good.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use repass_domain::Preset;
use repass_transport::{BaseUrl, Timeouts};
use serde::{Serialize, Serializer};
use validator::{Validate, ValidationError, ValidationErrors};

use super::duration;
use super::own::Own;
use super::problem::Problems;
use crate::secret::SecretRef;

macro_rules! kinds {
    ($($kind:literal => $variant:ident($provider:ident), $doc:literal;)+) => {
        /// One provider, by its kind.
        #[derive(Debug, Clone, Serialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum ProviderConfig {
            $(#[doc = $doc] #[cfg(feature = $kind)] $variant($provider),)+
        }

        impl ProviderConfig {
            /// The kind as the configuration spells it.
            pub fn kind(&self) -> &'static str {
                match *self {
                    $(#[cfg(feature = $kind)] Self::$variant(_) => $kind,)+
                }
            }

            /// How to reach it.
            pub fn connection(&self) -> &Connection {
                match *self {
                    $(#[cfg(feature = $kind)] Self::$variant(ref provider) => &provider.connection,)+
                }
            }

            #[cfg(feature = "cli")]
            pub(super) fn connection_mut(&mut self) -> &mut Connection {
                match *self {
                    $(#[cfg(feature = $kind)] Self::$variant(ref mut provider) => &mut provider.connection,)+
                }
            }

            /// The caller's own rules there.
            pub fn own(&self) -> &Own {
                match *self {
                    $(#[cfg(feature = $kind)] Self::$variant(ref provider) => &provider.own,)+
                }
            }

            pub(super) fn own_mut(&mut self) -> &mut Own {
                match *self {
                    $(#[cfg(feature = $kind)] Self::$variant(ref mut provider) => &mut provider.own,)+
                }
            }
        }

        $(#[cfg(feature = $kind)]
        impl From<$provider> for ProviderConfig {
            fn from(provider: $provider) -> Self {
                Self::$variant(provider)
            }
        })+
    };
}

// One row for each kind, which is a feature's name too.
kinds! {
    "zoom" => Zoom(ZoomProvider), "Zoom.";
    "identity" => Identity(IdentityProvider), "A UiPath identity portal.";
}

impl ProviderConfig {
    /// The published rules of this kind of provider.
    pub fn preset(&self) -> Preset {
        match *self {
            #[cfg(feature = "zoom")]
            Self::Zoom(_) => Preset::ZoomDefault,
            #[cfg(feature = "identity")]
            Self::Identity(_) => Preset::UipathDefault,
        }
    }

    pub(super) fn check(&self, path: &str, problems: &Problems) {
        self.own().check(path, problems);
        let connection = self.connection();
        note(problems, path, connection.validate());
        note(problems, &format!("{path}.auth"), connection.auth.validate());
        match *self {
            #[cfg(feature = "zoom")]
            Self::Zoom(_) => {}
            #[cfg(feature = "identity")]
            Self::Identity(ref portal) => {
                let organization = portal.identity.organization.as_deref();
                if organization.is_some_and(|organization| !is_guid(organization)) {
                    problems.add(&format!("{path}.organization"), "must be the organization's GUID");
                }
            }
        }
    }
}

/// A provider of kind `zoom`.
#[cfg(feature = "zoom")]
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ZoomProvider {
    /// Zoom's own settings: `plan` and `body`.
    #[serde(flatten)]
    pub zoom: repass_zoom::ZoomConfig,
    /// How to reach it.
    #[serde(flatten)]
    pub connection: Connection,
    /// The caller's own rules.
    #[serde(flatten)]
    pub own: Own,
}

#[cfg(feature = "zoom")]
impl ZoomProvider {
    /// Zoom's public API, with defaults for everything else.
    pub fn new(auth: Auth) -> Self {
        let base_url = repass_zoom::ZoomConfig::BASE_URL;
        Self {
            zoom: repass_zoom::ZoomConfig::default(),
            connection: Connection::new(base_url, auth),
            own: Own::default(),
        }
    }
}

/// A provider of kind `identity`.
#[cfg(feature = "identity")]
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct IdentityProvider {
    /// The portal's own settings: `organization` and `deployment`.
    #[serde(flatten)]
    pub identity: repass_identity::IdentityConfig,
    /// How to reach it.
    #[serde(flatten)]
    pub connection: Connection,
    /// The caller's own rules.
    #[serde(flatten)]
    pub own: Own,
}

#[cfg(feature = "identity")]
impl IdentityProvider {
    /// The portal whose whole identity URL (`https://host/…/identity_`) is `base_url`.
    pub fn new(base_url: impl Into<String>, auth: Auth) -> Self {
        let identity = repass_identity::IdentityConfig::default();
        Self {
            identity,
            connection: Connection::new(base_url, auth),
            own: Own::default(),
        }
    }
}

/// How to reach a provider.
#[derive(Debug, Clone, Validate, Serialize)]
#[non_exhaustive]
pub struct Connection {
    /// The root of the provider's API: https, or http to this machine.
    #[validate(custom(function = is_base_url))]
    pub base_url: String,
    /// The service's own credentials there.
    pub auth: Auth,
    /// Certificates.
    #[serde(skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// How long connecting may take, TLS included.
    #[validate(custom(function = is_some_time))]
    #[serde(serialize_with = "as_text")]
    pub connect_timeout: Duration,
    /// How long one attempt may take, from its start to the last byte of its answer.
    #[validate(custom(function = is_some_time))]
    #[serde(serialize_with = "as_text")]
    pub attempt_timeout: Duration,
    /// How many changes may be under way at once; others wait, within their budgets. No bound when
    /// nothing is said: the provider's rate limit is kept anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<NonZeroUsize>,
}

impl Connection {
    /// A connection with the transport's default timeouts and the system's certificate authorities.
    pub fn new(base_url: impl Into<String>, auth: Auth) -> Self {
        let Timeouts { connect, attempt } = Timeouts::default();
        Self {
            base_url: base_url.into(),
            auth,
            tls: Tls::default(),
            connect_timeout: connect,
            attempt_timeout: attempt,
            max_in_flight: None,
        }
    }
}

/// Certificates. Verification cannot be switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tls {
    /// A PEM file of certificate authorities to trust besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Tls {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The service's own credentials at a provider.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Auth {
    /// A token from elsewhere, sent as it is.
    Bearer {
        /// The token.
        token: SecretRef,
    },
    /// Zoom's server-to-server OAuth.
    #[cfg(feature = "zoom")]
    ServerToServer(ServerToServer),
    /// OAuth client credentials at a token URL of their own, as identity portals have them.
    #[cfg(feature = "identity")]
    ClientCredentials(ClientCredentials),
}

impl Auth {
    fn validate(&self) -> Result<(), ValidationErrors> {
        match self {
            Self::Bearer { .. } => Ok(()),
            #[cfg(feature = "zoom")]
            Self::ServerToServer(auth) => auth.validate(),
            #[cfg(feature = "identity")]
            Self::ClientCredentials(auth) => auth.validate(),
        }
    }
}

/// Zoom's server-to-server OAuth.
#[cfg(feature = "zoom")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct ServerToServer {
    /// The Zoom account.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub account_id: String,
    /// The app's id.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub client_id: String,
    /// The app's secret.
    pub client_secret: SecretRef,
    /// Where tokens are granted; Zoom's own is [`repass_zoom::TOKEN_URL`].
    #[validate(custom(function = is_base_url))]
    pub token_url: String,
}

/// OAuth client credentials.
#[cfg(feature = "identity")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct ClientCredentials {
    /// Where tokens are granted.
    #[validate(custom(function = is_base_url))]
    pub token_url: String,
    /// The client's id.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretRef,
    /// The scopes to ask for, separated by spaces.
    #[validate(length(min = 1, max = 2048, message = "must be 1 to 2048 characters long"))]
    pub scope: String,
}

pub(super) fn is_base_url(text: &str) -> Result<(), ValidationError> {
    text.parse::<BaseUrl>()
        .map(drop)
        .map_err(|invalid| bad(invalid.to_string()))
}

#[cfg(feature = "identity")]
fn is_guid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

pub(super) fn is_some_time(duration: &Duration) -> Result<(), ValidationError> {
    if duration.is_zero() {
        Err(bad("must be longer than nothing"))
    } else {
        Ok(())
    }
}

fn bad(message: impl Into<Cow<'static, str>>) -> ValidationError {
    ValidationError::new("bad").with_message(message.into())
}

// Only the messages are taken: an error's parameters hold the value.
pub(super) fn note(problems: &Problems, path: &str, result: Result<(), ValidationErrors>) {
    let Err(errors) = result else { return };
    for (field, errors) in errors.field_errors() {
        let messages: Vec<&str> = errors
            .iter()
            .filter_map(|error| error.message.as_deref())
            .collect();
        problems.add(&format!("{path}.{field}"), messages.join("; "));
    }
}

pub(super) fn as_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration::show(*duration))
}
