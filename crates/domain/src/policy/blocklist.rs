//! Lists of forbidden passwords.

use std::fmt;

use secrecy::ExposeSecret as _;
use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::counting;
use super::range_query::{MalformedHashes, entries};
use crate::Password;

type Hash = [u8; 20];

/// A list of forbidden passwords.
///
/// It keeps only sorted SHA-1 hashes, 20 bytes for each password. The hash is not for protection; it is the format of
/// published lists of breached passwords.
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
    // Both sorted, without duplicates.
    exact: Vec<Hash>,
    folded: Vec<Hash>,
}

impl Blocklist {
    /// Reads a list of forbidden passwords, one per line. They match in any letter case and Unicode normalization
    /// form. Empty lines are ignored.
    pub fn from_plain_text(text: &str) -> Self {
        let words = text.lines().filter(|line| !line.is_empty());
        Self {
            exact: Vec::new(),
            folded: sorted(words.map(|word| *folded_hash(word)).collect()),
        }
    }

    /// Reads a list of hexadecimal SHA-1 hashes of forbidden passwords, one per line, each with an optional `:COUNT`.
    /// They match the exact password only. `prefix` is the common prefix of a range file, or empty for whole hashes.
    /// Lines with a count of 0 are padding and ignored.
    ///
    /// # Errors
    /// A line is not a hash of the expected length.
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

    /// The number of forbidden passwords on the list.
    pub fn len(&self) -> usize {
        self.exact.len() + self.folded.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Merges lists.
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

// Hashes character by character, so that there is never a folded copy; the hasher wipes itself.
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

// `entries` has checked that both parts together are 40 digits.
fn parse(prefix: &str, rest: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let mut digits = prefix.chars().chain(rest.chars()).map(|c| c.to_digit(16));
    for byte in &mut hash {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(hash)
}
