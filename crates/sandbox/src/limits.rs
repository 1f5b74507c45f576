//! Rate limits: counting, and saying when to come back.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;

use crate::options::RetryAfter;

/// Counts the requests of each kind in a window that slides with the clock.
#[derive(Debug, Default)]
pub(crate) struct SlidingWindows(HashMap<&'static str, VecDeque<Duration>>);

impl SlidingWindows {
    /// Lets a request in when fewer than `limit` were within `span` before it; else says how long until one
    /// can be. A request that is not let in does not count.
    pub(crate) fn admit(
        &mut self,
        kind: &'static str,
        now: Duration,
        span: Duration,
        limit: usize,
    ) -> Result<(), Duration> {
        let hits = self.0.entry(kind).or_default();
        while hits.front().is_some_and(|hit| *hit + span <= now) {
            hits.pop_front();
        }
        if hits.len() < limit {
            hits.push_back(now);
            return Ok(());
        }
        Err(hits
            .front()
            .map_or(span, |oldest| (*oldest + span).saturating_sub(now)))
    }
}

/// Counts requests by day of the world clock.
#[derive(Debug, Default)]
pub(crate) struct DailyCounts(HashMap<&'static str, (i64, usize)>);

const DAY: i64 = 86_400;

impl DailyCounts {
    /// Lets a request in when fewer than `limit` were before it on the same day (UTC); else says when the next
    /// day begins.
    pub(crate) fn admit(
        &mut self,
        kind: &'static str,
        now: Timestamp,
        limit: usize,
    ) -> Result<(), Timestamp> {
        let today = now.as_second().div_euclid(DAY);
        let (day, count) = self.0.entry(kind).or_default();
        if *day != today {
            (*day, *count) = (today, 0);
        }
        if *count < limit {
            *count += 1;
            return Ok(());
        }
        Err(Timestamp::from_second((today + 1) * DAY).unwrap_or(Timestamp::MAX))
    }
}

/// Says when to come back, never too early: parts of a second are rounded up.
pub(crate) fn put_retry_after(headers: &mut HeaderMap, form: RetryAfter, now: Timestamp, wait: Duration) {
    let at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    let (name, value) = match form {
        RetryAfter::None => return,
        RetryAfter::Seconds => {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            (RETRY_AFTER, seconds.to_string())
        }
        RetryAfter::HttpDate => (RETRY_AFTER, at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        RetryAfter::Iso => (RETRY_AFTER, at.to_string()),
        RetryAfter::XRatelimitReset => (HeaderName::from_static("x-ratelimit-reset"), second.to_string()),
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliding_window_never_exceeds_the_limit() {
        let mut windows = SlidingWindows::default();
        let mut at = |ms| windows.admit("x", Duration::from_millis(ms), Duration::from_secs(1), 2);
        assert_eq!(at(0), Ok(()));
        assert_eq!(at(900), Ok(()));
        assert_eq!(at(999), Err(Duration::from_millis(1)));
        assert_eq!(at(1000), Ok(()));
        assert_eq!(at(1001), Err(Duration::from_millis(899)));
        assert_eq!(at(1900), Ok(()));
    }

    #[test]
    fn daily_count_resets_at_midnight() {
        let mut days = DailyCounts::default();
        let mut at = |text: &str| days.admit("x", text.parse().unwrap(), 1);
        let midnight: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        assert_eq!(at("2026-03-01T00:00:00Z"), Ok(()));
        assert_eq!(at("2026-03-01T23:59:59.9Z"), Err(midnight));
        assert_eq!(at("2026-03-02T00:00:00Z"), Ok(()));
    }

    #[test]
    fn retry_after_is_rounded_up_in_every_format() {
        let now: Timestamp = "2026-03-01T10:00:00.4Z".parse().unwrap();
        let rows = [
            (RetryAfter::Seconds, "retry-after", "2"),
            (
                RetryAfter::HttpDate,
                "retry-after",
                "Sun, 01 Mar 2026 10:00:02 GMT",
            ),
            (RetryAfter::Iso, "retry-after", "2026-03-01T10:00:02Z"),
            (RetryAfter::XRatelimitReset, "x-ratelimit-reset", "1772359202"),
        ];
        for (form, name, value) in rows {
            let mut headers = HeaderMap::new();
            put_retry_after(&mut headers, form, now, Duration::from_millis(1500));
            assert_eq!(headers.get(name).unwrap(), value, "{form}");
            assert_eq!(headers.len(), 1);
        }
        let mut headers = HeaderMap::new();
        put_retry_after(&mut headers, RetryAfter::None, now, Duration::from_secs(1));
        assert!(headers.is_empty());
    }
}
