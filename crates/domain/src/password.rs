//! Passwords.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::secret_text::{self, FromText};
use crate::untypeable::CharClass;
use crate::{Error, Rule, UntypeableChar, Violation};

/// A password: non-empty UTF-8 without NUL, at most [`Password::MAX_BYTES`] long. Other rules depend on the provider's
/// policy.
///
/// A *new* password must also be typeable, see [`check_typeable`](Self::check_typeable). A current password need not be.
///
/// It is wiped from memory when dropped, prints as `Password([REDACTED])`, and has no `Display`, `Serialize`, `PartialEq`
/// or `Deref`. [`ExposeSecret::expose_secret`] is the only access to the text; a lint of this workspace bans it except
/// where a request body is encoded.
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
    /// The maximum length of a password, in bytes of UTF-8. No known provider accepts more than 256 characters; the
    /// limit keeps a wrong file from being sent as a password.
    pub const MAX_BYTES: usize = 1024;

    /// Creates a password from the exact text: nothing is trimmed or normalized.
    ///
    /// A `String` with spare capacity is copied, and the original is freed without being wiped. Where that matters, pass a
    /// `&str` from a buffer that you wipe, or a `SecretString`.
    ///
    /// # Errors
    /// The text is empty, too long or contains NUL. The error never quotes it.
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

    /// Creates a password from bytes, copied once into a buffer of exactly their size. The caller wipes `bytes`.
    ///
    /// # Errors
    /// As [`Password::new`], and [`InvalidPassword::NotUtf8`].
    pub fn from_utf8(bytes: &[u8]) -> Result<Self, InvalidPassword> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidPassword::NotUtf8)?;
        Self::new(text)
    }

    /// Rejects characters that cannot be typed into a login form and would lock the user out. These are control
    /// characters and line breaks, a byte order mark, invisible characters and those that set the direction of text,
    /// white space other than the space, and unassigned code points. Every
    /// [`PasswordService`](crate::PasswordService) rejects such a new password before anything is sent.
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
    /// [`ErrorKind::PasswordRefused`](crate::ErrorKind::PasswordRefused) with one [`Rule::Typeable`] for each class of
    /// such characters, at its first position.
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
        let text = Self::text(&self.0);
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Vec::new();
        }
        for (index, character) in text.chars().enumerate() {
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

    #[expect(clippy::disallowed_methods, reason = "the only access to the text")]
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

/// Deserializes from a string. Errors never quote the input. The caller wipes what the deserializer itself keeps of it,
/// such as the body of a request.
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

/// Why a text is not a valid [`Password`]. Contains nothing of the text except its length if it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// The text is empty.
    Empty,
    /// The text is longer than [`Password::MAX_BYTES`].
    TooLong {
        /// The length of the text in bytes.
        bytes: usize,
    },
    /// The bytes are not UTF-8, which every provider's format requires.
    NotUtf8,
    /// The text contains NUL, at which software on the way to the provider may truncate it.
    ContainsNul,
}

impl InvalidPassword {
    /// What is wrong, as a clause without a subject: `is empty`.
    pub fn reason(&self) -> String {
        match self {
            Self::Empty => "is empty".to_owned(),
            Self::TooLong { bytes } => {
                format!(
                    "is too long: {bytes} bytes, at most {} are allowed",
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
    fn password_keeps_the_text_byte_for_byte() {
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
    fn invalid_password_is_rejected() {
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
    fn invalid_password_display_starts_with_the_password() {
        assert_eq!(InvalidPassword::Empty.to_string(), "the password is empty");
        assert_eq!(
            InvalidPassword::TooLong { bytes: 1025 }.to_string(),
            "the password is too long: 1025 bytes, at most 1024 are allowed"
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test compares made-up passwords")]
    fn password_parse_errors_never_quote_the_input() {
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
    fn password_debug_is_redacted() {
        let password = Password::new("canary-77").unwrap();
        assert!(!format!("{password:?} {:#?}", Some(&password)).contains("canary"));
    }
}
