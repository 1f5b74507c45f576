//! Instants as servers write them.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;

/// Parses an instant: ISO 8601, in UTC where it names no zone, an HTTP date in any of its three forms, or a date as
/// JavaScript writes it in UTC. `None` for anything else.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
/// assert_eq!(repass_transport::parse_timestamp("2015-10-21T09:28:00+02:00"), Some(expected));
/// assert_eq!(repass_transport::parse_timestamp("Wed, 21 Oct 2015 07:28:00 GMT"), Some(expected));
/// assert_eq!(repass_transport::parse_timestamp("soon"), None);
/// ```
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    parse(text).map(SystemTime::from)
}

pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    // As JavaScript writes a date: the zone's name says nothing new.
    let text = text.split_once(" (").map_or(text, |(date, _)| date);
    let text = text.strip_suffix("GMT+0000").unwrap_or(text).trim_end();
    // ISO 8601 with a zone, or without one, which is UTC then.
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if let Ok(time) = text.strip_suffix(" UTC").unwrap_or(text).parse::<DateTime>() {
        return utc(time);
    }
    if let Ok(zoned) = rfc2822::parse(text) {
        return Some(zoned.timestamp());
    }
    // RFC 9110, section 5.6.7: IMF-fixdate, RFC 850 and asctime. The weekday says nothing new.
    let (weekday, rest) = text.split_once([',', ' '])?;
    if weekday.is_empty() || !weekday.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let rest = rest.trim();
    let rest = ["GMT", "UTC", "Z"]
        .iter()
        .find_map(|zone| rest.strip_suffix(zone))
        .unwrap_or(rest)
        .trim_end();
    // Two digits first: four could be taken for a year long ago.
    [
        "%d %b %y %H:%M:%S",
        "%d %b %Y %H:%M:%S",
        "%d-%b-%y %H:%M:%S",
        "%d-%b-%Y %H:%M:%S",
        "%b %e %H:%M:%S %Y",
        "%b %d %Y %H:%M:%S",
    ]
    .into_iter()
    .find_map(|form| {
        strtime::parse(form, rest)
            .and_then(|time| time.to_datetime())
            .ok()
    })
    .and_then(utc)
}
