//! `Content-Type` and `Content-Disposition` values: a word and its parameters.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The media type of a request in lower case, without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// The `multipart` boundary of a request, quoted or bare.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<Vec<u8>> {
    parameter(headers.get(CONTENT_TYPE)?.as_bytes(), "boundary")
}

/// A parameter's value: bare up to the next `;`, or quoted with backslash escapes. The name's case does not
/// matter.
pub(crate) fn parameter(value: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut rest = value;
    loop {
        rest = after_semicolon(rest)?;
        let equals = rest.iter().position(|byte| matches!(byte, b'=' | b';'))?;
        if rest[equals] == b';' {
            continue;
        }
        let key = rest[..equals].trim_ascii();
        let (text, after) = parameter_value(rest[equals + 1..].trim_ascii_start());
        if key.eq_ignore_ascii_case(name.as_bytes()) {
            return Some(text);
        }
        rest = after;
    }
}

fn after_semicolon(text: &[u8]) -> Option<&[u8]> {
    let semicolon = text.iter().position(|byte| *byte == b';')?;
    Some(text[semicolon + 1..].trim_ascii_start())
}

fn parameter_value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return (text[..end].trim_ascii_end().to_vec(), &text[end..]);
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (value, &quoted[at + 1..]),
            b'\\' => value.extend(bytes.next().map(|(_, escaped)| *escaped)),
            _ => value.push(*byte),
        }
    }
    (value, &[])
}
