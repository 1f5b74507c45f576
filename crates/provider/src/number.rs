//! Numbers in a provider's sentences.

use std::ops::RangeInclusive;

/// Returns the only number in a sentence about a password rule, such as its minimum length, if that is a plausible
/// one. A rule's parameter is never invented, so a text with none, with several, or with an implausible one has none.
///
/// The text must be redacted first: a provider that quotes the refused password would otherwise have its
/// digits taken for the rule's.
///
/// ```
/// use repass_provider::only_number;
///
/// assert_eq!(only_number("Have at least 10 characters", 1..=128), Some(10));
/// assert_eq!(only_number("policy of 2024-05: at least 16 characters", 1..=128), None);
/// assert_eq!(only_number("at least sixteen characters", 1..=128), None);
/// ```
pub fn only_number(text: &str, plausible: RangeInclusive<u32>) -> Option<u32> {
    // Digits of other scripts are numbers too, which are not read.
    let mut numbers = text
        .split(|c: char| !c.is_numeric())
        .filter(|number| !number.is_empty());
    let number = numbers.next()?.parse().ok()?;
    let only = numbers.next().is_none() && plausible.contains(&number);
    only.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_named_only_where_the_text_has_exactly_one_plausible() {
        for (text, number) in [
            ("Passwords must be at least 8 characters.", Some(8)),
            ("Minimum of 6 characters.", Some(6)),
            ("at least \u{ff11}\u{ff16} characters", None),
            ("between 8 and 32 characters", None),
            ("0 characters", None),
            ("'3141592653' is too short", None),
            ("at least 99999999999999999999 characters", None),
            ("", None),
        ] {
            assert_eq!(only_number(text, 1..=128), number, "{text}");
        }
    }
}
