//! Passwords that are refused because others use them.

use std::fmt;

use secrecy::ExposeSecret as _;
use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::breach::{MalformedHashes, entries};
use super::counting;
use crate::Password;

type Hash = [u8; 20];

/// Forbidden passwords. Only their SHA-1 hashes are kept, sorted: 20 bytes each, for a list of
/// words as for a list of hashes. The hash protects nothing here; it is the form in which lists of
/// breached passwords come.
///
/// ```
/// use repass_domain::{Blocklist, Password};
///
/// let words = Blocklist::from_plain_text("letmein\nsunshine");
/// assert!(words.contains(&Password::new("LetMeIn")?));
/// let hashes = Blocklist::from_sha1("", "B7A875FC1EA228B9061041B7CEC4BD3C52AB3CE3:1")?;
/// assert!(hashes.contains(&Password::new("letmein")?));
/// assert!(!hashes.contains(&Password::new("LetMeIn")?));
/// let both: Blocklist = [words, hashes].into_iter().collect();
/// assert_eq!(both.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blocklist {
    // Sorted, without repetition.
    exact: Vec<Hash>,
    folded: Vec<Hash>,
}

impl Blocklist {
    /// A list of words, one a line, taken as they are but for case and Unicode's several ways to
    /// write the same letter, in which they match any. Empty lines are passed over.
    pub fn from_plain_text(text: &str) -> Self {
        let words = text.lines().filter(|line| !line.is_empty());
        Self {
            exact: Vec::new(),
            folded: sorted(words.map(|word| *folded_hash(word)).collect()),
        }
    }

    /// A list of hexadecimal SHA-1 hashes, one a line, each with or without `:COUNT` behind it.
    /// They match the very password only. Of a range file give the common `prefix` as well, of a
    /// list of whole hashes the empty one. Lines with a count of 0 are padding.
    ///
    /// # Errors
    /// A line is not such a hash.
    pub fn from_sha1(prefix: &str, text: &str) -> Result<Self, MalformedHashes> {
        let mut exact = Vec::new();
        for entry in entries(text, 40_usize.saturating_sub(prefix.len())) {
            let entry = entry?;
            let hash = parse(prefix, entry.hex).ok_or(MalformedHashes { line: entry.line })?;
            if entry.count > 0 {
                exact.push(hash);
            }
        }
        Ok(Self {
            exact: sorted(exact),
            folded: Vec::new(),
        })
    }

    /// Whether the password is on the list.
    pub fn contains(&self, password: &Password) -> bool {
        #[expect(clippy::disallowed_methods, reason = "hashed in place")]
        self.contains_text(password.expose_secret())
    }

    pub(super) fn contains_text(&self, text: &str) -> bool {
        let has = |list: &[Hash], hash: &dyn Fn(&str) -> Zeroizing<Hash>| {
            !list.is_empty() && list.binary_search(&hash(text)).is_ok()
        };
        has(&self.exact, &exact_hash) || has(&self.folded, &folded_hash)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.exact.len() + self.folded.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Joins lists into one.
impl FromIterator<Self> for Blocklist {
    fn from_iter<I: IntoIterator<Item = Self>>(lists: I) -> Self {
        let (mut exact, mut folded) = (Vec::new(), Vec::new());
        for list in lists {
            exact.extend(list.exact);
            folded.extend(list.folded);
        }
        Self {
            exact: sorted(exact),
            folded: sorted(folded),
        }
    }
}

impl fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocklist({} entries)", self.len())
    }
}

fn sorted(mut hashes: Vec<Hash>) -> Vec<Hash> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

pub(super) fn exact_hash(text: &str) -> Zeroizing<Hash> {
    Zeroizing::new(Sha1::digest(text).into())
}

// Character by character into the hash, which wipes itself: there is never a folded copy.
fn folded_hash(text: &str) -> Zeroizing<Hash> {
    let mut hash = Sha1::new();
    let mut feed = |c: char| hash.update(c.encode_utf8(&mut Zeroizing::new([0; 4])[..]).as_bytes());
    let lower = text.chars().flat_map(char::to_lowercase);
    if counting::is_ascii(text) {
        lower.for_each(&mut feed);
    } else {
        lower.nfc().for_each(&mut feed);
    }
    Zeroizing::new(hash.finalize().into())
}

// Both parts together are 40 digits: `entries` has counted.
fn parse(prefix: &str, rest: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let mut digits = prefix.chars().chain(rest.chars()).map(|c| c.to_digit(16));
    for byte in &mut hash {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(hash)
}
