//! JSON lines, read into types that are wiped.

use std::fmt;
use std::io::{self, Read};

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{self, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::MAX_ROW_BYTES;
use super::raw_row::{COLUMNS, Field, RawRow};
use super::wiped_reader::WipedReader;

pub(super) struct Json<R> {
    bytes: WipedReader<R>,
    text: Zeroizing<Vec<u8>>,
    object: Object,
    line: u64,
}

#[derive(Default)]
struct Object {
    user: Option<SecretString>,
    provider: Option<SecretString>,
    new_password: Option<SecretString>,
    current_password: Option<SecretString>,
}

impl<R: Read> Json<R> {
    pub(super) fn new(bytes: WipedReader<R>) -> Self {
        Self {
            bytes,
            text: Zeroizing::new(Vec::with_capacity(MAX_ROW_BYTES)),
            object: Object::default(),
            line: 0,
        }
    }

    /// The next line that is not empty, and its record or why it is invalid; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<RawRow<'_>, String>)>> {
        loop {
            self.line += 1;
            match self.read_line()? {
                None => return Ok(None),
                Some(false) => {
                    let reason = format!("is longer than {} KiB", MAX_ROW_BYTES / 1024);
                    return Ok(Some((self.line, Err(reason))));
                }
                Some(true) if is_blank(&self.text) => {}
                Some(true) => break,
            }
        }
        let object = match serde_json::from_slice(&self.text) {
            Ok(object) => object,
            Err(error) => {
                let reason = format!(
                    "is not an object with the text fields {COLUMNS}, of which user is needed: {} (see column {})",
                    why(&error),
                    error.column()
                );
                return Ok(Some((self.line, Err(reason))));
            }
        };
        self.object = object;
        Ok(Some((self.line, Ok(self.object.record()))))
    }

    // Whether it was short enough; `None` at the end.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.text.clear();
        let (mut fits, mut any) = (true, false);
        loop {
            let input = self.bytes.filled()?;
            if input.is_empty() {
                return Ok(any.then_some(fits));
            }
            any = true;
            let end = input.iter().position(|byte| *byte == b'\n');
            let part = &input[..end.unwrap_or(input.len())];
            fits &= self.text.len() + part.len() <= MAX_ROW_BYTES;
            if fits {
                self.text.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.bytes.consume(used);
            if end.is_some() {
                return Ok(Some(fits));
            }
        }
    }
}

// Only blanks, or the end-of-file mark of DOS.
fn is_blank(line: &[u8]) -> bool {
    line.iter()
        .all(|byte| byte.is_ascii_whitespace() || *byte == 0x1a)
}

// serde's own messages may quote a password, so only the messages of this file are used.
fn why(error: &serde_json::Error) -> &'static str {
    if error.is_data() {
        let text = Zeroizing::new(error.to_string());
        let ours = FAULTS.into_iter().find(|fault| text.starts_with(fault));
        return ours.unwrap_or("it has another type");
    }
    if error.is_eof() {
        "it is cut off"
    } else {
        "it is not JSON, or has more than one object"
    }
}

const TWICE: &str = "a field occurs twice";
const UNKNOWN: &str = "a field is unknown";
const NOT_TEXT: &str = "a field is not text";
const NO_USER: &str = "the user is missing";
const NO_OBJECT: &str = "it is not an object";
const FAULTS: [&str; 5] = [TWICE, UNKNOWN, NOT_TEXT, NO_USER, NO_OBJECT];

macro_rules! refuse {
    ($why:ident: $($visit:ident($type:ty)),*) => {
        $(fn $visit<E: de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom($why))
        })*
    };
}

// By hand, because derived code quotes rejected values, and accepts a list as an object.
impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        let (mut user, mut provider, mut new, mut current) = (false, false, false, false);
        while let Some(key) = map.next_key::<Key>()? {
            let (place, seen) = match key {
                Key::User => (&mut object.user, &mut user),
                Key::Provider => (&mut object.provider, &mut provider),
                Key::NewPassword => (&mut object.new_password, &mut new),
                Key::CurrentPassword => (&mut object.current_password, &mut current),
                Key::Unknown => return Err(A::Error::custom(UNKNOWN)),
            };
            if std::mem::replace(seen, true) {
                return Err(A::Error::custom(TWICE));
            }
            *place = map.next_value::<Text>()?.0;
        }
        if object.user.is_none() {
            return Err(A::Error::custom(NO_USER));
        }
        Ok(object)
    }

    refuse!(NO_OBJECT: visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_unit<E: de::Error>(self) -> Result<Object, E> {
        Err(E::custom(NO_OBJECT))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Object, A::Error> {
        Err(A::Error::custom(NO_OBJECT))
    }
}

enum Key {
    User,
    Provider,
    NewPassword,
    CurrentPassword,
    Unknown,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "user" => Key::User,
                    "provider" => Key::Provider,
                    "new_password" => Key::NewPassword,
                    "current_password" => Key::CurrentPassword,
                    _ => Key::Unknown,
                })
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Text, or `null` for none.
struct Text(Option<SecretString>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.into())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    refuse!(NOT_TEXT: visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64));

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Text, A::Error> {
        Err(A::Error::custom(NOT_TEXT))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Text, A::Error> {
        Err(A::Error::custom(NOT_TEXT))
    }
}

impl Object {
    fn record(&self) -> RawRow<'_> {
        let field = |secret| text(secret).map(|text| Field { text, exact: true });
        RawRow {
            user: text(self.user.as_ref()).unwrap_or_default(),
            provider: text(self.provider.as_ref()).unwrap_or_default(),
            new: field(self.new_password.as_ref()),
            current: field(self.current_password.as_ref()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "on its way from one wiping type to the other"
)]
fn text(secret: Option<&SecretString>) -> Option<&[u8]> {
    secret.map(|secret| secret.expose_secret().as_bytes())
}
