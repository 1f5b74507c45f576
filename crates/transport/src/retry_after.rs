//! When the server says to come back.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::Response;
use crate::timestamp::parse;

/// No server is believed for longer than a month.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Reads from a response how long the server asks to wait, from `Retry-After` or a similar header. The value may be
/// seconds to go, which may have a fraction, a duration such as `1m30s`, seconds or milliseconds since 1970, an HTTP
/// date in any of its three forms or as JavaScript writes it, or an ISO 8601 instant. `None` if no header can be read.
/// An instant that has passed means: now.
///
/// Instants are measured against the response's own `Date`, so that two clocks need not agree; `now` stands in
/// where there is none.
pub fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    const NAMES: [&str; 7] = [
        "retry-after",
        "x-retry-after",
        "x-ratelimit-reset",
        "ratelimit-reset",
        "x-rate-limit-reset",
        "x-ratelimit-reset-after",
        "x-rate-limit-retry-after-seconds",
    ];
    let header = |name| response.header(name).map(str::trim);
    let there = header("date").and_then(parse);
    let there = there.or_else(|| Timestamp::try_from(now).ok())?;
    let named = NAMES.into_iter().find_map(|name| delay(header(name)?, there));
    let named = named.or_else(|| rate_limit(header("ratelimit")?));
    named.or_else(|| {
        // Zoom's daily limits end at midnight (documented); the header comes without an instant too (outcome).
        let daily = header("x-ratelimit-type")?.to_ascii_lowercase().contains("daily");
        if daily { until_midnight(there) } else { None }
    })
}

// The header of the IETF's drafts: `"default";r=0;t=60`, and in earlier ones `limit=10, remaining=0, reset=60`. Of
// several policies those count that have nothing left.
fn rate_limit(text: &str) -> Option<Duration> {
    let seconds = text.split(',').filter_map(|policy| {
        let value = |name: &str| {
            let mut parameters = policy.split(';').filter_map(|part| part.trim().split_once('='));
            parameters
                .find(|(known, _)| *known == name)?
                .1
                .parse::<u64>()
                .ok()
        };
        let left = value("r").unwrap_or(0);
        value("reset").or(value("t")).filter(|_| left == 0)
    });
    seconds
        .max()
        .map(Duration::from_secs)
        .map(|delay| delay.min(LONGEST))
}

fn delay(text: &str, now: Timestamp) -> Option<Duration> {
    // Later than any delay that is meant, and long past as an instant.
    const LONGEST_DELAY: f64 = 1e9;
    const LONGEST_SECONDS: f64 = 1e11;
    // A proxy joins a header that comes twice.
    if text.contains(',') && text.bytes().all(|byte| b"0123456789., ".contains(&byte)) {
        return text.split(',').filter_map(|part| delay(part.trim(), now)).max();
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let number: f64 = text.parse().ok()?;
        let seconds = if number < LONGEST_DELAY {
            number
        } else if number < LONGEST_SECONDS {
            number - now.as_duration().as_secs_f64()
        } else {
            number / 1000.0 - now.as_duration().as_secs_f64()
        };
        return Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64())));
    }
    // Such as 60s and 1m30s.
    if let Ok(delay) = text.parse::<SignedDuration>() {
        return Some(Duration::try_from(delay).unwrap_or(Duration::ZERO).min(LONGEST));
    }
    let until = parse(text)?.duration_since(now);
    Some(Duration::try_from(until).unwrap_or(Duration::ZERO).min(LONGEST))
}

fn until_midnight(now: Timestamp) -> Option<Duration> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let midnight = today.checked_add(1.day()).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Duration::try_from(midnight.timestamp().duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    // 2015-10-21, 07:26:30.
    const NOW: Duration = Duration::from_secs(1_445_412_480 - 90);

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let response = Response::new(StatusCode::TOO_MANY_REQUESTS);
        let response = headers.iter().fold(response, |response, (name, value)| {
            response.with_header(name, value)
        });
        retry_after(&response, SystemTime::UNIX_EPOCH + NOW)
    }

    #[test]
    fn retry_after_of_every_form_is_read() {
        let ninety = Some(Duration::from_secs(90));
        for (name, value) in [
            ("retry-after", "90"),
            ("retry-after", " 90 "),
            ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ("retry-after", "Wednesday, 21-Oct-15 07:28:00 GMT"),
            ("retry-after", "Wed, 21-Oct-2015 07:28:00 GMT"),
            ("retry-after", "Wed Oct 21 07:28:00 2015"),
            ("retry-after", "Wed, 21 Oct 2015 07:28:00 UTC"),
            ("retry-after", "Wed, 21 Oct 2015 09:28:00 +0200"),
            ("retry-after", "2015-10-21T07:28:00Z"),
            ("retry-after", "2015-10-21T09:28:00+02:00"),
            ("retry-after", "2015-10-21T07:28:00"),
            ("retry-after", "2015-10-21 07:28:00"),
            ("retry-after", "1445412480"),
            ("x-ratelimit-reset", "90"),
            ("x-ratelimit-reset", "90.0"),
            ("x-ratelimit-reset", "1445412480"),
            ("x-ratelimit-reset", "1445412480000"),
            ("x-ratelimit-reset", "2015-10-21T07:28:00Z"),
            ("ratelimit-reset", "90"),
            ("x-rate-limit-reset", "90"),
            ("x-ratelimit-reset-after", "90"),
            ("x-rate-limit-retry-after-seconds", "90"),
            ("retry-after", "90, 90"),
            ("retry-after", "60,90"),
            ("x-ratelimit-reset", "1445412480, 1445412480"),
            ("retry-after", "90s"),
            ("x-ratelimit-reset", "1m30s"),
            ("retry-after", "2015-10-21 07:28:00 UTC"),
            (
                "retry-after",
                "Wed Oct 21 2015 07:28:00 GMT+0000 (Coordinated Universal Time)",
            ),
            ("ratelimit", "\"default\";r=0;t=90"),
            ("ratelimit", "\"burst\";r=0;t=90, \"daily\";r=900;t=86400"),
            ("ratelimit", "limit=10, remaining=0, reset=90"),
        ] {
            assert_eq!(wait(&[(name, value)]), ninety, "{name}: {value}");
        }
        let passed = [
            "0",
            "2015-10-21T07:00:00Z",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ];
        for value in passed {
            assert_eq!(wait(&[("retry-after", value)]), Some(Duration::ZERO), "{value}");
        }
        assert_eq!(
            wait(&[("retry-after", "299.997")]),
            Some(Duration::from_millis(299_997))
        );
        assert_eq!(wait(&[("retry-after", "9999999999999999999")]), Some(LONGEST));
        for value in [
            "soon",
            "-1",
            "",
            "1e9",
            "1.2.3",
            ".",
            "GMT",
            "Wed, ",
            "in 5 minutes",
            "NaN",
            "inf",
        ] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value}");
        }
        let both = [("retry-after", "soon"), ("x-ratelimit-reset", "90")];
        assert_eq!(wait(&both), ninety);
    }

    #[test]
    fn retry_after_instant_is_relative_to_the_servers_clock() {
        let ninety = Some(Duration::from_secs(90));
        for date in ["Fri, 27 Nov 2026 00:18:30 GMT", "Friday, 27-Nov-26 00:18:30 GMT"] {
            for until in [
                "Friday, 27-Nov-26 00:20:00 GMT",
                "2026-11-27T00:20:00Z",
                "1795738800",
            ] {
                assert_eq!(wait(&[("date", date), ("retry-after", until)]), ninety, "{until}");
            }
        }
        assert_eq!(
            wait(&[("date", "yesterday"), ("retry-after", "1445412480")]),
            ninety
        );
        assert_eq!(
            wait(&[("date", "Fri, 27 Nov 2026 00:18:30 GMT"), ("retry-after", "90")]),
            ninety
        );
    }

    #[test]
    fn retry_after_daily_limit_ends_at_midnight() {
        let midnight = Some(Duration::from_secs(16 * 3600 + 33 * 60 + 30));
        assert_eq!(wait(&[("x-ratelimit-type", "Daily-limit")]), midnight);
        assert_eq!(wait(&[("x-ratelimit-type", "QPS")]), None);
        let headers = [
            ("x-ratelimit-type", "Daily-limit"),
            ("retry-after", "2015-10-21T07:28:00Z"),
        ];
        assert_eq!(wait(&headers), Some(Duration::from_secs(90)));
    }
}
