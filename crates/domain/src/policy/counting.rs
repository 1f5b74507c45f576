//! How a policy counts and classifies characters.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use zeroize::Zeroizing;

/// What a policy counts as one character, a letter and a digit. Digits are always `0` to `9`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Counting {
    /// Unicode code points, with Unicode letters and cases.
    #[default]
    CodePoints,
    /// Unicode code points after normalization to NFC, so that `é` is one character however it was typed.
    Nfc,
    /// UTF-16 units, as the validator of ASP.NET Core counts. Only ASCII letters are letters, so `é` is a special
    /// character; a password of only white space is too short regardless of its length.
    AspNet,
    /// A way of counting that the provider does not document. Code points are assumed, and violations of a password
    /// that is not ASCII are [`Approximate`](crate::Certainty::Approximate).
    Unpublished,
}

impl Counting {
    /// The normalized text, if it differs from the text.
    pub(super) fn normalized(self, text: &str) -> Option<Zeroizing<String>> {
        if self != Self::Nfc || is_nfc(text) {
            return None;
        }
        // NFC at most triples UTF-8: the buffer never grows, so it leaves no unwiped copy.
        let mut copy = Zeroizing::new(String::with_capacity(3 * text.len()));
        text.nfc().for_each(|c| copy.push(c));
        Some(copy)
    }

    pub(super) fn length(self, text: &str) -> usize {
        match self {
            Self::AspNet => text.encode_utf16().count(),
            _ => text.chars().count(),
        }
    }

    pub(super) fn is_too_short(self, text: &str, min: usize) -> bool {
        let blank = self == Self::AspNet && text.chars().all(char::is_whitespace);
        blank || self.length(text) < min
    }

    pub(super) fn distinct(self, text: &str) -> usize {
        match self {
            Self::AspNet => distinct(text.encode_utf16()),
            _ => distinct(text.chars()),
        }
    }

    pub(super) fn is_letter(self, c: char) -> bool {
        match self {
            Self::AspNet => c.is_ascii_alphabetic(),
            _ => c.is_alphabetic(),
        }
    }

    pub(super) fn is_uppercase(self, c: char) -> bool {
        match self {
            Self::AspNet => c.is_ascii_uppercase(),
            _ => c.is_uppercase(),
        }
    }

    pub(super) fn is_lowercase(self, c: char) -> bool {
        match self {
            Self::AspNet => c.is_ascii_lowercase(),
            _ => c.is_lowercase(),
        }
    }

    pub(super) fn is_special(self, c: char) -> bool {
        match self {
            Self::AspNet => !c.is_ascii_alphanumeric(),
            _ => !c.is_alphanumeric(),
        }
    }
}

/// Whether the text is ASCII, checked byte by byte: the standard library checks eight bytes at once in a register that
/// may be spilled to the stack and stay there.
pub(super) fn is_ascii(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii())
}

// Quadratic, because a set would be a copy of the password.
fn distinct<T: PartialEq>(mut units: impl Iterator<Item = T> + Clone) -> usize {
    let mut count = 0;
    while let Some(unit) = units.next() {
        if !units.clone().any(|later| later == unit) {
            count += 1;
        }
    }
    count
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodePoints => "Unicode code points",
            Self::Nfc => "Unicode code points after normalisation to NFC",
            Self::AspNet => "UTF-16 units; letters are those of ASCII",
            Self::Unpublished => "characters; what the provider counts beyond ASCII is not published",
        })
    }
}
