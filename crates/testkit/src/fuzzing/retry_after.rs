//! When a server says to come back.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use repass_transport::{HeaderMap, HeaderValue, Response, StatusCode, retry_after};

// 2026-01-01T00:00:00Z
const NOW: u64 = 1_767_225_600;
const MONTH: u64 = 31 * 86_400;

/// Fuzzes the headers of rate limits. The first line is `Retry-After`, the second `X-RateLimit-Reset`.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let [after, reset] = [lines.next(), lines.next()].map(Option::unwrap_or_default);
    let read = read(after, reset);
    if after.is_empty() && reset.is_empty() {
        assert_eq!(read, None);
    }
    if let Some(seconds) = std::str::from_utf8(after)
        .ok()
        .and_then(|text| text.parse::<u32>().ok())
    {
        every_form_reads_back(seconds);
    }
}

/// # Panics
/// If a law is broken.
pub fn read(after: &[u8], reset: &[u8]) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    for (name, value) in [("retry-after", after), ("x-ratelimit-reset", reset)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let answer = Response::new(StatusCode::TOO_MANY_REQUESTS).with_headers(headers);
    let read = retry_after(&answer, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
    assert!(read.is_none_or(|delay| delay.as_secs() <= MONTH), "{read:?}");
    read
}

/// As seconds, as an HTTP date, as an ISO 8601 instant, and as Unix time.
///
/// # Panics
/// If a law is broken.
pub fn every_form_reads_back(seconds: u32) {
    let delay = Some(Duration::from_secs(u64::from(seconds).min(MONTH)));
    let instant = Timestamp::from_second(NOW.cast_signed() + i64::from(seconds)).unwrap();
    let date = instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for after in [date, instant.to_string()] {
        assert_eq!(read(after.as_bytes(), b""), delay, "{after}");
    }
    // More seconds than that are since 1970.
    if seconds < 1_000_000_000 {
        let seconds = seconds.to_string();
        assert_eq!(read(seconds.as_bytes(), b""), delay, "{seconds}");
        assert_eq!(read(b"", seconds.as_bytes()), delay, "{seconds}");
    }
    let reset = instant.as_second().to_string();
    assert_eq!(read(b"", reset.as_bytes()), delay, "{reset}");
    assert_eq!(read(b"soon", reset.as_bytes()), delay, "{reset}");
}
