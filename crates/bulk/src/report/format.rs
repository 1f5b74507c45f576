//! How the HTML report formats values.

use std::fmt::{self, Display, Write as _};

use crate::RowStatus;

pub(super) fn words(outcome: RowStatus) -> &'static str {
    match outcome {
        RowStatus::Applied => "applied",
        RowStatus::NotApplied => "not applied",
        RowStatus::Unknown => "unknown",
        RowStatus::Pending => "not sent yet",
    }
}

pub(super) fn minute(moment: &str) -> String {
    let minute = moment.get(..16).unwrap_or(moment).replace('T', " ");
    format!("{minute} UTC")
}

/// Text with its markup escaped.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A count with thousands separators.
pub(super) struct Count(pub(super) u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// A share in percent, never rounded to 0 or 100 %.
pub(super) struct Share(pub(super) u64, pub(super) u64);

impl Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(part, whole) = *self;
        #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
        let share = if whole == 0 {
            0.0
        } else {
            part as f64 / whole as f64 * 100.0
        };
        match share {
            _ if part == 0 || part == whole => write!(f, "{share:.0} %"),
            ..0.1 => f.write_str("under 0.1 %"),
            99.9.. => f.write_str("over 99.9 %"),
            _ => write!(f, "{share:.1} %"),
        }
    }
}

/// A rate with useful precision.
pub(super) struct Number(pub(super) f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rate if rate >= 100.0 || rate.fract() == 0.0 => write!(f, "{rate:.0}"),
            rate if rate >= 1.0 => write!(f, "{rate:.1}"),
            rate => write!(f, "{rate:.2}"),
        }
    }
}

/// A duration in milliseconds, for people.
pub(super) struct Span(pub(super) i64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        match seconds {
            ..10 => write!(f, "{}.{} s", seconds, self.0 % 1000 / 100),
            10..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_escapes_markup() {
        assert_eq!(
            Text("<b a=\"x\">'&\u{1b}").to_string(),
            "&lt;b a=&quot;x&quot;&gt;&#39;&amp; "
        );
    }

    #[test]
    fn share_is_never_rounded_to_zero_or_all() {
        assert_eq!(Share(1, 1_000_000).to_string(), "under 0.1 %");
        assert_eq!(Share(999_999, 1_000_000).to_string(), "over 99.9 %");
        assert_eq!(Share(0, 7).to_string(), "0 %");
        assert_eq!(Share(7, 7).to_string(), "100 %");
        assert_eq!(Share(0, 0).to_string(), "0 %");
        assert_eq!(Count(1_234_567).to_string(), "1,234,567");
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Span(167_400).to_string(), "2 min 47 s");
    }
}
