//! JSON as it stands in a response: read as leniently as the provider's other clients read it, and
//! without losing what contradicts itself. The one place where a body becomes a value, so that no
//! reader is stricter than another.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};

use serde::ser::{Serialize, Serializer};

use crate::Response;

impl Response {
    /// Returns the body as text, without a byte order mark. Bytes that are not UTF-8 are read as Latin-1, which is
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

    /// Returns the body as a JSON object or list, or `None` for anything else. JSON shows its own end, so this does
    /// not ask whether the transfer was [complete](Self::is_complete).
    pub fn json(&self) -> Option<&Json> {
        let json = self.json.get_or_init(|| Json::read(&self.text()));
        json.as_ref()
    }

    /// Returns the body as any JSON value, also a bare number, text, `true`, `false` or `null`. Cut JSON of these
    /// kinds looks whole, so the response must be [complete](Self::is_complete) for them.
    pub fn json_value(&self) -> Option<Json> {
        let text = self.text();
        Json::read(&text).or_else(|| Json::read_value(&text).filter(|_| self.is_complete()))
    }

    /// Returns the body as JSON of the caller's type `T`. An object that repeats one of the type's fields is none.
    pub fn json_as<T: DeserializeOwned>(&self) -> Option<T> {
        parse(&self.text())
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

/// A JSON value of a response, in which an object keeps members with repeated names. Unlike `serde_json::Value` an
/// object keeps every member, also those whose names repeat, so that a body that says one thing and its opposite can
/// be seen through. `Debug` shows no texts: providers echo what they were sent.
#[derive(Clone, PartialEq)]
pub enum Json {
    /// The JSON value `null`.
    Null,
    /// A JSON `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// A JSON string.
    Text(String),
    /// A JSON list.
    List(Vec<Json>),
    /// An object, with its members in the order of the response.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a text as exactly one JSON object or list, or returns `None`.
    ///
    /// ```
    /// use repass_transport::Json;
    ///
    /// let json = Json::read(r#"{"Code": "1001", "message": "no"}"#).unwrap();
    /// assert_eq!(json.get("code").and_then(Json::as_integer), Some(1001));
    /// assert_eq!(json.text("message"), Some("no"));
    /// assert!(Json::read("<html>").is_none());
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        parse(text)
    }

    /// Parses a text as any one JSON value, or returns `None`.
    ///
    /// ```
    /// use repass_transport::Json;
    ///
    /// assert_eq!(Json::read_value("0").and_then(|it| it.as_integer()), Some(0));
    /// assert!(Json::read_value("<html>").is_none());
    /// ```
    pub fn read_value(text: &str) -> Option<Self> {
        Self::read(text).or_else(|| serde_json::from_str(text.trim()).ok())
    }

    /// Returns an object's first member of this name, in any letter case: providers write `camelCase` and
    /// `PascalCase` (outcome).
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.all(name).next()
    }

    /// Returns every member of this name of an object, in any letter case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        let named = self
            .members()
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value)
    }

    /// The members of an object; none of any other value.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of any other value.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of an object's first member of this name, unless it is empty or not a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text().filter(|text| !text.is_empty())
    }

    /// The value as a string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as `true` or `false`, if it is one of them.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value as an integer, from a number or a text of digits.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Formats the value for people: a text as it is, a list of texts one after the other, anything else as JSON.
    pub fn plain(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(items) => items.iter().map(Self::plain).collect::<Vec<_>>().join(" "),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.plain()));
                members.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Bool(_) => "Bool(..)",
            Self::Number(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
            Self::List(_) => "List(..)",
            Self::Object(_) => "Object(..)",
        })
    }
}

/// Written as it was read.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    impl From<serde_json::Value> for Json {
        fn from(value: serde_json::Value) -> Self {
            serde_json::from_value(value).unwrap()
        }
    }

    fn response(body: impl Into<bytes::Bytes>) -> Response {
        Response::new(StatusCode::OK).with_body(body)
    }

    #[test]
    fn json_lenient_forms_are_read() {
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
            (&utf16(u16::to_le_bytes, "\u{feff}"), json!({"a": "é"})),
            (&utf16(u16::to_be_bytes, "\u{feff}"), json!({"a": "é"})),
            (&utf16(u16::to_le_bytes, ""), json!({"a": "é"})),
            (&utf16(u16::to_be_bytes, ""), json!({"a": "é"})),
        ] {
            let body = bytes::Bytes::copy_from_slice(body);
            assert_eq!(response(body.clone()).json(), Some(&value.into()), "{body:?}");
        }
    }

    #[test]
    fn json_complete_value_in_a_cut_body_is_read() {
        let cut = |body: &'static str| response(body).cut().json().cloned();
        assert_eq!(cut(r#"{"code":300}"#), Some(json!({"code": 300}).into()));
        assert_eq!(cut(r#"{"code":300"#), None);
        assert_eq!(cut(r#"{"message":"\ud83d"#), None);
        assert_eq!(cut("30"), None);
    }

    #[test]
    fn json_other_text_is_rejected() {
        for body in [
            "",
            "<html>",
            "\"text\"",
            "true",
            "{}{}",
            "{} <html>",
            "{'a':1}",
            "{\"a\":\"\\",
            "\u{fffe}{}",
        ] {
            assert_eq!(response(body).json(), None, "{body}");
        }
        assert_eq!(response(r#"{"a":7}"#).json_as::<Vec<u8>>(), None);
    }

    #[test]
    fn json_repeated_name_keeps_both_members() {
        let response = response(r#"{"succeeded":true,"Succeeded":false,"succeeded":null}"#);
        let json = response.json().unwrap();
        let values: Vec<_> = json.all("succeeded").map(Json::as_bool).collect();
        assert_eq!(values, [Some(true), Some(false), None]);
    }

    #[test]
    fn json_integer_is_read_from_number_and_text() {
        let response = response(r#"{"a":7,"b":" 7 ","c":7.5,"d":"seven"}"#);
        let json = response.json().unwrap();
        let integer = |name| json.get(name).and_then(Json::as_integer);
        assert_eq!(
            [integer("a"), integer("b"), integer("c"), integer("d")],
            [Some(7), Some(7), None, None]
        );
    }

    #[test]
    fn json_debug_is_redacted() {
        let response = response(r#"["Canary-Passw0rd"]"#);
        let json = response.json().unwrap();
        assert!(!format!("{json:?}").contains("Canary"));
    }
}
