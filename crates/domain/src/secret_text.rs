//! Deserialization of secrets. serde's own errors quote a value of the wrong type; these never do.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Error, SeqAccess, Visitor};
use zeroize::Zeroize as _;

/// A type that is parsed from a text. The text is wiped if it is an owned `String`.
pub(crate) trait FromText: Sized {
    /// The subject of the message `… must be text`.
    const WHAT: &'static str;

    type Invalid: fmt::Display;

    fn from_text(text: &str) -> Result<Self, Self::Invalid>;
}

/// Deserializes a value from a string.
///
/// # Errors
/// The value is not a string, or an invalid one. The error does not quote it.
pub(crate) fn read<'de, T: FromText, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    // `deserialize_str` of serde_json quotes a number in its error.
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(Text(PhantomData))
    } else {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

struct Text<T>(PhantomData<T>);

impl<T: FromText> Text<T> {
    fn not_text<E: Error>() -> Result<T, E> {
        Err(E::custom(format_args!("{} must be text", T::WHAT)))
    }
}

impl<'de, T: FromText> Visitor<'de> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as text", T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_string<E: Error>(self, mut text: String) -> Result<T, E> {
        let read = self.visit_str(&text);
        text.zeroize();
        read
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<T, E> {
        Self::not_text()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<T, A::Error> {
        Self::not_text()
    }
}
