//! Asking whether a password is known from a breach without telling it: the pure part.

use std::fmt;

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::blocklist::exact_hash;
use crate::Password;

/// One question to a service of breached passwords: it is told the first five digits of the
/// password's SHA-1 hash, answers with all it knows under them, and the rest is compared here.
///
/// ```
/// use repass_domain::{Password, RangeQuery};
///
/// let query = RangeQuery::new(&Password::new("letmein")?);
/// assert_eq!(query.prefix(), "B7A87");
/// let answer = "5FC1EA228B9061041B7CEC4BD3C52AB3CE3:42\r\n5FC1EA228B9061041B7CEC4BD3C52AB3CE4:0";
/// assert_eq!(query.count_in(answer)?, 42);
/// assert!(query.count_in("<html>").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RangeQuery {
    hex: Zeroizing<String>,
}

impl RangeQuery {
    const PREFIX: usize = 5;

    /// The question about this password, hashed as it is.
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

    /// What to send: five upper-case hexadecimal digits, shared by one password in a million.
    pub fn prefix(&self) -> &str {
        &self.hex[..Self::PREFIX]
    }

    /// How often the password was seen, by an answer of `SUFFIX:COUNT` lines; 0 if it is not
    /// among them, or as padding only.
    ///
    /// # Errors
    /// A line is something else, so the answer proves nothing.
    pub fn count_in(&self, answer: &str) -> Result<u64, MalformedHashes> {
        let suffix = &self.hex[Self::PREFIX..];
        let mut count = 0;
        for entry in entries(answer, suffix.len()) {
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

/// A line of a list of hashes is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedHashes {
    /// Which line, counted from 1.
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

/// The lines of a list of hashes with so many digits: `HEX` or `HEX:COUNT`.
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
