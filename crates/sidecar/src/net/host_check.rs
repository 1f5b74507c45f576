//! Which hosts a request may name, and which web pages it may come from.
//!
//! Without a token every program on this machine can send requests, and so can every browser on behalf of any web page:
//! a page whose name resolves to 127.0.0.1 (DNS rebinding) counts as the same origin. Such a page cannot omit or change
//! the headers that identify it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderValue, Request};

use crate::api::Problem;

/// A host as a request names it: a DNS name or an IP address, without scheme, port and brackets.
///
/// ```
/// use repass_sidecar::HostName;
///
/// assert_eq!("Repass.Internal.".parse::<HostName>()?, "repass.internal".parse()?);
/// assert!("http://repass.internal:8788".parse::<HostName>().is_err());
/// # Ok::<(), repass_sidecar::InvalidHostName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(Host);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    // In lower case, without the dot of the root.
    Name(String),
    Address(IpAddr),
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        let address = text.parse::<Ipv6Addr>().ok().map(canonical);
        address
            .or_else(|| name_or_v4(text))
            .map(Self)
            .ok_or(InvalidHostName(()))
    }
}

/// The error for a text that is not a host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHostName(());

impl fmt::Display for InvalidHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a host name or an IP address, without scheme and port")
    }
}

impl std::error::Error for InvalidHostName {}

/// The check of a loopback listener without a token.
#[derive(Debug, Clone)]
pub(crate) struct HostCheck {
    others: Vec<HostName>,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl HostCheck {
    /// Accepts `localhost`, addresses of the loopback interface, and these hosts.
    pub(crate) fn new(others: Vec<HostName>) -> Self {
        Self { others }
    }

    /// Checks that this request names an accepted host and does not come from another site's page.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if !self.host_is_accepted(request) {
            return Err(Problem::at(
                request.uri().path(),
                "host_not_allowed",
                "the request must have one `Host`: localhost, a loopback address, or a name given with `--allow-host`; \
                 nothing was sent",
            ));
        }
        if !self.page_is_accepted(request) {
            return Err(Problem::at(
                request.uri().path(),
                "origin_not_allowed",
                "the request comes from a web page of another site (see its `Origin` and `Sec-Fetch-Site`), so nothing \
                 was sent",
            ));
        }
        Ok(())
    }

    fn host_is_accepted<B>(&self, request: &Request<B>) -> bool {
        // A target in absolute form takes precedence over `Host`, so both must be accepted.
        let target = request.uri().authority();
        if target.is_some_and(|authority| !self.accepts(authority.as_str())) {
            return false;
        }
        let mut hosts = request.headers().get_all(HOST).iter();
        // Browsers always send one. With several, a proxy may have checked another one.
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        host.to_str().is_ok_and(|host| self.accepts(host))
    }

    fn page_is_accepted<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let is_cross_site = |site: &HeaderValue| site.as_bytes().eq_ignore_ascii_case(b"cross-site");
        let origin_is_accepted = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            origin.is_some_and(|(scheme, authority)| {
                (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
                    && self.accepts(authority)
            })
        };
        headers.get_all(ORIGIN).iter().all(origin_is_accepted)
            && !headers.get_all(SEC_FETCH_SITE).iter().any(is_cross_site)
    }

    // Ports do not matter: a forwarded port differs, and a page on this machine is trusted on any port.
    fn accepts(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else {
            return false;
        };
        let is_local = match &host {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => address.is_loopback(),
        };
        is_local || self.others.iter().any(|HostName(other)| *other == host)
    }
}

/// The host of `host`, `host:port`, `[address]` or `[address]:port`; `None` for anything else, such as users and zones.
fn host_of(authority: &str) -> Option<Host> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (canonical(address.parse().ok()?), port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (host, port) = authority.split_at(end);
        (name_or_v4(host)?, port)
    };
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.is_empty()
                || (digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok())
        }
    };
    is_port.then_some(host)
}

fn canonical(address: Ipv6Addr) -> Host {
    Host::Address(IpAddr::V6(address).to_canonical())
}

fn name_or_v4(text: &str) -> Option<Host> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Some(Host::Address(address.into()));
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    is_name.then(|| Host::Name(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(authority: &str) -> bool {
        let others = ["Repass.Internal", "10.1.2.3", "fd00::1"];
        let others = others.map(|name| name.parse().unwrap()).to_vec();
        HostCheck::new(others).accepts(authority)
    }

    #[test]
    fn host_check_accepts_local_and_allowed_hosts() {
        for good in [
            "localhost",
            "localhost:8788",
            "localhost:",
            "LocalHost:1",
            "localhost.:8788",
            "127.0.0.1",
            "127.0.0.1.:80",
            "127.8.9.1:65535",
            "[::1]",
            "[::1]:8788",
            "[0:0:0:0:0:0:0:1]:80",
            "[::ffff:127.0.0.1]:80",
            "repass.internal:8788",
            "REPASS.internal.",
            "10.1.2.3:80",
            "[fd00::1]:80",
        ] {
            assert!(accepts(good), "{good}");
        }
    }

    #[test]
    fn host_check_rejects_other_hosts() {
        for bad in [
            "",
            ":8788",
            ".",
            "evil.example",
            "evil.example:8788",
            "localhost.evil.example",
            "evil.localhost",
            "evil-localhost",
            "localhost..",
            "localhost@evil.example",
            "evil.example@localhost",
            "localhost:8788@evil.example",
            "localhost, evil.example",
            "localhost evil.example",
            "localhost/",
            "localhost:70000",
            "localhost:+80",
            "localhost:80:80",
            "127.0.0.1.evil.example",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0:8788",
            "[::]:8788",
            "::1",
            "[::1%lo]:80",
            "[::1%25lo]",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "[localhost]",
            "192.168.0.1",
            "10.1.2.4",
            "lo\u{441}alhost",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn host_name_with_scheme_or_port_is_rejected() {
        for bad in ["", "*", "http://a", "a:80", "[::1]", "a/b", "a b", "*.internal"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
    }
}
