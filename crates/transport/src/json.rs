//! Reading JSON as leniently as the provider's other clients do. The one place where a body becomes a
//! value, so that no reader is stricter than another.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::Answer;

impl Answer {
    /// The body as text, without a byte order mark. Bytes that are not UTF-8 are read as Latin-1, which is
    /// what servers send that name no other encoding; UTF-16 is recognised by its mark or its first bytes.
    pub fn text(&self) -> Cow<'_, str> {
        match self.body() {
            [0xef, 0xbb, 0xbf, rest @ ..] => utf8_or_latin1(rest),
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).into(),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).into(),
            body @ [b'{' | b'[', 0, ..] => utf16(body, u16::from_le_bytes).into(),
            body @ [0, b'{' | b'[', ..] => utf16(body, u16::from_be_bytes).into(),
            body => utf8_or_latin1(body),
        }
    }

    /// The body as a JSON object or list. JSON shows its own end, so this does not ask whether the transfer
    /// was [complete](Self::is_complete). `None` for anything else, and for an object that gives one key two
    /// different values.
    pub fn json(&self) -> Option<Value> {
        let Document(value) = parse(&self.text())?;
        Some(value)
    }

    /// The same as a type of the caller's.
    pub fn json_as<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.json()?).ok()
    }
}

/// Parses an object or a list, and tries once more without what strict parsers stumble over: control
/// characters and halves of surrogate pairs inside strings.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| {
        let repaired = zeroize::Zeroizing::new(repaired(text)?);
        serde_json::from_str(&repaired).ok()
    })
}

fn utf8_or_latin1(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(2 * bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    text.into()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

// `None` where there is nothing to repair.
fn repaired(text: &str) -> Option<String> {
    let mut repaired = String::with_capacity(text.len());
    let (mut rest, mut changed) = (text, false);
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '\\' => match surrogate(rest) {
                // The first half with its second is good as it is.
                Some(0xd800..0xdc00) if matches!(surrogate(&rest[6..]), Some(0xdc00..0xe000)) => 12,
                Some(_) => {
                    repaired.push_str("\\ufffd");
                    (rest, changed) = (&rest[6..], true);
                    continue;
                }
                // An escape is two characters, so that `\\` hides what follows it.
                None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            },
            control if control < ' ' => {
                repaired.push(' ');
                (rest, changed) = (&rest[1..], true);
                continue;
            }
            other => other.len_utf8(),
        };
        repaired.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    changed.then_some(repaired)
}

// The surrogate that an escape at the start of this text stands for.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let unit = u32::from_str_radix(digits, 16).ok()?;
    (0xd800..0xe000).contains(&unit).then_some(unit)
}

/// A JSON value in which no object contradicts itself.
struct Document(Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Document(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Document(value))) = entries.next_entry::<String, _>()? {
            if object.get(&key).is_some_and(|known| *known != value) {
                return Err(A::Error::custom("one key has two values"));
            }
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn answer(body: impl Into<bytes::Bytes>) -> Answer {
        Answer::new(StatusCode::OK).with_body(body)
    }

    #[test]
    fn what_other_clients_read_is_read() {
        let utf16 = |order: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            let text = format!("{mark}{{\"a\":\"é\"}}");
            text.encode_utf16().flat_map(order).collect()
        };
        for (body, value) in [
            (&b"\xef\xbb\xbf{\"a\":1}"[..], json!({"a": 1})),
            (b"\xef\xbb\xbf \r\n[1]", json!([1])),
            (b"{\"a\":\"Contrase\xf1a\"}", json!({"a": "Contraseña"})),
            // Each run of bytes by itself: a stray byte spoils no text around it.
            (b"{\"a\":\"\xc3\xa9 \xf1\"}", json!({"a": "é ñ"})),
            (b"{\"a\":\"two\nlines\ttab\"}", json!({"a": "two lines tab"})),
            (b"{\"a\":\"cut \\ud83d\"}", json!({"a": "cut \u{fffd}"})),
            (
                b"{\"a\":\"\\\\ud83d \\ud83d\\ude00 \x01\"}",
                json!({"a": "\\ud83d \u{1F600}  "}),
            ),
            (b"{\"a\":1}\r\n\0\0", json!({"a": 1})),
            (b"{\"a\":1,\"a\":1}", json!({"a": 1})),
            (&utf16(u16::to_le_bytes, "\u{feff}"), json!({"a": "é"})),
            (&utf16(u16::to_be_bytes, "\u{feff}"), json!({"a": "é"})),
            (&utf16(u16::to_le_bytes, ""), json!({"a": "é"})),
            (&utf16(u16::to_be_bytes, ""), json!({"a": "é"})),
        ] {
            let body = bytes::Bytes::copy_from_slice(body);
            assert_eq!(answer(body.clone()).json(), Some(value), "{body:?}");
        }
    }

    #[test]
    fn json_that_ends_is_whole_although_its_transfer_was_cut() {
        let cut = |body: &'static str| answer(body).cut().json();
        assert_eq!(cut(r#"{"code":300}"#), Some(json!({"code": 300})));
        assert_eq!(cut(r#"{"code":300"#), None);
        assert_eq!(cut(r#"{"message":"\ud83d"#), None);
        assert_eq!(cut("30"), None);
    }

    #[test]
    fn nothing_else_is_taken_for_json() {
        for body in [
            "",
            "<html>",
            "\"text\"",
            "true",
            "{}{}",
            "{} <html>",
            "{'a':1}",
            r#"{"succeeded":false,"succeeded":true}"#,
            r#"[{"a":{"b":1,"b":null}}]"#,
            "{\"a\":\"\\",
            "\u{fffe}{}",
        ] {
            assert_eq!(answer(body).json(), None, "{body}");
        }
        assert_eq!(answer(r#"{"a":7}"#).json_as::<Vec<u8>>(), None);
    }
}
