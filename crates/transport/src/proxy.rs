//! A proxy between here and a provider.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use url::Url;

/// An HTTP proxy through which a provider is reached. It is asked for a tunnel (`CONNECT`), and TLS goes from here to
/// the provider inside it: the proxy sees the provider's host and port, and nothing else.
///
/// ```
/// use repass_transport::Proxy;
///
/// let proxy: Proxy = "http://proxy.example.com:3128".parse()?;
/// assert_eq!(proxy.host(), "proxy.example.com:3128");
/// assert!("http://user:secret@proxy.example.com:3128".parse::<Proxy>().is_err());
/// # Ok::<(), repass_transport::InvalidProxy>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    host: String,
}

impl Proxy {
    /// The proxy's host and port, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn uri(&self) -> Uri {
        self.uri.clone()
    }
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let url = Url::parse(text).map_err(|_| InvalidProxy::Unreadable)?;
        if url.scheme() != "http" {
            return Err(InvalidProxy::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidProxy::Credentials);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidProxy::Unreadable);
        }
        let host = url.host().ok_or(InvalidProxy::Unreadable)?;
        let host = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
        let uri = format!("http://{host}")
            .parse()
            .map_err(|_| InvalidProxy::Unreadable)?;
        Ok(Self { uri, host })
    }
}

/// Why a text cannot be a [`Proxy`]. Quotes nothing of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// The text is not of the form `http://host:port`.
    Unreadable,
    /// The proxy's scheme is not `http`.
    Scheme,
    /// The text has `user:password@` before the host.
    Credentials,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "is not the address of a proxy, such as http://proxy.example.com:3128",
            Self::Scheme => "does not begin with http://; other kinds of proxies are not supported",
            Self::Credentials => {
                "holds credentials, which would go to the proxy unencrypted; use a proxy that lets this machine through \
                 without"
            }
        })
    }
}

impl std::error::Error for InvalidProxy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_unsupported_address_is_rejected() {
        for (text, host) in [
            ("http://proxy.example.com:3128", "proxy.example.com:3128"),
            ("http://Proxy.example.com/", "proxy.example.com:80"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap().host(), host);
        }
        for (text, refusal) in [
            ("", InvalidProxy::Unreadable),
            ("proxy.example.com", InvalidProxy::Unreadable),
            ("proxy.example.com:3128", InvalidProxy::Scheme),
            ("http://proxy.example.com/path", InvalidProxy::Unreadable),
            ("http://proxy.example.com/?q", InvalidProxy::Unreadable),
            ("https://proxy.example.com", InvalidProxy::Scheme),
            ("socks5://proxy.example.com", InvalidProxy::Scheme),
            ("http://user@proxy.example.com", InvalidProxy::Credentials),
            (
                "http://user:secret@proxy.example.com:3128",
                InvalidProxy::Credentials,
            ),
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap_err(), refusal, "{text}");
        }
    }
}
