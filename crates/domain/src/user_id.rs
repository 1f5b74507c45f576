//! User ids.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroize as _;

use crate::secret_text::{self, FromText};
use crate::untypeable::CharClass;

/// A user id of the provider: an e-mail address, a GUID or an opaque id.
///
/// It is always exactly one URL path segment. Characters that could leave the segment or be decoded twice (`/`, `\`, `%`,
/// `?`, `#`, `;`, the ids `.` and `..`, white space, control characters, and characters that normalization turns into one
/// of these) are rejected instead of encoded, because proxies and servers decode them differently. Invisible characters,
/// such as a zero-width space, are rejected because the id would look like another. Other characters, including
/// non-ASCII ones, are percent-encoded by the transport.
///
/// It is personal data: `Debug` is redacted and there is no `Display`. Zoom reads the id `me` as the account of the
/// credentials; it is never sent by default.
///
/// ```
/// use repass_domain::UserId;
///
/// let user: UserId = "alice@example.com".parse()?;
/// assert_eq!(user.expose(), "alice@example.com");
/// assert_eq!(format!("{user:?}"), "UserId([REDACTED])");
/// assert!("../admin".parse::<UserId>().is_err());
/// # Ok::<(), repass_domain::InvalidUserId>(())
/// ```
#[derive(Clone)]
pub struct UserId(SecretString);

impl UserId {
    /// The maximum length in bytes of UTF-8: that of the longest valid e-mail address.
    pub const MAX_BYTES: usize = 320;

    /// Creates an id from the exact text; nothing is trimmed or folded.
    ///
    /// # Errors
    /// The text is empty, too long or contains a character that is not allowed. The error never quotes the id.
    pub fn new(id: &str) -> Result<Self, InvalidUserId> {
        if id.is_empty() {
            return Err(InvalidUserId::Empty);
        }
        if id.len() > Self::MAX_BYTES {
            return Err(InvalidUserId::TooLong { bytes: id.len() });
        }
        if is_dot_segment(id) {
            return Err(InvalidUserId::DotSegment);
        }
        // Nearly every id has such characters alone, of which none is refused.
        let plain = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'A'..=b'Z' | b'@' | b'.' | b'-' | b'_');
        if !id.bytes().all(plain)
            && let Some((index, character)) = id.chars().enumerate().find(|(_, c)| is_refused(*c))
        {
            return Err(InvalidUserId::Character {
                character,
                position: index + 1,
            });
        }
        Ok(Self(id.into()))
    }

    /// The id as text, for the path of a request or the key of a store. Keep it out of logs and labels.
    #[expect(clippy::disallowed_methods, reason = "the only access to the text")]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

// To a server that normalises, `．．` and `‥` are `..` too.
fn is_dot_segment(id: &str) -> bool {
    if id.is_ascii() {
        return matches!(id, "." | "..");
    }
    let mut normalised = id.nfkc();
    let dots = normalised.by_ref().take(3).collect::<String>();
    matches!(dots.as_str(), "." | "..")
}

fn is_refused(c: char) -> bool {
    let splits_a_path = |c| matches!(c, '/' | '\\' | '%' | '?' | '#' | ';');
    if c.is_ascii() {
        return !c.is_ascii_graphic() || splits_a_path(c);
    }
    // Those that NFKC leaves as they are but other foldings, such as the best fit of Windows, do not.
    let looks_like_a_slash = matches!(
        c,
        '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}'
    );
    c.is_whitespace()
        || looks_like_a_slash
        || CharClass::of(c).is_some()
        || std::iter::once(c).nfkc().any(splits_a_path)
}

impl FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl TryFrom<&str> for UserId {
    type Error = InvalidUserId;

    fn try_from(id: &str) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(mut id: String) -> Result<Self, Self::Error> {
        let user = Self::new(&id);
        id.zeroize();
        user
    }
}

impl FromText for UserId {
    const WHAT: &'static str = "the user id";

    type Invalid = InvalidUserId;

    fn from_text(text: &str) -> Result<Self, Self::Invalid> {
        Self::new(text)
    }
}

/// Deserializes from a string. Errors never quote the input.
impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        secret_text::read(deserializer)
    }
}

impl PartialEq for UserId {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for UserId {}

impl Hash for UserId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId([REDACTED])")
    }
}

/// Why a text is not a valid [`UserId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUserId {
    /// The text of the id is empty.
    Empty,
    /// The text of the id is longer than [`UserId::MAX_BYTES`].
    TooLong {
        /// The length of the text in bytes of UTF-8.
        bytes: usize,
    },
    /// The whole id is `.` or `..`.
    DotSegment,
    /// A character that could leave the path segment, split the request or is invisible.
    Character {
        /// The character that is not allowed in an id.
        character: char,
        /// The position of the character in the id, counted in characters from 1.
        position: usize,
    },
}

impl fmt::Display for InvalidUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the user id is empty"),
            Self::TooLong { bytes } => {
                write!(
                    f,
                    "the user id is too long: {bytes} bytes, at most {} are allowed",
                    UserId::MAX_BYTES
                )
            }
            Self::DotSegment => f.write_str("the user id is a relative path segment (`.` or `..`)"),
            Self::Character { character, position } => {
                let shown = character.escape_default();
                write!(
                    f,
                    "the user id holds `{shown}` at character {position}, which is not allowed there"
                )
            }
        }
    }
}

impl std::error::Error for InvalidUserId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_characters_are_rejected_with_their_position() {
        for (id, position) in [
            ("a/b", 2),
            ("..\\x", 3),
            ("%2e%2e", 1),
            ("a b", 2),
            ("a?x=1", 2),
            ("a#f", 2),
            ("..;", 3),
            ("é\u{7}", 2),
            ("a\u{2028}b", 2),
            ("a\nb", 2),
        ] {
            match UserId::new(id).unwrap_err() {
                InvalidUserId::Character { position: found, .. } => assert_eq!(found, position, "{id:?}"),
                other => panic!("{id:?}: {other}"),
            }
        }
        assert_eq!(UserId::new("..").unwrap_err(), InvalidUserId::DotSegment);
        assert_eq!(UserId::new("").unwrap_err(), InvalidUserId::Empty);
        let long = "x".repeat(10_240);
        assert_eq!(
            UserId::new(&long).unwrap_err(),
            InvalidUserId::TooLong { bytes: 10_240 }
        );
    }

    #[test]
    fn user_id_parse_errors_never_quote_the_input() {
        let alice = UserId::new("alice@example.com").unwrap();
        assert_eq!(UserId::try_from("alice@example.com").unwrap(), alice);
        assert_eq!(UserId::try_from("alice@example.com".to_owned()).unwrap(), alice);
        let read = |json: &str| serde_json::from_str::<UserId>(json);
        assert_eq!(read("\"alice@example.com\"").unwrap(), alice);
        assert_eq!(read("\"\\u0061lice@example.com\"").unwrap(), alice);
        for json in [
            "\"canary 77\"",
            "770077",
            "-770077",
            "77.0077",
            "true",
            "[770077]",
            "{\"a\":770077}",
            "null",
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(
                !error.contains("77") && !error.contains("canary") && !error.contains("true"),
                "{error}"
            );
        }
    }

    #[test]
    fn invisible_characters_are_rejected_with_their_position() {
        // Every format character, and other characters without a visible shape.
        for c in ('\u{80}'..=char::MAX).filter(|c| CharClass::of(*c).is_some()) {
            assert_eq!(
                UserId::new(&format!("b{c}b@example.com")).unwrap_err(),
                InvalidUserId::Character {
                    character: c,
                    position: 2
                }
            );
        }
        for (c, shown) in [
            ('\u{200b}', "\\u{200b}"),
            ('\u{202e}', "\\u{202e}"),
            ('\u{ad}', "\\u{ad}"),
            ('\u{2060}', "\\u{2060}"),
            ('\u{e0041}', "\\u{e0041}"),
            ('\u{a0}', "\\u{a0}"),
        ] {
            let text = UserId::new(&format!("bob{c}@example.com"))
                .unwrap_err()
                .to_string();
            assert_eq!(
                text,
                format!("the user id holds `{shown}` at character 4, which is not allowed there")
            );
        }
    }

    #[test]
    fn characters_that_normalize_to_path_characters_are_rejected() {
        for id in [
            "a\u{ff0f}b",
            "a\u{2215}b",
            "a\u{2044}b",
            "a\u{29f8}b",
            "a\u{ff3c}b",
            "a\u{fe68}b",
            "a\u{2216}b",
            "a\u{ff05}b",
            "a\u{fe6a}b",
            "a\u{ff1f}b",
            "a\u{ff03}b",
            "a\u{fe5f}b",
            "a\u{ff1b}b",
            "a\u{37e}b",
            "a\u{2100}b",
            "a\u{2105}b",
            "a\u{2047}b",
            "a\u{2049}b",
            "\u{ff0e}\u{ff0e}\u{ff0f}x",
        ] {
            assert!(
                matches!(UserId::new(id).unwrap_err(), InvalidUserId::Character { .. }),
                "{id:?}"
            );
        }
        for id in [
            ".",
            "..",
            "\u{ff0e}",
            "\u{ff0e}\u{ff0e}",
            "\u{2024}.",
            "\u{2025}",
            "\u{fe52}\u{ff0e}",
        ] {
            assert_eq!(UserId::new(id).unwrap_err(), InvalidUserId::DotSegment, "{id:?}");
        }
    }

    #[test]
    fn invalid_user_id_display_is_one_line_without_control_characters() {
        let text = UserId::new("a\u{1b}[31m").unwrap_err().to_string();
        assert!(
            text.contains("\\u{1b}") && text.chars().all(|c| !c.is_control()),
            "{text}"
        );
    }

    #[test]
    fn real_user_ids_are_accepted() {
        for id in [
            "alice+x@example.com",
            "KdYKjnimT4KPd8FFgQt9FQ",
            "o'hara@example.com",
            "用户@例子.公司",
            "a..b",
            "...",
            "jürgen.größe@straße.example",
            "ｆｕｌｌ@例え.jp",
            "e\u{301}ve@example.com",
        ] {
            assert_eq!(UserId::new(id).unwrap().expose(), id);
        }
    }
}
