//! Request bodies that hold secrets.

use std::fmt;
use std::io::{self, Write};

use bytes::Bytes;
use http::HeaderValue;
use rand::RngExt as _;
use serde::Serialize;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// A request body that may hold secrets, and is wiped when its last user drops it. It is encoded once into a buffer
/// of exactly its size, so that no outgrown copy stays behind, and cloning shares the buffer.
#[derive(Clone)]
pub struct SecretBody {
    content_type: HeaderValue,
    bytes: Bytes,
}

// The longest block that a cipher suite has.
const BLANKS: &[u8] = &[b' '; 64];

impl SecretBody {
    /// Encodes a value as `application/json`, with blanks behind it. Ciphers leave the last block of a TLS record on
    /// the stack, so no secret may stand in it.
    ///
    /// # Panics
    /// If the value cannot be JSON (a map with keys that are no text); no request type is like that.
    pub fn json(value: &impl Serialize) -> Self {
        let mut size = Counter(0);
        let written = serde_json::to_writer(&mut size, value);
        let mut buffer = Zeroizing::new(Vec::with_capacity(size.0 + BLANKS.len()));
        let written = written.and_then(|()| serde_json::to_writer(&mut *buffer, value));
        buffer.extend_from_slice(BLANKS);
        assert!(written.is_ok(), "a request type serialises to JSON");
        Self::exact(HeaderValue::from_static("application/json"), buffer)
    }

    /// Encodes named texts as `multipart/form-data`, byte for byte. Unlike form encoders for browsers and shells it
    /// changes no line end, quote or leading `@`. Names are the provider's field names.
    #[expect(clippy::missing_panics_doc, reason = "the boundary is ASCII")]
    pub fn multipart(fields: &[(&str, &str)]) -> Self {
        const TYPE: &str = "multipart/form-data; boundary=";
        const HEAD: &str = "\r\nContent-Disposition: form-data; name=\"";
        let mut content_type = String::with_capacity(TYPE.len() + BOUNDARY_LENGTH);
        let is_ambiguous = |boundary: &str| fields.iter().any(|(_, value)| value.contains(boundary));
        while content_type.is_empty() || is_ambiguous(&content_type[TYPE.len()..]) {
            content_type.clear();
            content_type.push_str(TYPE);
            push_boundary(&mut content_type);
        }
        let boundary = &content_type[TYPE.len()..];
        let each = |name: &str, value: &str| {
            let fixed = "--".len() + BOUNDARY_LENGTH + HEAD.len() + "\"\r\n\r\n".len() + "\r\n".len();
            fixed + name.len() + value.len()
        };
        let parts: usize = fields.iter().map(|(name, value)| each(name, value)).sum();
        let size = parts + "--".len() + BOUNDARY_LENGTH + "--\r\n".len();
        let mut buffer = Zeroizing::new(Vec::with_capacity(size));
        for (name, value) in fields {
            for piece in ["--", boundary, HEAD, name, "\"\r\n\r\n", value, "\r\n"] {
                buffer.extend_from_slice(piece.as_bytes());
            }
        }
        for piece in ["--", boundary, "--\r\n"] {
            buffer.extend_from_slice(piece.as_bytes());
        }
        let content_type = HeaderValue::try_from(content_type);
        Self::exact(content_type.expect("the boundary is ASCII"), buffer)
    }

    /// Encodes named texts as `application/x-www-form-urlencoded`.
    pub fn form(fields: &[(&str, &str)]) -> Self {
        let mut pieces = Vec::with_capacity(fields.len() * 4);
        for (name, value) in fields {
            pieces.push(if pieces.is_empty() { "" } else { "&" });
            pieces.extend(byte_serialize(name.as_bytes()));
            pieces.push("=");
            pieces.extend(byte_serialize(value.as_bytes()));
        }
        Self::exact(
            HeaderValue::from_static("application/x-www-form-urlencoded"),
            joined(&pieces),
        )
    }

    fn exact(content_type: HeaderValue, buffer: Zeroizing<Vec<u8>>) -> Self {
        debug_assert_eq!(buffer.len(), buffer.capacity(), "the buffer never grew");
        Self {
            content_type,
            bytes: Bytes::from_owner(buffer),
        }
    }

    /// The value of the `Content-Type` header for this body.
    pub fn content_type(&self) -> &str {
        self.content_type.to_str().unwrap_or_default()
    }

    pub(crate) fn content_type_header(&self) -> &HeaderValue {
        &self.content_type
    }

    /// The encoded body, shared: for sending, and for tests of what would be sent.
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl fmt::Debug for SecretBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBody([REDACTED] {} bytes)", self.bytes.len())
    }
}

fn joined(pieces: &[&str]) -> Zeroizing<Vec<u8>> {
    let mut buffer = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    for piece in pieces {
        buffer.extend_from_slice(piece.as_bytes());
    }
    buffer
}

const BOUNDARY_LENGTH: usize = "repass-".len() + RANDOM_LETTERS;
// Of four random bits each.
const RANDOM_LETTERS: usize = 24;

fn push_boundary(text: &mut String) {
    text.push_str("repass-");
    let mut letters = [0; RANDOM_LETTERS];
    rand::rng().fill(&mut letters);
    for letter in &mut letters {
        *letter = b'a' + *letter % 16;
    }
    text.push_str(&String::from_utf8_lossy(&letters));
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_body_reads_back_and_never_grows() {
        let value = serde_json::json!({"password": "a\"b\\c\r\né\u{1F600}"});
        let body = SecretBody::json(&value);
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&body.bytes()).unwrap(),
            value
        );
        assert_eq!(body.content_type(), "application/json");
    }

    #[test]
    fn multipart_body_keeps_every_byte() {
        let nasty = "@x;type=y\"\\\r\n--\r\né";
        let body = SecretBody::multipart(&[("password", nasty), ("b", "2")]);
        let boundary = body
            .content_type()
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{nasty}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--{boundary}--\r\n"
        );
        assert_eq!(body.bytes(), expected.as_bytes());
    }

    #[test]
    fn form_body_reads_back() {
        let fields = [("scope", "PM.User.Write x"), ("secret", "a&b=c+%é")];
        let body = SecretBody::form(&fields);
        let read: Vec<_> = url::form_urlencoded::parse(&body.bytes()).into_owned().collect();
        assert_eq!(
            read,
            fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn body_debug_is_redacted() {
        let body = SecretBody::json(&"canary-1");
        assert_eq!(format!("{body:?}"), "SecretBody([REDACTED] 74 bytes)");
    }
}
