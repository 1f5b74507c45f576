//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest as _, Sha256};

/// A client that can be told from others: by its certificate, its address, or its user on this machine. It is never
/// more than a way to share fairly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Certificate([u8; 32]),
    Address(IpAddr),
    User(u32),
}

impl Client {
    /// The client at this address. All of an IPv6 network of 64 bits is one, because one machine has so many; on a
    /// loopback address all are alike.
    pub(crate) fn at(address: IpAddr) -> Option<Self> {
        let network = match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            v4 @ IpAddr::V4(_) => v4,
        };
        (!address.to_canonical().is_loopback()).then_some(Self::Address(network))
    }

    /// The client with this certificate.
    pub(crate) fn with_certificate(der: &[u8]) -> Self {
        Self::Certificate(Sha256::digest(der).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_is_one_client() {
        let at = |address: &str| Client::at(address.parse().unwrap());
        for here in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(at(here), None, "{here}");
        }
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
