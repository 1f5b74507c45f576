//! Durations as people write them: `30s`, `500ms`, `2m`.

use std::time::Duration;

/// The texts that [`parse`] reads, as a regular expression.
pub(super) const PATTERN: &str = "^[0-9]+(ms|s|m|h)$";

/// Parses a duration such as `500ms`, `30s`, `2m` or `1h`: a whole number and its unit. For clap and other readers of
/// text.
///
/// # Errors
/// What a duration looks like; never quotes the text.
///
/// ```
/// use std::time::Duration;
/// use repass::config::parse_duration;
///
/// assert_eq!(parse_duration("1500ms"), Ok(Duration::from_millis(1500)));
/// assert!(parse_duration("30").is_err());
/// ```
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "must be a duration such as `500ms`, `30s` or `2m`";

    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        _ => return Err(FORM),
    };
    let number: u64 = number.parse().map_err(|_| FORM)?;
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or("is longer than can be counted")
}

/// The same the other way round, for showing it.
pub(super) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("1ms", 1),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(text), Ok(duration), "{text}");
            assert_eq!(parse(&show(duration)), Ok(duration), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "",
            "s",
            "30",
            "-1s",
            "1.5s",
            " 1s",
            "1 s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
