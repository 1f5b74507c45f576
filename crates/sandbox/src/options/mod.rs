//! Every option of the sandbox.

mod identity;
mod zoom;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use secrecy::SecretString;

use crate::word_enum::word_enum;

pub use identity::{
    BadId, FailureStatus, IdentityIds, IdentityOptions, IdentityRules, JsonTokenRequest, Lockout,
    NullPassword, ScopeStatus, UnknownPath, UnknownUser,
};
pub use zoom::{
    LengthUnit, LicenseRefusal, MissingScope, SettingsShape, ZoomBody, ZoomOptions, ZoomPlan, ZoomRules,
};

word_enum! {
    /// One of the two emulated providers.
    Provider {
        /// Zoom, by its REST API, version 2.
        Zoom = "zoom",
        /// UiPath's identity portal.
        Identity = "identity",
    }
}

/// The options of a sandbox. The default listens on a free port of 127.0.0.1, in plain HTTP, with a generated token
/// and the named users only.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether the sandbox serves HTTPS, with a certificate authority generated for this run.
    pub tls: bool,
    /// Whether the HTTPS certificate has expired; needs `tls`.
    pub tls_expired: bool,
    /// The bearer token that both providers always accept; generated if absent.
    pub token: Option<SecretString>,
    /// The number of numbered users of each provider besides the named ones, at most 999,999.
    pub users: u32,
    /// Users to add, or existing users whose initial password to replace.
    pub seeded: Vec<SeededUser>,
    /// The options of the emulated Zoom.
    pub zoom: ZoomOptions,
    /// The options of the emulated identity portal.
    pub identity: IdentityOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            tls: false,
            tls_expired: false,
            token: None,
            users: 0,
            seeded: Vec::new(),
            zoom: ZoomOptions::default(),
            identity: IdentityOptions::default(),
        }
    }
}

/// A user that exists from the start, written `PROVIDER:ID=PASSWORD`.
#[derive(Debug, Clone)]
pub struct SeededUser {
    /// The provider at which the user exists.
    pub provider: Provider,
    /// The id of the user: the e-mail address at Zoom, the GUID (or, with [`IdentityIds::Any`], any id) at the
    /// portal.
    pub id: String,
    /// The initial password of the user; no rule is applied to it.
    pub password: SecretString,
}

/// Why a text is not a [`SeededUser`]. Never quotes the password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedError {
    /// The text is not of the form `PROVIDER:ID=PASSWORD`.
    Form,
    /// The text before the first `:` names no provider.
    UnknownProvider,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a user is written PROVIDER:ID=PASSWORD, with neither ID nor PASSWORD empty",
            Self::UnknownProvider => "a user starts with `zoom:` or `identity:`",
        })
    }
}

impl std::error::Error for SeedError {}

impl FromStr for SeededUser {
    type Err = SeedError;

    /// Splits at the first `:` and at the first `=` after it.
    fn from_str(text: &str) -> Result<Self, SeedError> {
        let (provider, rest) = text.split_once(':').ok_or(SeedError::Form)?;
        let (id, password) = rest.split_once('=').ok_or(SeedError::Form)?;
        if id.is_empty() || password.is_empty() {
            return Err(SeedError::Form);
        }
        Ok(Self {
            provider: provider.parse().map_err(|_| SeedError::UnknownProvider)?,
            id: id.to_owned(),
            password: password.into(),
        })
    }
}

/// The OAuth client that an emulated provider knows.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: SecretString,
}

word_enum! {
    /// How a 429 response states when to retry.
    RetryAfter {
        /// The response does not say when to retry.
        None = "none",
        /// The response has `Retry-After` in seconds.
        Seconds = "seconds",
        /// The response has `Retry-After` as an HTTP date.
        HttpDate = "http-date",
        /// The response has `Retry-After` as an ISO 8601 instant, which no standard allows.
        Iso = "iso",
        /// The response has `X-RateLimit-Reset` in Unix seconds.
        XRatelimitReset = "x-ratelimit-reset",
    }
}
