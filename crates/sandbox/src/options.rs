//! Every switch of the sandbox.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use secrecy::SecretString;

use crate::switch::switch;

switch! {
    /// One of the two emulated providers.
    Provider {
        /// Zoom's REST API, version 2.
        Zoom = "zoom",
        /// The identity portal.
        Identity = "identity",
    }
}

/// How a sandbox is started. The default listens on a free port of 127.0.0.1, in plain HTTP, with a
/// generated token and the named users only.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Serve HTTPS, under a certificate authority made for this run.
    pub tls: bool,
    /// With `tls`: serve a certificate whose time is over.
    pub tls_expired: bool,
    /// The bearer token which both providers take at any time; generated when absent.
    pub token: Option<SecretString>,
    /// How many numbered users each provider has besides the named ones, at most 999,999.
    pub users: u32,
    /// Users of your own; one that exists already gets this password instead.
    pub seeded: Vec<SeededUser>,
    /// Zoom's switches.
    pub zoom: ZoomOptions,
    /// The identity portal's switches.
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

/// A user who exists from the start, written `PROVIDER:ID=PASSWORD`.
#[derive(Debug, Clone)]
pub struct SeededUser {
    /// Where.
    pub provider: Provider,
    /// The e-mail address at Zoom, the GUID (or, with [`IdentityIds::Any`], any id) at the portal.
    pub id: String,
    /// The current password; no rule is applied to it.
    pub password: SecretString,
}

/// Why a text is no [`SeededUser`]. Never quotes the password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedError {
    /// It is not of the form `PROVIDER:ID=PASSWORD`.
    Form,
    /// What stands before the first `:` names no provider.
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

switch! {
    /// Which rules Zoom applies to a new password.
    ZoomRules {
        /// Minimum and maximum length only.
        LengthOnly = "length-only",
        /// Also a letter, a digit, both cases, not one character throughout, no long run.
        Basic = "basic",
        /// Also a special character, short runs and keyboard runs, and a list of weak passwords.
        Enhanced = "enhanced",
    }
}

switch! {
    /// Which request bodies Zoom takes.
    ZoomBody {
        /// Both of them.
        Any = "any",
        /// `multipart/form-data` only.
        FormData = "form-data",
        /// `application/json` only.
        Json = "json",
    }
}

/// Zoom's switches.
#[derive(Debug, Clone)]
pub struct ZoomOptions {
    /// The password rules.
    pub rules: ZoomRules,
    /// The request bodies it takes; others are answered 415.
    pub body: ZoomBody,
    /// The least number of characters in a password.
    pub minimum_length: usize,
    /// The greatest number of characters in a password: 31 by the reference, 32 by the help pages.
    pub maximum_length: usize,
    /// How many characters in sequence (`abcdef`, `123456`) are refused; 0 for none. When absent, 6 under
    /// the basic rules and 4 under the enhanced ones.
    pub run_length: Option<usize>,
}

impl Default for ZoomOptions {
    fn default() -> Self {
        Self {
            rules: ZoomRules::Basic,
            body: ZoomBody::Any,
            minimum_length: 8,
            maximum_length: 31,
            run_length: None,
        }
    }
}

switch! {
    /// Which ids the identity portal takes in a path.
    IdentityIds {
        /// GUIDs; others are answered with a validation problem.
        Guid = "guid",
        /// Any text, as the published guide's sample id has it; user names and e-mail addresses too.
        Any = "any",
    }
}

switch! {
    /// Which rules the identity portal applies to a new password.
    IdentityRules {
        /// UiPath's defaults: 8 characters, a lower-case letter, a digit.
        Uipath = "uipath",
        /// The framework's defaults: 6 characters of all four classes.
        Aspnet = "aspnet",
    }
}

switch! {
    /// The HTTP status of a result that says `succeeded: false`.
    FailureStatus {
        /// As the published schema has it.
        BadRequest = "400",
        /// As the provider's own clients have met it.
        Ok = "200",
    }
}

/// The identity portal's switches.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// The ids it takes in a path.
    pub ids: IdentityIds,
    /// The password rules.
    pub rules: IdentityRules,
    /// The status of a refusal.
    pub failure_status: FailureStatus,
}

impl Default for IdentityOptions {
    fn default() -> Self {
        Self {
            ids: IdentityIds::Guid,
            rules: IdentityRules::Uipath,
            failure_status: FailureStatus::BadRequest,
        }
    }
}
