//! When the server says to come back.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::Answer;

/// Whatever a server says, it is asked again after a month.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// How long the server asks to wait: `Retry-After` in seconds, as an HTTP date or (Zoom's daily
/// limit) as an ISO 8601 instant, else `X-RateLimit-Reset` in seconds since 1970. `None` if it
/// says nothing that can be read. An instant that has passed means: now.
pub fn retry_after(answer: &Answer, now: SystemTime) -> Option<Duration> {
    let until = |instant: Timestamp| {
        SystemTime::from(instant)
            .duration_since(now)
            .unwrap_or(Duration::ZERO)
            .min(LONGEST)
    };
    if let Some(text) = answer.header("retry-after").map(str::trim) {
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds).min(LONGEST));
        }
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Some(until(instant));
        }
        if let Ok(zoned) = rfc2822::parse(text) {
            return Some(until(zoned.timestamp()));
        }
    }
    let reset = answer.header("x-ratelimit-reset")?.trim().parse::<i64>().ok()?;
    Timestamp::from_second(reset).ok().map(until)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480 - 90); // 07:26:30
        let delay = |name, value| {
            retry_after(
                &Answer::new(StatusCode::TOO_MANY_REQUESTS).with_header(name, value),
                now,
            )
        };
        let ninety = Some(Duration::from_secs(90));
        assert_eq!(delay("retry-after", "90"), ninety);
        assert_eq!(delay("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), ninety);
        assert_eq!(delay("retry-after", "2015-10-21T07:28:00Z"), ninety);
        assert_eq!(delay("x-ratelimit-reset", "1445412480"), ninety);
        assert_eq!(delay("retry-after", "2015-10-21T07:00:00Z"), Some(Duration::ZERO));
        assert_eq!(delay("retry-after", "9999999999999999999"), Some(LONGEST));
        for unreadable in ["soon", "-1", "", "1e9"] {
            assert_eq!(delay("retry-after", unreadable), None, "{unreadable}");
        }
    }
}
