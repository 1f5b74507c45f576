//! How a policy is put together, and refused when nothing can meet it.

use std::fmt;
use std::sync::Arc;

use super::space::Space;
use super::{Blocklist, Counting, PasswordPolicy, counting, judge};
use crate::{Certainty, Rule};

/// A policy in the making. A rule that is given again replaces the earlier one of its code.
///
/// Its methods take an array of rules, or one that may not be there, so that what a provider
/// tells becomes rules in one line each:
///
/// ```
/// use repass_domain::{Certainty, Preset, Rule};
///
/// let (min, special, run, weak_detection) = (10, true, 4, true);
/// let policy = Preset::ZoomDefault
///     .builder()
///     .exact((min > 0).then_some(Rule::MinLength(min)))
///     .approximate(special.then_some(Rule::Special))
///     .approximate((run > 0).then(|| Rule::NoConsecutiveRun(Some(run - 1))))
///     .provider_only(weak_detection.then_some(Rule::NotCommon))
///     .build()?;
/// assert!(policy.rules().any(|rule| rule == (&Rule::NoConsecutiveRun(Some(3)), Certainty::Approximate)));
/// # Ok::<(), repass_domain::ImpossiblePolicy>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct PolicyBuilder {
    pub(super) counting: Counting,
    // In the order of `Rule`, one of each code, marked as told.
    rules: Vec<(Rule, Certainty)>,
    pub(super) length: Option<u32>,
    pub(super) alphabet: Option<String>,
    blocklist: Option<Arc<Blocklist>>,
}

impl PolicyBuilder {
    /// What is counted as a character; code points unless told.
    pub fn counting(mut self, counting: Counting) -> Self {
        self.counting = counting;
        self
    }

    /// Rules that are known to be just so. Those that need more than the password (its history,
    /// a breach service, a run of unknown length) are [`Certainty::ProviderOnly`] all the same.
    pub fn exact(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.add(rules, Certainty::Exact)
    }

    /// Rules of which not everything is published: checked and generated for, but marked.
    pub fn approximate(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.add(rules, Certainty::Approximate)
    }

    /// Rules that are told but not judged here.
    pub fn provider_only(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.add(rules, Certainty::ProviderOnly)
    }

    fn add(mut self, rules: impl IntoIterator<Item = Rule>, certainty: Certainty) -> Self {
        for rule in rules {
            // Every password is held to it already.
            if matches!(rule, Rule::Typeable(_)) {
                continue;
            }
            self = self.without(&rule);
            self.rules.push((rule, certainty));
        }
        self.rules.sort();
        self
    }

    /// No rule of this code, whatever its parameters.
    pub fn without(mut self, rule: &Rule) -> Self {
        let same =
            |other: &Rule| (other.code(), other.provider_code()) == (rule.code(), rule.provider_code());
        self.rules.retain(|(other, _)| !same(other));
        self
    }

    /// Marks the rule of this code, the provider's own for [`Rule::Other`]; false if there is none.
    pub(super) fn mark(&mut self, code: &str, certainty: Certainty) -> bool {
        let mut rules = self.rules.iter_mut();
        let found = rules.find(|(rule, _)| rule.provider_code().unwrap_or(rule.code()) == code);
        found.map(|(_, told)| *told = certainty).is_some()
    }

    /// How long generated passwords are to be.
    pub fn length(mut self, length: u32) -> Self {
        self.length = Some(length);
        self
    }

    /// The characters to generate passwords from: visible ASCII, each counting once.
    pub fn alphabet(mut self, alphabet: impl Into<String>) -> Self {
        self.alphabet = Some(alphabet.into());
        self
    }

    /// Refuses the passwords of this list, as [`Rule::NotCommon`].
    pub fn blocklist(self, list: Arc<Blocklist>) -> Self {
        let mut with_rule = self.exact([Rule::NotCommon]);
        with_rule.blocklist = Some(list);
        with_rule
    }

    /// The policy.
    ///
    /// # Errors
    /// No password, or hardly any, can meet it; with every reason.
    pub fn build(self) -> Result<PasswordPolicy, ImpossiblePolicy> {
        let space = Space::of(&[&self])?;
        Ok(PasswordPolicy { parts: self, space })
    }

    /// Every rule, and how far it can be judged here.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&Rule, Certainty)> {
        self.rules
            .iter()
            .map(|(rule, told)| (rule, (*told).max(self.surest(rule))))
    }

    /// The rules as they were told.
    pub(super) fn told(&self) -> &[(Rule, Certainty)] {
        &self.rules
    }

    // The best that can be said of such a rule here.
    fn surest(&self, rule: &Rule) -> Certainty {
        match rule {
            Rule::NotCommon if self.blocklist.is_some() => Certainty::Exact,
            Rule::NoConsecutiveRun(None)
            | Rule::NotCommon
            | Rule::NotBreached
            | Rule::NotCurrent
            | Rule::NotRecent(_)
            | Rule::ChangesPerDay
            | Rule::Other(_) => Certainty::ProviderOnly,
            _ => Certainty::Exact,
        }
    }

    /// The rules that can be judged here and that the text breaks, each with how sure that is.
    pub(super) fn broken<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (&'a Rule, Certainty)> {
        let guessed = self.counting == Counting::Unpublished && !counting::is_ascii(text);
        let least = if guessed {
            Certainty::Approximate
        } else {
            Certainty::Exact
        };
        let normalised = self.counting.normalised(text);
        self.rules()
            .filter(|(_, certainty)| *certainty != Certainty::ProviderOnly)
            .filter(move |(rule, _)| {
                let read = normalised.as_ref().map_or(text, |copy| copy.as_str());
                match rule {
                    Rule::NotCommon => judge::is_listed(self.blocklist.as_deref(), text),
                    rule => judge::breaks(self.counting, read, rule),
                }
            })
            .map(move |(rule, certainty)| (rule, certainty.max(least)))
    }
}

/// Why nothing, or hardly anything, can meet a policy.
///
/// ```
/// use repass_domain::{PasswordPolicy, Rule};
///
/// let refused = PasswordPolicy::builder().exact([Rule::MinLength(9), Rule::MaxLength(8)]).build();
/// assert_eq!(
///     refused.unwrap_err().reasons(),
///     ["at least 9 characters are asked for, but at most 8 are taken"],
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpossiblePolicy {
    reasons: Vec<String>,
}

impl ImpossiblePolicy {
    pub(super) fn new(reasons: Vec<String>) -> Self {
        Self { reasons }
    }

    /// Every reason, each a sentence without capital and full stop.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

impl fmt::Display for ImpossiblePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the password policy cannot be met: {}",
            self.reasons.join("; ")
        )
    }
}

impl std::error::Error for ImpossiblePolicy {}
