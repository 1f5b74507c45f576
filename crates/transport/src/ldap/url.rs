//! Where a directory is.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// The address of one directory server: `ldaps://host`, `ldap://host` (with `StartTLS`, always), or `ldapi://%2Fsocket`
/// for a socket of this machine.
///
/// ```
/// use repass_transport::ldap::LdapUrl;
///
/// let url: LdapUrl = "ldaps://dc1.example.com".parse()?;
/// assert_eq!(url.host(), "dc1.example.com:636");
/// assert!("ldap://user:secret@example.com".parse::<LdapUrl>().is_err());
/// # Ok::<(), repass_transport::ldap::InvalidLdapUrl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapUrl {
    text: String,
    shown: String,
    address: Address,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A host, its port, and when TLS begins.
    Tcp {
        host: String,
        port: u16,
        security: Security,
    },
    /// A socket of this machine.
    Socket(PathBuf),
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// At once.
    Tls,
    /// After a `StartTLS` operation.
    StartTls,
    /// Never: to this machine only.
    Plain,
}

impl LdapUrl {
    /// The URL's host and port, or its socket, for messages.
    pub fn host(&self) -> &str {
        &self.shown
    }

    /// The `ldap`, `ldaps` or `ldapi` URL as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Turns off TLS, which is allowed only for this machine's loopback.
    ///
    /// # Errors
    /// It leads to another machine.
    pub fn without_tls(mut self) -> Result<Self, InvalidLdapUrl> {
        if let Address::Tcp { host, security, .. } = &mut self.address {
            let name = host.trim_start_matches('[').trim_end_matches(']');
            let is_loopback = name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
            if !is_loopback {
                return Err(InvalidLdapUrl::PlainElsewhere);
            }
            *security = Security::Plain;
        }
        Ok(self)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

impl FromStr for LdapUrl {
    type Err = InvalidLdapUrl;

    fn from_str(text: &str) -> Result<Self, InvalidLdapUrl> {
        if let Some(socket) = text.strip_prefix("ldapi://") {
            let path = percent_decode_str(socket.trim_end_matches('/')).decode_utf8();
            let path = path.map_err(|_| InvalidLdapUrl::Unreadable)?;
            if !Path::new(&*path).is_absolute() || path.contains('\0') {
                return Err(InvalidLdapUrl::Socket);
            }
            return Ok(Self {
                text: text.to_owned(),
                shown: path.clone().into_owned(),
                address: Address::Socket(path.into_owned().into()),
            });
        }
        let url = Url::parse(text).map_err(|_| InvalidLdapUrl::Unreadable)?;
        let (security, port) = match url.scheme() {
            "ldaps" => (Security::Tls, 636),
            "ldap" => (Security::StartTls, 389),
            _ => return Err(InvalidLdapUrl::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidLdapUrl::UserInformation);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidLdapUrl::Search);
        }
        let host = match url.host().ok_or(InvalidLdapUrl::Unreadable)? {
            // Schemes that the `url` crate does not know keep their hosts as they are.
            Host::Domain(name) => Host::parse(name).map_err(|_| InvalidLdapUrl::Unreadable)?,
            Host::Ipv4(ip) => Host::Ipv4(ip),
            Host::Ipv6(ip) => Host::Ipv6(ip),
        };
        let port = url.port().unwrap_or(port);
        let host = host.to_string();
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            shown: format!("{host}:{port}"),
            address: Address::Tcp { host, port, security },
        })
    }
}

impl fmt::Display for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text cannot be an [`LdapUrl`]. Quotes nothing of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLdapUrl {
    /// The text is not a URL with a host.
    Unreadable,
    /// The URL's scheme is none of `ldaps`, `ldap` and `ldapi`.
    Scheme,
    /// The URL has `user:password@` before the host.
    UserInformation,
    /// The URL has a base DN or filter behind the host.
    Search,
    /// The URL is `ldapi` without an absolute path.
    Socket,
    /// The URL is without TLS and leads to another machine.
    PlainElsewhere,
}

impl fmt::Display for InvalidLdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "is not a URL such as ldaps://dc1.example.com",
            Self::Scheme => "is neither ldaps, ldap nor ldapi",
            Self::UserInformation => "holds user information before the host; put credentials under `auth`",
            Self::Search => "holds more than a host and port; put the base DN under `user_base`",
            Self::Socket => "names no socket by its absolute path, as in ldapi://%2Frun%2Fslapd%2Fldapi",
            Self::PlainElsewhere => "leads to another machine, and passwords go there over TLS only",
        })
    }
}

impl std::error::Error for InvalidLdapUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, security: Security) -> Address {
        Address::Tcp {
            host: host.to_owned(),
            port,
            security,
        }
    }

    #[test]
    fn ldap_url_says_when_tls_begins() {
        for (text, address) in [
            (
                "ldaps://DC1.example.com",
                tcp("dc1.example.com", 636, Security::Tls),
            ),
            (
                "ldaps://dc1.example.com:1636/",
                tcp("dc1.example.com", 1636, Security::Tls),
            ),
            ("ldap://[::1]:1389", tcp("[::1]", 1389, Security::StartTls)),
            ("ldap://10.0.0.1", tcp("10.0.0.1", 389, Security::StartTls)),
            (
                "ldapi://%2Frun%2Fslapd%2Fldapi",
                Address::Socket("/run/slapd/ldapi".into()),
            ),
        ] {
            assert_eq!(text.parse::<LdapUrl>().unwrap().address, address, "{text}");
        }
    }

    #[test]
    fn ldap_url_unsafe_form_is_rejected() {
        for (text, why) in [
            ("https://example.com", InvalidLdapUrl::Scheme),
            ("ldaps://user:secret@example.com", InvalidLdapUrl::UserInformation),
            ("ldaps://example.com/dc=example,dc=com", InvalidLdapUrl::Search),
            ("ldaps://example.com?uid", InvalidLdapUrl::Search),
            ("ldaps://", InvalidLdapUrl::Unreadable),
            ("ldaps://exa mple.com", InvalidLdapUrl::Unreadable),
            ("example.com", InvalidLdapUrl::Unreadable),
            ("ldapi://", InvalidLdapUrl::Socket),
            ("ldapi://run%2Fldapi", InvalidLdapUrl::Socket),
        ] {
            assert_eq!(text.parse::<LdapUrl>(), Err(why), "{text}");
        }
    }

    #[test]
    fn tls_is_left_out_to_this_machine_only() {
        for here in ["ldap://localhost:389", "ldap://127.0.0.1", "ldap://[::1]"] {
            let url = here.parse::<LdapUrl>().unwrap().without_tls().unwrap();
            assert!(
                matches!(
                    url.address,
                    Address::Tcp {
                        security: Security::Plain,
                        ..
                    }
                ),
                "{here}"
            );
        }
        for elsewhere in ["ldap://10.0.0.1", "ldap://localhost.example.com", "ldaps://dc1"] {
            let refused = elsewhere.parse::<LdapUrl>().unwrap().without_tls();
            assert_eq!(refused, Err(InvalidLdapUrl::PlainElsewhere), "{elsewhere}");
        }
    }
}
