//! The identity of a client.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest as _, Sha256};

/// The identity of a client: its certificate, its address, or its user on this machine. Used only to share capacity
/// fairly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientId(Identity);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Identity {
    Certificate([u8; 32]),
    Address(IpAddr),
    User(u32),
}

impl ClientId {
    /// The client at this address; `None` for loopback addresses. An IPv6 network of 64 bits is one client, because one
    /// machine can have all of its addresses.
    pub(crate) fn at(address: IpAddr) -> Option<Self> {
        let network = match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            v4 @ IpAddr::V4(_) => v4,
        };
        (!address.to_canonical().is_loopback()).then_some(Self(Identity::Address(network)))
    }

    /// The client with this certificate.
    pub(crate) fn with_certificate(der: &[u8]) -> Self {
        Self(Identity::Certificate(Sha256::digest(der).into()))
    }

    /// The client that runs as this user of the machine.
    pub(crate) fn with_user(user: u32) -> Self {
        Self(Identity::User(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_id_is_the_same_for_all_addresses_of_a_machine() {
        let at = |address: &str| ClientId::at(address.parse().unwrap());
        for here in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(at(here), None, "{here}");
        }
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
