//! The rules that passwords can break. A new one is a variant here, and how it is checked in `policy/evaluation.rs`.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::untypeable::CharClass;

/// A password rule with its parameters. Lengths are counted as the policy with the rule counts them. Rules are listed in
/// the order of the variants.
///
/// Serializes as `{"code", "limit", "position", "provider_code", "message"}`; absent values are left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Only characters that a login form accepts: no line break, control or format character, and no white space except
    /// the space. Applies to every new password, regardless of the policy; see
    /// [`Password::check_typeable`](crate::Password::check_typeable).
    Typeable(UntypeableChar),
    /// At least this many characters.
    MinLength(u32),
    /// At least a number of characters that the provider does not state.
    MinLengthUnnamed,
    /// At most this many characters.
    MaxLength(u32),
    /// At least one letter.
    Letter,
    /// At least one digit.
    Digit,
    /// At least one upper-case letter.
    Uppercase,
    /// At least one lower-case letter.
    Lowercase,
    /// At least one upper-case and one lower-case letter.
    MixedCase,
    /// At least one character that is neither letter nor digit.
    Special,
    /// Characters of at least this many of five categories: upper-case letters, lower-case letters, other letters, digits,
    /// and characters that are neither.
    CharacterCategories(u32),
    /// At least this many different characters.
    DistinctCharacters(u32),
    /// At least a number of different characters that the provider does not state.
    DistinctCharactersUnnamed,
    /// Not the same character throughout.
    NotOneCharacter,
    /// No run of consecutive characters longer than this, where the length is known. A run goes
    /// up or down through the alphabet (`abcdef`) or the digits (`654321`), or along a row of a
    /// QWERTY keyboard (`qwert`, `7890`), in either case. One character alone is a run of 1.
    NoConsecutiveRun(Option<u32>),
    /// Not easy to guess, according to a dictionary.
    NotCommon,
    /// Not among passwords known from breaches.
    NotBreached,
    /// Not the current password.
    NotCurrent,
    /// Not one of the last N passwords, where N is known.
    NotRecent(Option<u32>),
    /// No more changes of this password within 24 hours.
    ChangesPerDay,
    /// No change while the current password is younger than the provider's minimum age: before this time, where it is
    /// known.
    MinAge(Option<SystemTime>),
    /// No part of the user's name or of another attribute of the user's entry.
    NotUserData,
    /// Another rule of the provider, by the provider's code.
    Other(String),
}

impl Rule {
    /// Every [code](Self::code), in the order of the variants.
    pub const CODES: [&'static str; 21] = [
        "typeable",
        "min_length",
        "max_length",
        "letter",
        "digit",
        "uppercase",
        "lowercase",
        "mixed_case",
        "special",
        "character_categories",
        "distinct_characters",
        "not_one_character",
        "no_consecutive_run",
        "not_common",
        "not_breached",
        "not_current",
        "not_recent",
        "changes_per_day",
        "min_age",
        "not_user_data",
        "other",
    ];

    /// The stable code, for programs and translations: `min_length`, `digit`, …
    pub fn code(&self) -> &'static str {
        match self {
            Self::Typeable(_) => "typeable",
            Self::MinLength(_) | Self::MinLengthUnnamed => "min_length",
            Self::MaxLength(_) => "max_length",
            Self::Letter => "letter",
            Self::Digit => "digit",
            Self::Uppercase => "uppercase",
            Self::Lowercase => "lowercase",
            Self::MixedCase => "mixed_case",
            Self::Special => "special",
            Self::CharacterCategories(_) => "character_categories",
            Self::DistinctCharacters(_) | Self::DistinctCharactersUnnamed => "distinct_characters",
            Self::NotOneCharacter => "not_one_character",
            Self::NoConsecutiveRun(_) => "no_consecutive_run",
            Self::NotCommon => "not_common",
            Self::NotBreached => "not_breached",
            Self::NotCurrent => "not_current",
            Self::NotRecent(_) => "not_recent",
            Self::ChangesPerDay => "changes_per_day",
            Self::MinAge(_) => "min_age",
            Self::NotUserData => "not_user_data",
            Self::Other(_) => "other",
        }
    }

    /// The rule's number, such as a minimum length, if it has one that is known.
    pub fn limit(&self) -> Option<u32> {
        match self {
            Self::MinLength(n)
            | Self::MaxLength(n)
            | Self::CharacterCategories(n)
            | Self::DistinctCharacters(n) => Some(*n),
            Self::NoConsecutiveRun(n) | Self::NotRecent(n) => *n,
            _ => None,
        }
    }

    /// The position of the character that breaks [`Rule::Typeable`], counted in characters from 1.
    pub fn position(&self) -> Option<u32> {
        match self {
            Self::Typeable(found) => Some(found.position),
            _ => None,
        }
    }

    /// The provider's code of a rule that has no variant here, for [`Rule::Other`].
    pub fn provider_code(&self) -> Option<&str> {
        match self {
            Self::Other(code) => Some(code),
            _ => None,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typeable(found) => write!(f, "only characters that can be typed (it holds {found})"),
            Self::MinLength(n) => write!(f, "at least {n} characters"),
            Self::MinLengthUnnamed => f.write_str("more characters (the provider does not say how many)"),
            Self::MaxLength(n) => write!(f, "at most {n} characters"),
            Self::Letter => f.write_str("at least one letter"),
            Self::Digit => f.write_str("at least one digit"),
            Self::Uppercase => f.write_str("at least one upper-case letter"),
            Self::Lowercase => f.write_str("at least one lower-case letter"),
            Self::MixedCase => f.write_str("both upper-case and lower-case letters"),
            Self::Special => f.write_str("at least one special character"),
            Self::CharacterCategories(n) => write!(
                f,
                "at least {n} of these: upper-case letters, lower-case letters, other letters, digits, special characters"
            ),
            Self::DistinctCharacters(n) => write!(f, "at least {n} different characters"),
            Self::DistinctCharactersUnnamed => {
                f.write_str("more different characters (the provider does not say how many)")
            }
            Self::NotOneCharacter => f.write_str("not one character throughout"),
            Self::NoConsecutiveRun(Some(n)) => {
                write!(
                    f,
                    "no more than {n} consecutive characters such as `abcdef` or `123456`"
                )
            }
            Self::NoConsecutiveRun(None) => {
                f.write_str("no consecutive characters such as `abcdef` or `123456`")
            }
            Self::NotCommon => f.write_str("not easy to guess"),
            Self::NotBreached => f.write_str("not known from a breach"),
            Self::NotCurrent => f.write_str("not the current password"),
            Self::NotRecent(Some(n)) => write!(f, "none of the last {n} passwords"),
            Self::NotRecent(None) => f.write_str("none of the recent passwords"),
            Self::ChangesPerDay => f.write_str("no more changes of this password within 24 hours"),
            Self::MinAge(Some(until)) => match Timestamp::try_from(*until) {
                Ok(until) => write!(
                    f,
                    "no change before {until:.0}: the current password is too young"
                ),
                Err(_) => Self::MinAge(None).fmt(f),
            },
            Self::MinAge(None) => f.write_str("no change so soon after the last one"),
            Self::NotUserData => f.write_str("no part of the user's name or entry"),
            Self::Other(code) => write!(f, "the provider's rule {code}"),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Rule", 5)?;
        out.serialize_field("code", self.code())?;
        match self.limit() {
            Some(limit) => out.serialize_field("limit", &limit)?,
            None => out.skip_field("limit")?,
        }
        match self.position() {
            Some(position) => out.serialize_field("position", &position)?,
            None => out.skip_field("position")?,
        }
        match self.provider_code() {
            Some(code) => out.serialize_field("provider_code", code)?,
            None => out.skip_field("provider_code")?,
        }
        out.serialize_field("message", &self.to_string())?;
        out.end()
    }
}

/// A character that cannot be typed into a login form, and its first position in the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct UntypeableChar {
    /// The character that cannot be typed.
    pub character: char,
    /// The position of the character in the password, counted in characters from 1.
    pub position: u32,
}

impl fmt::Display for UntypeableChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&CharClass::name(self.character))?;
        match self.position {
            0 | 1 => f.write_str(" at the start"),
            2 => f.write_str(" after 1 character"),
            n => write!(f, " after {} characters", n - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_codes_lists_every_code() {
        let source = include_str!("rule.rs");
        let codes = source.split_once("pub fn code(").unwrap().1;
        let codes = codes.split_once("\n    }\n").unwrap().0;
        let codes: Vec<&str> = codes.split('"').skip(1).step_by(2).collect();
        assert_eq!(codes, Rule::CODES);
    }
}
