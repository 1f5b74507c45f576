//! Where a provider's API lives.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use url::{Host, Url};

/// The root URL of a provider's API: `https`, or `http` to this machine's loopback; without user information, query
/// or fragment. Trailing slashes do not matter.
///
/// ```
/// use repass_transport::BaseUrl;
///
/// let base: BaseUrl = "https://api.zoom.us/v2/".parse()?;
/// assert_eq!(base.to_string(), "https://api.zoom.us/v2");
/// assert!("http://api.zoom.us/v2".parse::<BaseUrl>().is_err());
/// # Ok::<(), repass_transport::InvalidUrl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    host: String,
    loopback: bool,
}

impl BaseUrl {
    /// The URL's host and port, for messages.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the URL's host is this machine's loopback.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether the URL's scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// The URL as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text).map_err(|_| InvalidUrl::Unreadable)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::UserInformation);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidUrl::QueryOrFragment);
        }
        let host = url.host().ok_or(InvalidUrl::Unreadable)?;
        let loopback = match &host {
            Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
            Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(InvalidUrl::PlainHttp),
            _ => return Err(InvalidUrl::Scheme),
        }
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let text = url.as_str().trim_end_matches('/').to_owned();
        // What sends is stricter than what reads: it takes no braces in a host.
        text.parse::<Uri>().map_err(|_| InvalidUrl::Unreadable)?;
        Ok(Self { text, host, loopback })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text cannot be a [`BaseUrl`]. Quotes nothing of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// The text is not an absolute URL with a host.
    Unreadable,
    /// The URL is `http` to another machine.
    PlainHttp,
    /// The URL's scheme is neither `https` nor `http`.
    Scheme,
    /// The URL has `user:password@` before the host.
    UserInformation,
    /// The URL has `?…` or `#…` behind the path.
    QueryOrFragment,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "is not an absolute URL such as https://api.example.com/v2",
            Self::PlainHttp => "is plain http to another machine; passwords go over https only",
            Self::Scheme => "is neither https nor http",
            Self::UserInformation => "holds user information before the host; put credentials under `auth`",
            Self::QueryOrFragment => "holds a query or fragment; give the bare root of the API",
        })
    }
}

impl std::error::Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_url_unsafe_form_is_rejected() {
        for (text, refusal) in [
            ("http://example.com/v2", InvalidUrl::PlainHttp),
            ("http://127.0.0.1.example.com", InvalidUrl::PlainHttp),
            ("http://10.0.0.1", InvalidUrl::PlainHttp),
            ("https://user:secret@example.com", InvalidUrl::UserInformation),
            ("https://example.com/?a=b", InvalidUrl::QueryOrFragment),
            ("https://example.com/#x", InvalidUrl::QueryOrFragment),
            ("ftp://example.com", InvalidUrl::Scheme),
            ("example.com/v2", InvalidUrl::Unreadable),
            ("https://{host}.example.com", InvalidUrl::Unreadable),
            ("", InvalidUrl::Unreadable),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap_err(), refusal, "{text}");
        }
        for (text, kept) in [
            ("http://127.0.0.1:8787/v2", "http://127.0.0.1:8787/v2"),
            ("http://[::1]:1/", "http://[::1]:1"),
            ("http://localhost:80/identity//", "http://localhost/identity"),
            (
                "https://Example.com/Acme/identity_/",
                "https://example.com/Acme/identity_",
            ),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().as_str(), kept);
        }
    }
}
