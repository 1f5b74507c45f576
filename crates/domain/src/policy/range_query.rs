//! The breached-password range protocol, without I/O.

use std::fmt;

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::blocklist::exact_hash;
use crate::Password;

/// A query that asks a breached-password service about a password by a prefix of its hash.
///
/// The service gets only the first five digits of the password's SHA-1 hash and responds with every hash that it knows
/// with this prefix; the rest is compared locally.
///
/// ```
/// use repass_domain::{Password, RangeQuery};
///
/// let query = RangeQuery::new(&Password::new("letmein")?);
/// assert_eq!(query.prefix(), "B7A87");
/// let response = "5FC1EA228B9061041B7CEC4BD3C52AB3CE3:42\r\n5FC1EA228B9061041B7CEC4BD3C52AB3CE4:0";
/// assert_eq!(query.count_in(response)?, 42);
/// assert!(query.count_in("<html>").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RangeQuery {
    hex: Zeroizing<String>,
}

impl RangeQuery {
    const PREFIX: usize = 5;

    /// Creates a query for this exact password.
    pub fn new(password: &Password) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        #[expect(clippy::disallowed_methods, reason = "hashed in place")]
        let hash = exact_hash(password.expose_secret());
        let mut hex = Zeroizing::new(String::with_capacity(2 * hash.len()));
        for byte in hash.iter() {
            for digit in [byte >> 4, byte & 0xf] {
                hex.push(char::from(DIGITS[usize::from(digit)]));
            }
        }
        Self { hex }
    }

    /// The hash prefix to send: five upper-case hexadecimal digits, which one password in a million shares.
    pub fn prefix(&self) -> &str {
        &self.hex[..Self::PREFIX]
    }

    /// How often the password occurred in breaches, according to a response of `SUFFIX:COUNT` lines. 0 if it is absent or
    /// only padding.
    ///
    /// # Errors
    /// A line is malformed, so the response proves nothing.
    pub fn count_in(&self, response: &str) -> Result<u64, MalformedHashes> {
        let suffix = &self.hex[Self::PREFIX..];
        let mut count = 0;
        for entry in entries(response, suffix.len()) {
            let entry = entry?;
            if entry.hex.eq_ignore_ascii_case(suffix) {
                count = entry.count.max(count);
            }
        }
        Ok(count)
    }
}

impl fmt::Debug for RangeQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RangeQuery([REDACTED])")
    }
}

/// The error for a malformed line in a list of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedHashes {
    /// The number of the malformed line, counted from 1.
    pub line: usize,
}

impl fmt::Display for MalformedHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is not a SHA-1 hash of the expected length", self.line)
    }
}

impl std::error::Error for MalformedHashes {}

pub(super) struct Entry<'a> {
    pub(super) line: usize,
    pub(super) hex: &'a str,
    pub(super) count: u64,
}

/// The lines of a list of hashes with this number of digits: `HEX` or `HEX:COUNT`.
pub(super) fn entries(text: &str, digits: usize) -> impl Iterator<Item = Result<Entry<'_>, MalformedHashes>> {
    let lines = text.lines().map(str::trim).enumerate();
    lines.filter(|(_, line)| !line.is_empty()).map(move |(at, line)| {
        let (hex, count) = match line.split_once(':') {
            Some((hex, count)) => (hex, count.parse().ok()),
            None => (line, Some(1)),
        };
        let is_hash = hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let line = at + 1;
        let count = count.filter(|_| is_hash).ok_or(MalformedHashes { line })?;
        Ok(Entry { line, hex, count })
    })
}
