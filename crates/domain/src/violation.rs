//! One broken rule, and whose rule it is.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// One rule about passwords, with its parameters. Lengths are counted as the policy that holds
/// the rule counts them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// At least this many characters.
    MinLength(u32),
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
    /// At least this many different characters.
    DistinctCharacters(u32),
    /// Not the same character throughout.
    NotOneCharacter,
    /// No run of consecutive characters (`abcdef`, `123456`) longer than this, where it is known.
    NoConsecutiveRun(Option<u32>),
    /// Not easy to guess, by somebody's dictionary.
    NotCommon,
    /// Not among passwords known from breaches.
    NotBreached,
    /// Not the password that is valid now.
    NotCurrent,
    /// Not one of the last so many passwords, where the number is known.
    NotRecent(Option<u32>),
    /// No more changes of this password within 24 hours.
    ChangesPerDay,
    /// A rule that only the provider knows, by its code there.
    Other(String),
}

impl Rule {
    /// The stable code, for programs and translations: `min_length`, `digit`, …
    pub fn code(&self) -> &'static str {
        match self {
            Self::MinLength(_) => "min_length",
            Self::MaxLength(_) => "max_length",
            Self::Letter => "letter",
            Self::Digit => "digit",
            Self::Uppercase => "uppercase",
            Self::Lowercase => "lowercase",
            Self::MixedCase => "mixed_case",
            Self::Special => "special",
            Self::DistinctCharacters(_) => "distinct_characters",
            Self::NotOneCharacter => "not_one_character",
            Self::NoConsecutiveRun(_) => "no_consecutive_run",
            Self::NotCommon => "not_common",
            Self::NotBreached => "not_breached",
            Self::NotCurrent => "not_current",
            Self::NotRecent(_) => "not_recent",
            Self::ChangesPerDay => "changes_per_day",
            Self::Other(_) => "other",
        }
    }

    /// The rule's number, where it has one that is known.
    pub fn limit(&self) -> Option<u32> {
        match self {
            Self::MinLength(n) | Self::MaxLength(n) | Self::DistinctCharacters(n) => Some(*n),
            Self::NoConsecutiveRun(n) | Self::NotRecent(n) => *n,
            _ => None,
        }
    }

    /// The provider's own code, for [`Rule::Other`].
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
            Self::MinLength(n) => write!(f, "at least {n} characters"),
            Self::MaxLength(n) => write!(f, "at most {n} characters"),
            Self::Letter => f.write_str("at least one letter"),
            Self::Digit => f.write_str("at least one digit"),
            Self::Uppercase => f.write_str("at least one upper-case letter"),
            Self::Lowercase => f.write_str("at least one lower-case letter"),
            Self::MixedCase => f.write_str("both upper-case and lower-case letters"),
            Self::Special => f.write_str("at least one special character"),
            Self::DistinctCharacters(n) => write!(f, "at least {n} different characters"),
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
            Self::Other(code) => write!(f, "the provider's rule {code}"),
        }
    }
}

/// Whose rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The provider's.
    Provider,
    /// The caller's own, on top of the provider's.
    Caller,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Caller => "own policy",
        })
    }
}

/// One rule that the new password breaks.
///
/// Serialises as `{"code", "limit", "layer", "message"}`; never holds anything of the password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Violation {
    rule: Rule,
    layer: Layer,
}

impl Violation {
    /// A broken rule of the provider's.
    pub fn of_provider(rule: Rule) -> Self {
        Self {
            rule,
            layer: Layer::Provider,
        }
    }

    /// A broken rule of the caller's own policy.
    pub fn of_caller(rule: Rule) -> Self {
        Self {
            rule,
            layer: Layer::Caller,
        }
    }

    /// The rule, with its parameters.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whose rule it is.
    pub fn layer(&self) -> Layer {
        self.layer
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Violation", 5)?;
        out.serialize_field("code", self.rule.code())?;
        match self.rule.limit() {
            Some(limit) => out.serialize_field("limit", &limit)?,
            None => out.skip_field("limit")?,
        }
        match self.rule.provider_code() {
            Some(code) => out.serialize_field("provider_code", code)?,
            None => out.skip_field("provider_code")?,
        }
        out.serialize_field("layer", &self.layer)?;
        out.serialize_field("message", &self.rule.to_string())?;
        out.end()
    }
}
