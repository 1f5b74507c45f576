//! Whose password is changed.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use crate::untypeable::CharClass;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroize as _;

use crate::secret_text::{self, FromText};

/// A user as the provider names them: an e-mail address, a GUID, an opaque id.
///
/// It always stands for exactly one URL path segment. What could leave the segment or be read
/// twice on the way (`/`, `\`, `%`, `?`, `#`, `;`, `.` and `..`, white space, control characters, and
/// what a server that normalises would turn into one of them) is refused rather than encoded,
/// because proxies and servers disagree about decoding it again. So is what cannot be seen, such as
/// a zero-width space, because an id with it looks like another. Everything else, non-ASCII
/// included, is percent-encoded by the transport.
///
/// It is personal data: `Debug` is redacted and there is no `Display`. Zoom reads the id `me` as
/// the caller's own account, so `me` is sent only if it is given here; nothing defaults to it.
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
    /// The longest id taken, in bytes of UTF-8: the longest e-mail address there can be.
    pub const MAX_BYTES: usize = 320;

    /// Takes an id as it is; nothing is trimmed or folded.
    ///
    /// # Errors
    /// Says which character stands where, or which bound is passed; never quotes the id.
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
        if let Some((index, character)) = id.chars().enumerate().find(|(_, c)| is_refused(*c)) {
            return Err(InvalidUserId::Character {
                character,
                position: index + 1,
            });
        }
        Ok(Self(id.into()))
    }

    /// The id in clear, for a request's path or a store's key. Keep it out of logs and labels.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the type opens itself"
    )]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

// To a server that normalises, `．．` and `‥` are `..` too.
fn is_dot_segment(id: &str) -> bool {
    let mut normalised = id.nfkc();
    let dots = normalised.by_ref().take(3).collect::<String>();
    matches!(dots.as_str(), "." | "..")
}

fn is_refused(c: char) -> bool {
    let splits_a_path = |c| matches!(c, '/' | '\\' | '%' | '?' | '#' | ';');
    // Those that NFKC leaves as they are but other foldings, such as the best fit of Windows, do not.
    let looks_like_a_slash = matches!(
        c,
        '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}'
    );
    c.is_whitespace()
        || looks_like_a_slash
        || CharClass::of(c).is_some()
        || if c.is_ascii() {
            splits_a_path(c)
        } else {
            std::iter::once(c).nfkc().any(splits_a_path)
        }
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

/// Reads it as text. An error never quotes what was read.
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

/// Why a text cannot be a [`UserId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUserId {
    /// Nothing was given.
    Empty,
    /// More than [`UserId::MAX_BYTES`].
    TooLong {
        /// How many bytes were given.
        bytes: usize,
    },
    /// The whole id is `.` or `..`.
    DotSegment,
    /// It holds a character that could leave the path segment or split the request.
    Character {
        /// The character.
        character: char,
        /// Where it stands, counted in characters from 1.
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
                    "the user id is too long: {bytes} bytes, at most {} are taken",
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
    fn whatever_could_walk_the_path_is_refused_with_its_place() {
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
    fn it_comes_from_text_in_every_usual_way_and_is_never_quoted() {
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
    fn what_cannot_be_seen_is_refused_with_its_place() {
        // Every format character there is, and what else has no shape of its own.
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
    fn what_normalises_to_a_path_is_refused() {
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
    fn an_error_is_one_line_and_free_of_control_characters() {
        let text = UserId::new("a\u{1b}[31m").unwrap_err().to_string();
        assert!(
            text.contains("\\u{1b}") && text.chars().all(|c| !c.is_control()),
            "{text}"
        );
    }

    #[test]
    fn real_ids_pass() {
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
