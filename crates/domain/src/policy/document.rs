//! The serialized form of a policy; `PasswordPolicy` documents its keys.

use serde::{Deserialize, Serialize};

use super::{Counting, ImpossiblePolicy, PasswordPolicy, PolicyBuilder, Preset};
use crate::{Certainty, Rule};

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<Preset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counting: Option<Counting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    letter: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digit: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uppercase: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lowercase: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mixed_case: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    special: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    character_categories: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct_characters: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_one_character: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_consecutive_run: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_common: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_breached: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_current: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_recent: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes_per_day: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_age: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_user_data: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approximate: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    provider_only: Vec<String>,
    // Last: TOML puts tables after values.
    #[serde(skip_serializing_if = "Generate::is_default")]
    generate: Generate,
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Generate {
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alphabet: Option<String>,
}

impl Generate {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A number that may be unknown.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, `true` (a limit exists but is unknown) or `false`"
)]
enum Limit {
    Flag(bool),
    Number(u32),
}

impl From<Option<u32>> for Limit {
    fn from(number: Option<u32>) -> Self {
        number.map_or(Self::Flag(true), Self::Number)
    }
}

impl Limit {
    fn number(self) -> Option<u32> {
        match self {
            Self::Number(n) => Some(n),
            Self::Flag(_) => None,
        }
    }

    fn is_off(self) -> bool {
        matches!(self, Self::Flag(false) | Self::Number(0))
    }
}

impl TryFrom<Document> for PasswordPolicy {
    type Error = ImpossiblePolicy;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        let mut policy = document
            .preset
            .map_or_else(PolicyBuilder::default, Preset::builder);
        policy.counting = document.counting.unwrap_or(policy.counting);
        policy.length = document.generate.length;
        policy.alphabet.clone_from(&document.generate.alphabet);
        for (rule, is_on) in document.rules() {
            policy = if is_on {
                policy.exact([rule])
            } else {
                policy.without(&rule)
            };
        }
        let mut reasons = Vec::new();
        for (key, codes, certainty) in [
            ("approximate", &document.approximate, Certainty::Approximate),
            ("provider_only", &document.provider_only, Certainty::ProviderOnly),
        ] {
            for code in codes {
                if !policy.mark(code, certainty) {
                    reasons.push(format!(
                        "`{key}` names `{code}`, which is not a rule of this policy"
                    ));
                }
            }
        }
        match policy.build() {
            Ok(policy) if reasons.is_empty() => Ok(policy),
            Ok(_) => Err(ImpossiblePolicy::new(reasons)),
            Err(impossible) => {
                reasons.extend_from_slice(impossible.reasons());
                Err(ImpossiblePolicy::new(reasons))
            }
        }
    }
}

impl Document {
    /// The rules of the keys, and whether each is on.
    fn rules(&self) -> impl Iterator<Item = (Rule, bool)> {
        let numbers = [
            self.min_length.map(Rule::MinLength),
            self.max_length.map(Rule::MaxLength),
            self.character_categories.map(Rule::CharacterCategories),
            self.distinct_characters.map(Rule::DistinctCharacters),
        ];
        let flags = [
            (self.letter, Rule::Letter),
            (self.digit, Rule::Digit),
            (self.uppercase, Rule::Uppercase),
            (self.lowercase, Rule::Lowercase),
            (self.mixed_case, Rule::MixedCase),
            (self.special, Rule::Special),
            (self.not_one_character, Rule::NotOneCharacter),
            (self.not_common, Rule::NotCommon),
            (self.not_breached, Rule::NotBreached),
            (self.not_current, Rule::NotCurrent),
            (self.changes_per_day, Rule::ChangesPerDay),
            (self.min_age, Rule::MinAge(None)),
            (self.not_user_data, Rule::NotUserData),
        ];
        let limits = [
            (self.no_consecutive_run, Rule::NoConsecutiveRun as fn(_) -> _),
            (self.not_recent, Rule::NotRecent),
        ];
        let numbers = numbers.into_iter().flatten().map(|rule| {
            let is_on = rule.limit() != Some(0);
            (rule, is_on)
        });
        let flags = flags
            .into_iter()
            .filter_map(|(is_on, rule)| is_on.map(|is_on| (rule, is_on)));
        let limits = limits
            .into_iter()
            .filter_map(|(limit, rule)| limit.map(|limit| (rule(limit.number()), !limit.is_off())));
        let other = self.other.iter().map(|code| (Rule::Other(code.clone()), true));
        numbers.chain(flags).chain(limits).chain(other)
    }
}

impl From<PasswordPolicy> for Document {
    fn from(policy: PasswordPolicy) -> Self {
        let mut document = Self {
            counting: Some(policy.parts.counting),
            ..Self::default()
        };
        for (rule, certainty) in policy.parts.declared() {
            let code = rule.provider_code().unwrap_or(rule.code()).to_owned();
            match certainty {
                Certainty::Exact => {}
                Certainty::Approximate => document.approximate.push(code),
                Certainty::ProviderOnly => document.provider_only.push(code),
            }
            match rule {
                Rule::MinLength(n) => document.min_length = Some(*n),
                Rule::MaxLength(n) => document.max_length = Some(*n),
                Rule::Letter => document.letter = Some(true),
                Rule::Digit => document.digit = Some(true),
                Rule::Uppercase => document.uppercase = Some(true),
                Rule::Lowercase => document.lowercase = Some(true),
                Rule::MixedCase => document.mixed_case = Some(true),
                Rule::Special => document.special = Some(true),
                Rule::CharacterCategories(n) => document.character_categories = Some(*n),
                Rule::DistinctCharacters(n) => document.distinct_characters = Some(*n),
                Rule::NotOneCharacter => document.not_one_character = Some(true),
                Rule::NoConsecutiveRun(n) => document.no_consecutive_run = Some((*n).into()),
                Rule::NotCommon => document.not_common = Some(true),
                Rule::NotBreached => document.not_breached = Some(true),
                Rule::NotCurrent => document.not_current = Some(true),
                Rule::NotRecent(n) => document.not_recent = Some((*n).into()),
                Rule::ChangesPerDay => document.changes_per_day = Some(true),
                // A policy is of no one user.
                Rule::MinAge(_) => document.min_age = Some(true),
                Rule::NotUserData => document.not_user_data = Some(true),
                Rule::Other(code) => document.other.push(code.clone()),
                // Never in a policy: the first applies to every policy, the others occur only in responses.
                Rule::Typeable(_) | Rule::MinLengthUnnamed | Rule::DistinctCharactersUnnamed => {}
            }
        }
        document.generate = Generate {
            length: policy.parts.length,
            alphabet: policy.parts.alphabet,
        };
        document
    }
}
