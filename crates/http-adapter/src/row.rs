//! One row of a table: which response means what, and how surely that is known.

use std::time::Duration;

use repass_domain::{ErrorKind, Grade, Rule};
use repass_transport::Json;
use serde::Deserialize;
use serde_json::Value;

use crate::condition::{Condition, Pointer, RawCondition};
use crate::template::{Template, Values};

/// A row as it is written.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRow {
    pub(crate) status: u16,
    at: Option<String>,
    is: Option<Value>,
    has: Option<String>,
    not: Option<Vec<Value>>,
    absent: Option<bool>,
    /// Further conditions; all must hold.
    #[serde(default)]
    and: Vec<RawCondition>,
    then: RawMeaning,
    kind: Option<ErrorKind>,
    rule: Option<String>,
    /// Where the rule's number stands.
    number_at: Option<String>,
    /// Where a rate limit's delay stands, in seconds.
    delay_s_at: Option<String>,
    /// The same in milliseconds.
    delay_ms_at: Option<String>,
    /// Where the provider's words stand.
    text_at: Option<String>,
    /// What to do about it, for the operator.
    hint: Option<String>,
    #[serde(default)]
    from: Grade,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RawMeaning {
    Applied,
    Refused,
    Token,
    Limited,
    Unknown,
}

/// A compiled row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) status: u16,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) meaning: Meaning,
    pub(crate) text_at: Option<Pointer>,
    /// Where a rate limit's delay stands, and in which unit.
    pub(crate) delay: Option<(Pointer, Duration)>,
    pub(crate) hint: Option<&'static str>,
    pub(crate) from: Grade,
}

/// What a response means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// The provider made the change.
    Applied,
    /// It did not, for this reason.
    Refused { kind: ErrorKind, rule: Option<RowRule> },
    /// It does not accept the credentials; once more with fresh ones.
    Token,
    /// Its rate limit.
    Limited,
    /// Nothing can be said.
    Unknown,
}

/// The rule that a refusal names, and where its number stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowRule {
    pub(crate) code: String,
    pub(crate) number_at: Option<Pointer>,
}

impl RowRule {
    /// The rule, with the number that the response gives for it.
    pub(crate) fn rule(&self, number: Option<u32>) -> Rule {
        match (self.code.as_str(), number) {
            ("min_length", Some(number)) => Rule::MinLength(number),
            ("min_length", None) => Rule::MinLengthUnnamed,
            ("max_length", Some(number)) => Rule::MaxLength(number),
            ("letter", _) => Rule::Letter,
            ("digit", _) => Rule::Digit,
            ("uppercase", _) => Rule::Uppercase,
            ("lowercase", _) => Rule::Lowercase,
            ("mixed_case", _) => Rule::MixedCase,
            ("special", _) => Rule::Special,
            ("distinct_characters", Some(number)) => Rule::DistinctCharacters(number),
            ("distinct_characters", None) => Rule::DistinctCharactersUnnamed,
            ("not_one_character", _) => Rule::NotOneCharacter,
            ("no_consecutive_run", number) => Rule::NoConsecutiveRun(number),
            ("not_common", _) => Rule::NotCommon,
            ("not_breached", _) => Rule::NotBreached,
            ("not_current", _) => Rule::NotCurrent,
            ("not_recent", number) => Rule::NotRecent(number),
            ("changes_per_day", _) => Rule::ChangesPerDay,
            ("character_categories", Some(number)) => Rule::CharacterCategories(number),
            ("min_age", _) => Rule::MinAge(None),
            ("not_user_data", _) => Rule::NotUserData,
            (other, _) => Rule::Other(other.to_owned()),
        }
    }
}

impl Row {
    /// Compiles a row; what is wrong with it, each in a sentence.
    pub(crate) fn compile(
        raw: &RawRow,
        template: impl Fn(&str) -> Result<Template, String> + Copy,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let first = RawCondition {
            at: raw.at.clone().unwrap_or_default(),
            is: raw.is.clone(),
            has: raw.has.clone(),
            not: raw.not.clone(),
            absent: raw.absent,
        };
        let has_test = raw.is.is_some() || raw.has.is_some() || raw.not.is_some() || raw.absent.is_some();
        if raw.at.is_none() && has_test {
            problems.push("has a condition without `at`; write at = \"\" for the whole body".to_owned());
        }
        let mut conditions = Vec::new();
        for condition in raw.at.is_some().then_some(&first).into_iter().chain(&raw.and) {
            match Condition::compile(condition, template) {
                Ok(condition) => conditions.push(condition),
                Err(problem) => problems.push(problem),
            }
        }
        let mut pointer = |text: &Option<String>| {
            let parsed = text.as_deref().map(Pointer::parse).transpose();
            parsed.unwrap_or_else(|problem| {
                problems.push(problem);
                None
            })
        };
        let (number_at, text_at) = (pointer(&raw.number_at), pointer(&raw.text_at));
        let seconds = pointer(&raw.delay_s_at).map(|at| (at, Duration::from_secs(1)));
        let milliseconds = pointer(&raw.delay_ms_at).map(|at| (at, Duration::from_millis(1)));
        let delay = seconds.or(milliseconds);
        if delay.is_some() && raw.then != RawMeaning::Limited {
            problems.push("has a delay, which goes with then = \"limited\" only".to_owned());
        }
        if raw.delay_s_at.is_some() && raw.delay_ms_at.is_some() {
            problems.push("takes one of `delay_s_at` and `delay_ms_at`".to_owned());
        }
        let meaning = match raw.then {
            RawMeaning::Applied => Meaning::Applied,
            RawMeaning::Token => Meaning::Token,
            RawMeaning::Unknown => Meaning::Unknown,
            RawMeaning::Limited => Meaning::Limited,
            RawMeaning::Refused => {
                let kind = match (raw.kind, &raw.rule) {
                    (Some(kind), _) => kind,
                    (None, Some(_)) => ErrorKind::PasswordRefused,
                    (None, None) => {
                        problems.push("needs a `kind`: why the provider refuses".to_owned());
                        ErrorKind::InvalidRequest
                    }
                };
                if raw.rule.is_some() && kind != ErrorKind::PasswordRefused {
                    problems
                        .push("names a `rule`, which goes with kind = \"password_refused\" only".to_owned());
                }
                let rule = raw.rule.clone().map(|code| RowRule { code, number_at });
                Meaning::Refused { kind, rule }
            }
        };
        if raw.then != RawMeaning::Refused && (raw.kind.is_some() || raw.rule.is_some()) {
            problems.push("has `kind` or `rule`, which go with then = \"refused\" only".to_owned());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            status: raw.status,
            conditions,
            meaning,
            text_at,
            delay,
            // Read once, and as long-lived as the process that configured it.
            hint: raw.hint.clone().map(|hint| &*hint.leak()),
            from: raw.from,
        })
    }

    /// Whether a response with this status and body is what the row describes.
    pub(crate) fn matches(&self, status: u16, body: Option<&Json>, values: &Values<'_>) -> bool {
        self.status == status
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(body, values))
    }
}
