//! A provider's answer as text, so that a seed can be read and written by hand.
//!
//! ```text
//! 429 cut
//! retry-after: 12
//!
//! {"code":429}
//! ```

use http::HeaderName;
use repass_transport::{HeaderMap, HeaderValue, Response, StatusCode};

/// The response that these bytes stand for; all bytes stand for one. Behind the status may stand `cut`
/// (the body broke off) and `doubt` (an earlier sending may have been acted on).
pub(super) fn parse(data: &[u8]) -> Response {
    let (first, mut rest) = line(data);
    let mut headers = HeaderMap::new();
    loop {
        let (header, after) = line(rest);
        rest = after;
        if header.is_empty() {
            break;
        }
        let mut halves = header.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(halves.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let first = String::from_utf8_lossy(first);
    let answer = response(status(&first), headers, rest);
    let answer = if first.contains("cut") {
        answer.cut()
    } else {
        answer
    };
    if first.contains("doubt") {
        answer.in_doubt()
    } else {
        answer
    }
}

/// A response as it can come over the wire: some have no body.
pub fn response(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Response {
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_body { body } else { b"" };
    Response::new(status)
        .with_headers(headers)
        .with_body(body.to_vec())
}

fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}

// Anything else is there becomes a final status as well, so that no input is wasted.
fn status(text: &str) -> StatusCode {
    let number = text.split_whitespace().next().and_then(|word| word.parse().ok());
    let number: u16 = number.unwrap_or_default();
    let number = if (200..600).contains(&number) {
        number
    } else {
        200 + number % 400
    };
    StatusCode::from_u16(number).unwrap()
}
