//! What the sandbox keeps instead of a password.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// HMAC-SHA256 of a password under this run's random key: equal exactly when the passwords are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Holds the key. It never leaves, so a ledger that leaks cannot be searched for likely passwords.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprinter(Hmac<Sha256>);

impl Fingerprinter {
    pub(crate) fn with_random_key() -> Self {
        let key: [u8; 64] = rand::random();
        Self(Hmac::new(&key.into()))
    }

    pub(crate) fn of(&self, password: &str) -> Fingerprint {
        let mut mac = self.0.clone();
        mac.update(password.as_bytes());
        Fingerprint(mac.finalize().into_bytes().into())
    }
}
