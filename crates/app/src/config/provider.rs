//! What can be set about a provider of any kind, and which values are good.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use repass_provider::Wire;
use repass_transport::ldap::{InvalidLdapUrl, LdapUrl};
use repass_transport::{BaseUrl, Proxy, Timeouts};
use serde::{Serialize, Serializer};
use validator::{Validate, ValidationError, ValidationErrors};

use super::duration;
use super::problem::Problems;
use crate::secrets::SecretRef;

/// How to reach a provider: address, credentials, certificates, proxy and timeouts.
#[derive(Debug, Clone, Validate, Serialize)]
#[non_exhaustive]
pub struct Connection {
    /// The root URL of the provider's API: https, or http to this machine. Of a directory its server, which a
    /// configuration names by `url`: ldaps, ldap with `StartTLS`, or ldapi.
    #[serde(flatten, serialize_with = "address")]
    pub base_url: String,
    /// The service's own credentials at the provider.
    pub auth: Auth,
    /// The certificate authorities to trust.
    #[serde(skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// The URL of an HTTP proxy by which the provider is reached; TLS goes through it to the provider.
    #[validate(custom(function = is_proxy))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The timeout of connecting, TLS included.
    #[validate(custom(function = is_some_time))]
    #[serde(serialize_with = "as_text")]
    pub connect_timeout: Duration,
    /// The timeout of one attempt, from its start to the last byte of its response.
    #[validate(custom(function = is_some_time))]
    #[serde(serialize_with = "as_text")]
    pub attempt_timeout: Duration,
    /// Whether a directory on this machine is reached without TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub plain_loopback: bool,
    /// The maximum number of changes in flight at once; others wait, within their budgets. Without it there is no
    /// bound: the provider's rate limit is kept anyway.
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
            proxy: None,
            connect_timeout: connect,
            attempt_timeout: attempt,
            plain_loopback: false,
            max_in_flight: None,
        }
    }

    /// The address of a directory.
    pub(crate) fn ldap_url(&self) -> Result<LdapUrl, InvalidLdapUrl> {
        let url = self.base_url.parse::<LdapUrl>()?;
        if self.plain_loopback {
            url.without_tls()
        } else {
            Ok(url)
        }
    }

    // Where requests go.
    fn urls(&self) -> impl Iterator<Item = &str> {
        let token_url = match &self.auth {
            Auth::Bearer { .. } => None,
            #[cfg(feature = "zoom")]
            Auth::ServerToServer(auth) => Some(&*auth.token_url),
            #[cfg(any(feature = "http", feature = "identity"))]
            Auth::ClientCredentials(auth) => Some(&*auth.token_url),
            #[cfg(feature = "http")]
            Auth::PrivateKeyJwt(auth) => Some(&*auth.token_url),
            #[cfg(feature = "http")]
            Auth::ServiceAccount(auth) => Some(&*auth.token_url),
            #[cfg(feature = "http")]
            Auth::Header(_) | Auth::Basic(_) | Auth::Login(_) => None,
            #[cfg(any(feature = "active-directory", feature = "ldap"))]
            Auth::Simple(_) | Auth::External => None,
        };
        [Some(&*self.base_url), token_url].into_iter().flatten()
    }

    pub(super) fn check(&self, wire: &Wire<'_>, path: &str, problems: &Problems) {
        note(problems, path, self.validate());
        let address = match wire {
            Wire::Http(_) => self.base_url.parse::<BaseUrl>().err().map(|why| why.to_string()),
            Wire::Ldap(_) => self.ldap_url().err().map(|why| why.to_string()),
        };
        if let Some(why) = address {
            problems.add(&format!("{path}.{}", address_key(wire)), why);
        }
        if matches!(wire, Wire::Ldap(_)) && self.proxy.is_some() {
            let why = "a proxy carries https only; leave `proxy` out for a directory";
            problems.add(&format!("{path}.proxy"), why);
        }
        if self.proxy.is_some() && self.urls().any(|url| url.starts_with("http:")) {
            let why = "a proxy carries https only: what is plain http it could read; leave `proxy` out for this machine";
            problems.add(&format!("{path}.proxy"), why);
        }
        self.auth.check(&format!("{path}.auth"), problems);
    }
}

/// The key of a provider's address in a configuration.
pub(crate) fn address_key(wire: &Wire<'_>) -> &'static str {
    match wire {
        Wire::Http(_) => "base_url",
        Wire::Ldap(_) => "url",
    }
}

// Under its key; an address has been checked to be one of the wire.
fn address<S: Serializer>(address: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let key = if address.starts_with("ldap") {
        "url"
    } else {
        "base_url"
    };
    serializer.collect_map([(key, address)])
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Which certificate authorities to trust. Verification cannot be switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tls {
    /// A PEM file of certificate authorities to trust besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Tls {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The service's own credentials at a provider.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Auth {
    /// A fixed bearer token from elsewhere, sent as it is.
    Bearer {
        /// Where the bearer token comes from.
        token: SecretRef,
    },
    /// The credentials of an app that uses Zoom's server-to-server OAuth.
    #[cfg(feature = "zoom")]
    ServerToServer(ServerToServer),
    /// OAuth client credentials at a token URL of their own, as identity portals have them.
    #[cfg(any(feature = "http", feature = "identity"))]
    ClientCredentials(ClientCredentials),
    /// A token in a header of the provider's own, or in another scheme of `Authorization` than `Bearer`.
    #[cfg(feature = "http")]
    Header(HeaderToken),
    /// A user name and password, sent by HTTP Basic authentication.
    #[cfg(feature = "http")]
    Basic(AccountCredentials),
    /// An account that logs in for a session token, as the table of the provider describes.
    #[cfg(feature = "http")]
    Login(AccountCredentials),
    /// OAuth client credentials of a client that signs with a private key in place of sending a secret.
    #[cfg(feature = "http")]
    PrivateKeyJwt(PrivateKeyJwt),
    /// A service account that signs with a private key for a token, as Google has it.
    #[cfg(feature = "http")]
    ServiceAccount(ServiceAccount),
    /// An LDAP simple bind, by DN and password, at a directory.
    #[cfg(any(feature = "active-directory", feature = "ldap"))]
    Simple(SimpleBind),
    /// SASL EXTERNAL, at a directory: the server takes the identity from the connection.
    #[cfg(any(feature = "active-directory", feature = "ldap"))]
    External,
}

impl Auth {
    /// The name of the account or client in the credentials, if they have one.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Bearer { .. } => None,
            #[cfg(any(feature = "active-directory", feature = "ldap"))]
            Self::Simple(auth) => Some(&auth.bind_dn),
            #[cfg(any(feature = "active-directory", feature = "ldap"))]
            Self::External => None,
            #[cfg(feature = "http")]
            Self::Header(_) => None,
            #[cfg(feature = "http")]
            Self::Basic(auth) | Self::Login(auth) => Some(&auth.username),
            #[cfg(feature = "http")]
            Self::PrivateKeyJwt(auth) => Some(&auth.client_id),
            #[cfg(feature = "http")]
            Self::ServiceAccount(auth) => Some(&auth.account),
            #[cfg(feature = "zoom")]
            Self::ServerToServer(auth) => Some(&auth.account_id),
            #[cfg(any(feature = "http", feature = "identity"))]
            Self::ClientCredentials(auth) => Some(&auth.client_id),
        }
    }

    fn check(&self, path: &str, problems: &Problems) {
        let judged = match self {
            Self::Bearer { .. } => Ok(()),
            #[cfg(any(feature = "active-directory", feature = "ldap"))]
            Self::Simple(auth) => auth.validate(),
            #[cfg(any(feature = "active-directory", feature = "ldap"))]
            Self::External => Ok(()),
            #[cfg(feature = "http")]
            Self::Header(auth) => auth.validate(),
            #[cfg(feature = "http")]
            Self::Basic(auth) | Self::Login(auth) => auth.validate(),
            #[cfg(feature = "http")]
            Self::PrivateKeyJwt(auth) => auth.validate(),
            #[cfg(feature = "http")]
            Self::ServiceAccount(auth) => auth.validate(),
            #[cfg(feature = "zoom")]
            Self::ServerToServer(auth) => auth.validate(),
            #[cfg(any(feature = "http", feature = "identity"))]
            Self::ClientCredentials(auth) => auth.validate(),
        };
        note(problems, path, judged);
    }
}

/// The credentials of an app that uses Zoom's server-to-server OAuth.
#[cfg(feature = "zoom")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct ServerToServer {
    /// The id of the Zoom account.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub account_id: String,
    /// The client id of the Zoom app.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub client_id: String,
    /// Where the client secret of the Zoom app comes from.
    pub client_secret: SecretRef,
    /// The URL of the token endpoint; Zoom's own is [`repass_zoom::TOKEN_URL`].
    #[validate(custom(function = is_base_url))]
    pub token_url: String,
}

/// OAuth client credentials: a client id and a secret.
#[cfg(any(feature = "http", feature = "identity"))]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct ClientCredentials {
    /// The URL of the token endpoint that grants the tokens.
    #[validate(custom(function = is_base_url))]
    pub token_url: String,
    /// The id of the OAuth client.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub client_id: String,
    /// Where the secret of the OAuth client comes from.
    pub client_secret: SecretRef,
    /// The scopes to request, separated by spaces.
    #[validate(length(min = 1, max = 2048, message = "must be 1 to 2048 characters long"))]
    pub scope: String,
    /// The API that the token is for, where the token endpoint asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

/// A token that is sent in a header of the provider's own.
#[cfg(feature = "http")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct HeaderToken {
    /// The name of the header that carries the token.
    #[validate(custom(function = is_header_name))]
    pub name: String,
    /// The value of the header, with `{token}` where the token goes.
    #[validate(custom(function = has_token))]
    pub value: String,
    /// Where the token comes from that goes into the header.
    pub token: SecretRef,
}

/// The user name and password of an account.
#[cfg(feature = "http")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct AccountCredentials {
    /// The user name of the account.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub username: String,
    /// Where the password of the account comes from.
    pub password: SecretRef,
}

/// OAuth client credentials by a signed assertion in place of a secret (RFC 7523, section 2.2).
#[cfg(feature = "http")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct PrivateKeyJwt {
    /// The URL of the token endpoint, which is also the audience of the assertion.
    #[validate(custom(function = is_base_url))]
    pub token_url: String,
    /// The id of the OAuth client.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub client_id: String,
    /// Where the private key comes from, in PEM as PKCS#8: RSA or P-256. A certificate may stand beside it.
    pub private_key: SecretRef,
    /// The provider's id of the private key (`kid`), where it needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The scopes to request, separated by spaces.
    #[validate(length(min = 1, max = 2048, message = "must be 1 to 2048 characters long"))]
    pub scope: String,
    /// The API that the token is for, where the token endpoint asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
}

/// The credentials of a service account, which gets tokens by a signed assertion (RFC 7523, section 2.1).
#[cfg(feature = "http")]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct ServiceAccount {
    /// The URL of the token endpoint, which is also the audience of the assertion. Google's is
    /// [`TOKEN_URL`](Self::TOKEN_URL).
    #[validate(custom(function = is_base_url))]
    pub token_url: String,
    /// The e-mail address of the service account.
    #[validate(length(min = 1, max = 256, message = "must be 1 to 256 characters long"))]
    pub account: String,
    /// Where the private key of the account comes from, in PEM as PKCS#8: RSA or P-256.
    pub private_key: SecretRef,
    /// The provider's id of the private key (`kid`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The scopes to request, separated by spaces.
    #[validate(length(min = 1, max = 2048, message = "must be 1 to 2048 characters long"))]
    pub scope: String,
    /// The user in whose name the account acts, where it has that right for the whole domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

#[cfg(feature = "http")]
impl ServiceAccount {
    /// The URL of Google's token endpoint (documented).
    pub const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
}

/// The credentials of an LDAP simple bind by the service account.
#[cfg(any(feature = "active-directory", feature = "ldap"))]
#[derive(Debug, Clone, Validate, Serialize)]
pub struct SimpleBind {
    /// The DN of the service account, or another name that the server accepts.
    #[validate(length(min = 1, max = 1024, message = "must be 1 to 1024 characters long"))]
    pub bind_dn: String,
    /// Where the password of the service account comes from.
    pub password: SecretRef,
}

#[cfg(feature = "http")]
fn is_header_name(name: &str) -> Result<(), ValidationError> {
    let is_name = repass_transport::HeaderName::try_from(name).is_ok();
    is_name
        .then_some(())
        .ok_or_else(|| bad("must be the name of an HTTP header"))
}

#[cfg(feature = "http")]
fn has_token(value: &str) -> Result<(), ValidationError> {
    let holds = value.contains("{token}") && value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    holds
        .then_some(())
        .ok_or_else(|| bad("must be visible ASCII that contains {token}, such as \"token {token}\""))
}

pub(super) fn is_base_url(text: &str) -> Result<(), ValidationError> {
    text.parse::<BaseUrl>()
        .map(drop)
        .map_err(|invalid| bad(invalid.to_string()))
}

fn is_proxy(text: &str) -> Result<(), ValidationError> {
    text.parse::<Proxy>()
        .map(drop)
        .map_err(|invalid| bad(invalid.to_string()))
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
