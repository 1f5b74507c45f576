//! A password on its way to a provider.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::secret_text::{self, FromText};
use crate::untypeable::CharClass;
use crate::{Error, Rule, UntypeableChar, Violation};

/// A password that some provider might accept: non-empty UTF-8 without NUL, at most
/// [`Password::MAX_BYTES`] long. Everything else about it is the provider's policy to judge.
///
/// A *new* password must also be one that can be typed, see
/// [`check_typeable`](Self::check_typeable). A current password need not be: it is what it is.
///
/// It is wiped from memory when dropped, prints as `Password([REDACTED])`, and has no `Display`,
/// `Serialize`, `PartialEq` or `Deref`: the only way to the text is
/// [`ExposeSecret::expose_secret`], which this workspace bans by lint except where a provider's
/// body is encoded.
///
/// ```
/// use repass_domain::Password;
///
/// let password = Password::new("correct horse")?;
/// assert_eq!(format!("{password:?}"), "Password([REDACTED])");
/// assert!(Password::new("").is_err());
/// # Ok::<(), repass_domain::InvalidPassword>(())
/// ```
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// The longest password taken, in bytes of UTF-8. No known provider takes more than 256
    /// characters; the bound keeps a wrong file from being sent as a password.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a password as it is: nothing is trimmed or normalised.
    ///
    /// A `String` with spare capacity is copied on its way in and the original is freed unwiped;
    /// pass `&str` from a buffer that you wipe, or a ready `SecretString`, where that matters.
    ///
    /// # Errors
    /// Says which rule of this type the text breaks; never quotes it.
    pub fn new(secret: impl Into<SecretString>) -> Result<Self, InvalidPassword> {
        let secret = secret.into();
        let text = Self::text(&secret);
        if text.is_empty() {
            return Err(InvalidPassword::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidPassword::TooLong { bytes: text.len() });
        }
        // Not by `contains`, which leaves eight bytes at once in registers, and so on the stack.
        if text.bytes().any(|byte| byte == 0) {
            return Err(InvalidPassword::ContainsNul);
        }
        Ok(Self(secret))
    }

    /// Takes a password from raw bytes, copied once into a buffer of exactly its size. Wiping
    /// `bytes` is the caller's part.
    ///
    /// # Errors
    /// As [`Password::new`], and [`InvalidPassword::NotUtf8`].
    pub fn from_utf8(bytes: &[u8]) -> Result<Self, InvalidPassword> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidPassword::NotUtf8)?;
        Self::new(text)
    }

    /// Refuses what nobody could type into a login form, and would lock the user out as a new
    /// password: control characters and line breaks, a byte order mark, characters that are
    /// invisible or set the direction of text, blanks other than the space, and code points
    /// without a meaning. Every [`PasswordService`](crate::PasswordService) refuses a change to
    /// such a password before anything is sent.
    ///
    /// ```
    /// use repass_domain::{ErrorKind, Password};
    ///
    /// let refused = Password::new("Old-Passw0rd-1\nNew-Passw0rd-1")?.check_typeable().unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::PasswordRefused);
    /// assert!(refused.to_string().contains("holds a line break after 14 characters"));
    /// assert_eq!(refused.violations()[0].rule().position(), Some(15));
    /// # Ok::<(), repass_domain::InvalidPassword>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::PasswordRefused`](crate::ErrorKind::PasswordRefused) with a
    /// [`Rule::Typeable`] for each such kind of character and where it first stands.
    pub fn check_typeable(&self) -> Result<(), Error> {
        let broken = self.untypeable();
        if broken.is_empty() {
            Ok(())
        } else {
            Err(Error::refused(broken))
        }
    }

    pub(crate) fn untypeable(&self) -> Vec<Violation> {
        let mut found: Vec<(CharClass, Rule)> = Vec::new();
        for (index, character) in Self::text(&self.0).chars().enumerate() {
            if let Some(class) = CharClass::of(character)
                && found.iter().all(|(other, _)| *other != class)
            {
                let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
                found.push((class, Rule::Typeable(UntypeableChar { character, position })));
            }
        }
        found
            .into_iter()
            .map(|(_, rule)| Violation::of_caller(rule))
            .collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the type opens itself"
    )]
    fn text(secret: &SecretString) -> &str {
        secret.expose_secret()
    }
}

impl FromStr for Password {
    type Err = InvalidPassword;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl FromText for Password {
    const WHAT: &'static str = "the password";

    type Invalid = InvalidPassword;

    fn from_text(text: &str) -> Result<Self, Self::Invalid> {
        Self::new(text)
    }
}

/// Reads it as text. An error never quotes what was read. What the deserializer itself keeps of the text, such as the
/// body of a request, is the caller's to wipe.
impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        secret_text::read(deserializer)
    }
}

impl ExposeSecret<str> for Password {
    fn expose_secret(&self) -> &str {
        Self::text(&self.0)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([REDACTED])")
    }
}

/// Why a text cannot be a [`Password`]. Holds nothing of the text but its length when too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// Nothing was given.
    Empty,
    /// More than [`Password::MAX_BYTES`].
    TooLong {
        /// How many bytes were given.
        bytes: usize,
    },
    /// The bytes are not UTF-8, which every provider's wire format needs.
    NotUtf8,
    /// A NUL is cut or refused in too many places on the way to be a safe part of a password.
    ContainsNul,
}

impl InvalidPassword {
    /// What is wrong without saying with what, for messages that name the password themselves:
    /// `is empty`.
    pub fn reason(&self) -> String {
        match self {
            Self::Empty => "is empty".to_owned(),
            Self::TooLong { bytes } => {
                format!(
                    "is too long: {bytes} bytes, at most {} are taken",
                    Password::MAX_BYTES
                )
            }
            Self::NotUtf8 => "is not valid UTF-8".to_owned(),
            Self::ContainsNul => "contains a NUL character".to_owned(),
        }
    }
}

impl fmt::Display for InvalidPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the password {}", self.reason())
    }
}

impl std::error::Error for InvalidPassword {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_a_provider_might_take_byte_for_byte() {
        for text in [
            "x",
            "@file",
            ";type=x",
            "a\r\nb",
            "\"\\'",
            "пароль",
            " lead and trail ",
        ] {
            let password = Password::from_utf8(text.as_bytes()).unwrap();
            #[expect(clippy::disallowed_methods, reason = "the test compares made-up passwords")]
            let back = password.expose_secret();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn refuses_what_none_can_take() {
        assert_eq!(Password::new("").unwrap_err(), InvalidPassword::Empty);
        assert_eq!(Password::new("a\0b").unwrap_err(), InvalidPassword::ContainsNul);
        assert_eq!(
            Password::from_utf8(&[0xff]).unwrap_err(),
            InvalidPassword::NotUtf8
        );
        let long = "x".repeat(Password::MAX_BYTES + 1);
        assert_eq!(
            Password::new(long.as_str()).unwrap_err(),
            InvalidPassword::TooLong { bytes: 1025 }
        );
        assert!(Password::new(&long[1..]).is_ok());
    }

    #[test]
    fn an_invalid_password_is_the_subject_of_its_message() {
        assert_eq!(InvalidPassword::Empty.to_string(), "the password is empty");
        assert_eq!(
            InvalidPassword::TooLong { bytes: 1025 }.to_string(),
            "the password is too long: 1025 bytes, at most 1024 are taken"
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test compares made-up passwords")]
    fn it_is_read_from_text_and_never_quoted() {
        assert_eq!(
            "canary-77".parse::<Password>().unwrap().expose_secret(),
            "canary-77"
        );
        let read = |json: &str| serde_json::from_str::<Password>(json);
        assert_eq!(read("\"canary-77\"").unwrap().expose_secret(), "canary-77");
        assert_eq!(read("\"c\\u0061nary-77\"").unwrap().expose_secret(), "canary-77");
        for json in [
            "770077",
            "-770077",
            "77.0077",
            "true",
            "[770077]",
            "{\"a\":770077}",
            "null",
            "\"\"",
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(!error.contains("77") && !error.contains("true"), "{error}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let password = Password::new("canary-77").unwrap();
        assert!(!format!("{password:?} {:#?}", Some(&password)).contains("canary"));
    }
}
