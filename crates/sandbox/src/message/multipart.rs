//! `multipart/form-data` as any client writes it (RFC 7578).
//!
//! A library is not used because the common ones insist on CR LF, while providers take bare LF; and because a
//! password must arrive byte for byte, whatever it holds.

use http::HeaderMap;

use super::content_type::{boundary, parameter};

/// The body is not the form which its content type announces.
#[derive(Debug)]
pub(crate) struct Malformed;

/// One part of a form.
#[derive(Debug)]
pub(crate) struct Part<'b> {
    pub(crate) name: Vec<u8>,
    pub(crate) value: &'b [u8],
}

/// Every part that has a name, in the order of the form.
pub(crate) fn parts<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<Vec<Part<'b>>, Malformed> {
    let boundary = boundary(headers)
        .filter(|boundary| !boundary.is_empty())
        .ok_or(Malformed)?;
    let delimiter = [b"--", boundary.as_slice()].concat();
    let (opening, mut rest) = opening_line(body, &delimiter)?;
    let mut parts = Vec::new();
    if opening == Delimiter::Last {
        return Ok(parts);
    }
    // The line end that a client puts after its first delimiter is the one it puts before the others. Taking
    // only that one keeps a value's own trailing CR in a form of bare LFs.
    let line_end: &[u8] = if opening == Delimiter::CrLf {
        b"\r\n"
    } else {
        b"\n"
    };
    let separator = [line_end, &delimiter].concat();
    loop {
        let (name, content) = part_head(rest)?;
        let (value, kind, after) = until_delimiter(content, line_end, &separator).ok_or(Malformed)?;
        parts.extend(name.map(|name| Part { name, value }));
        if kind == Delimiter::Last {
            return Ok(parts);
        }
        rest = after;
    }
}

/// How a delimiter's line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    CrLf,
    Lf,
    Last,
}

/// What follows a delimiter; `None` when these bytes only look like one.
fn delimiter_end(after: &[u8]) -> Option<(Delimiter, &[u8])> {
    if let Some(rest) = after.strip_prefix(b"--") {
        return Some((Delimiter::Last, rest));
    }
    let padding = after
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let after = &after[padding..];
    if let Some(rest) = after.strip_prefix(b"\r\n") {
        return Some((Delimiter::CrLf, rest));
    }
    after.strip_prefix(b"\n").map(|rest| (Delimiter::Lf, rest))
}

/// Skips a preamble up to and with the first delimiter, which starts a line.
fn opening_line<'b>(body: &'b [u8], delimiter: &[u8]) -> Result<(Delimiter, &'b [u8]), Malformed> {
    let mut line = body;
    loop {
        if let Some(end) = line.strip_prefix(delimiter).and_then(delimiter_end) {
            return Ok(end);
        }
        let line_feed = line.iter().position(|byte| *byte == b'\n').ok_or(Malformed)?;
        line = &line[line_feed + 1..];
    }
}

/// Reads a part's headers: its name, and its content with all that follows.
fn part_head(part: &[u8]) -> Result<(Option<Vec<u8>>, &[u8]), Malformed> {
    let mut name = None;
    let mut rest = part;
    loop {
        let line_feed = rest.iter().position(|byte| *byte == b'\n').ok_or(Malformed)?;
        let line = rest[..line_feed]
            .strip_suffix(b"\r")
            .unwrap_or(&rest[..line_feed]);
        rest = &rest[line_feed + 1..];
        if line.is_empty() {
            return Ok((name, rest));
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Malformed)?;
        if line[..colon]
            .trim_ascii()
            .eq_ignore_ascii_case(b"content-disposition")
        {
            name = parameter(&line[colon + 1..], "name");
        }
    }
}

/// Splits a part's content from the delimiter behind it.
fn until_delimiter<'b>(
    content: &'b [u8],
    line_end: &[u8],
    separator: &[u8],
) -> Option<(&'b [u8], Delimiter, &'b [u8])> {
    // An empty part may run straight into its delimiter: the blank line's end is the one before it.
    if let Some((kind, after)) = content
        .strip_prefix(&separator[line_end.len()..])
        .and_then(delimiter_end)
    {
        return Some((&[], kind, after));
    }
    let mut from = 0;
    loop {
        let at = from
            + content[from..]
                .windows(separator.len())
                .position(|window| window == separator)?;
        if let Some((kind, after)) = delimiter_end(&content[at + separator.len()..]) {
            return Some((&content[..at], kind, after));
        }
        from = at + 1;
    }
}
