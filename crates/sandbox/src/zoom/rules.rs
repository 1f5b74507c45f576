//! Zoom's password rules.

use super::error::Refusal;
use crate::options::{LengthUnit, ZoomOptions, ZoomRules};

/// Words no password may hold under the enhanced rules, in lower case.
const WEAK: [&str; 12] = [
    "password", "passw0rd", "p@ssw0rd", "letmein", "welcome", "iloveyou", "football", "baseball", "sunshine",
    "princess", "superman", "trustno1",
];

/// Rows that a finger runs along.
const KEYBOARD: [&str; 4] = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890"];

/// The first rule that a password breaks.
///
/// The order is that of the codes, 1124 length, 1125 letter, 1126 digit, 1127 special character, 1128 case,
/// 1131 sequence, 1136 easy to guess; except that 1130, one character throughout, comes right after the length,
/// because such a password breaks other rules, too. Over-long passwords, for which no text is documented, are
/// refused as an invalid field before all that.
pub(super) fn first_broken(options: &ZoomOptions, password: &str) -> Option<Refusal> {
    let length = match options.length_unit {
        LengthUnit::Characters => password.chars().count(),
        LengthUnit::Utf16 => password.encode_utf16().count(),
        LengthUnit::Bytes => password.len(),
    };
    let enhanced = options.rules == ZoomRules::Enhanced;
    let basic = enhanced || options.rules == ZoomRules::Basic;
    let run = run_length(options);
    let has = |class: fn(char) -> bool| password.chars().any(class);
    let checks = [
        (
            length > options.maximum_length,
            Refusal::invalid_field("password"),
        ),
        (
            length < options.minimum_length,
            Refusal::TooShort(options.minimum_length),
        ),
        (basic && is_one_character(password), Refusal::OneCharacter),
        (basic && !has(char::is_alphabetic), Refusal::NoLetter),
        (basic && !has(|c| c.is_ascii_digit()), Refusal::NoDigit),
        (
            enhanced && !has(|c| !c.is_alphanumeric()),
            Refusal::NoSpecialCharacter,
        ),
        (
            basic && !(has(char::is_uppercase) && has(char::is_lowercase)),
            Refusal::OneCase,
        ),
        (basic && has_sequence(password, run), Refusal::Sequence),
        (
            enhanced && (has_keyboard_run(password, run) || is_weak(password)),
            Refusal::EasyToGuess,
        ),
    ];
    checks
        .into_iter()
        .find_map(|(broken, refusal)| broken.then_some(refusal))
}

/// How many characters in sequence are refused; 0 for none.
pub(super) fn run_length(options: &ZoomOptions) -> usize {
    options
        .run_length
        .unwrap_or(if options.rules == ZoomRules::Enhanced {
            4
        } else {
            6
        })
}

fn is_one_character(password: &str) -> bool {
    let mut characters = password.chars();
    characters
        .next()
        .is_some_and(|first| characters.all(|c| c == first))
}

/// Whether `run` or more ASCII letters or digits follow each other upwards or downwards, in either case.
fn has_sequence(password: &str, run: usize) -> bool {
    let steps = [1, -1];
    run > 0
        && steps
            .into_iter()
            .any(|step| longest(password, |a, b| is_step(a, b, step)) >= run)
}

fn is_step(a: char, b: char, step: i32) -> bool {
    let same_class =
        a.is_ascii_digit() && b.is_ascii_digit() || a.is_ascii_lowercase() && b.is_ascii_lowercase();
    same_class && b as i32 - a as i32 == step
}

/// Whether `run` or more characters follow each other along a row of keys, either way.
fn has_keyboard_run(password: &str, run: usize) -> bool {
    let neighbours = |a: char, b: char| {
        KEYBOARD
            .iter()
            .any(|row| row.find(a).is_some_and(|at| row[at + 1..].starts_with(b)))
    };
    run > 0 && (longest(password, neighbours) >= run || longest(password, |a, b| neighbours(b, a)) >= run)
}

/// The length of the longest stretch in which each character follows the one before.
fn longest(password: &str, follows: impl Fn(char, char) -> bool) -> usize {
    let mut best = 0;
    let mut current = 0;
    let mut previous = None;
    for c in password.chars().map(|c| c.to_ascii_lowercase()) {
        current = if previous.is_some_and(|before| follows(before, c)) {
            current + 1
        } else {
            1
        };
        best = best.max(current);
        previous = Some(c);
    }
    best
}

fn is_weak(password: &str) -> bool {
    let lower = password.to_lowercase();
    WEAK.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::numbered_password;

    fn under(rules: ZoomRules, password: &str) -> Option<Refusal> {
        first_broken(
            &ZoomOptions {
                rules,
                ..ZoomOptions::default()
            },
            password,
        )
    }

    #[test]
    fn zoom_basic_rules_are_checked_in_order_of_their_codes() {
        let rows = [
            ("Sh0rt", Some(Refusal::TooShort(8))),
            ("12345678", Some(Refusal::NoLetter)),
            ("dolor Excepteur minim", Some(Refusal::NoDigit)),
            ("lower-case-1", Some(Refusal::OneCase)),
            ("UPPER-CASE-1", Some(Refusal::OneCase)),
            ("Xabcdef-1", Some(Refusal::Sequence)),
            ("XFedcba-1", Some(Refusal::Sequence)),
            ("Xabcde-12345", None),
            ("aaaaaaaa", Some(Refusal::OneCharacter)),
            ("11111111", Some(Refusal::OneCharacter)),
            (&"Aa1".repeat(11), Some(Refusal::invalid_field("password"))),
            ("if42!LfH@x", None),
            ("Pässwörter-42", None),
        ];
        for (password, refusal) in rows {
            assert_eq!(under(ZoomRules::Basic, password), refusal, "{password}");
        }
    }

    #[test]
    fn zoom_length_only_rule_checks_only_the_length() {
        assert_eq!(under(ZoomRules::LengthOnly, "aaaaaaaa"), None);
        assert_eq!(
            under(ZoomRules::LengthOnly, "aaaaaaa"),
            Some(Refusal::TooShort(8))
        );
    }

    #[test]
    fn zoom_enhanced_rules_reject_more() {
        let rows = [
            ("Plain4Letters", Some(Refusal::NoSpecialCharacter)),
            ("Xabcd-1y", Some(Refusal::Sequence)),
            ("Abc1x@8fdh", None),
            ("Qwer-1xyB", Some(Refusal::EasyToGuess)),
            ("My-Passw0rd", Some(Refusal::EasyToGuess)),
        ];
        for (password, refusal) in rows {
            assert_eq!(under(ZoomRules::Enhanced, password), refusal, "{password}");
        }
    }

    #[test]
    fn numbered_password_satisfies_every_rule_set() {
        let runs = [
            12_345, 123_456, 234_567, 345_678, 456_789, 987_654, 876_543, 765_432, 654_321, 543_210,
        ];
        for n in (0..1000).map(|group| group * 1001).chain(runs) {
            let password = numbered_password(n);
            assert_eq!(under(ZoomRules::Enhanced, &password), None, "{password}");
        }
    }
}
