//! Builds policies and rejects contradictory ones.

use std::fmt;
use std::sync::Arc;

use super::space::Space;
use super::{Blocklist, Counting, PasswordPolicy, counting, evaluation};
use crate::{Certainty, Rule};

/// Builds a [`PasswordPolicy`]. A rule replaces an earlier one with the same code.
///
/// Methods accept an array or an `Option`, so that each setting of a provider becomes a rule in one line:
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
    // In the order of `Rule`, one for each code, with the declared certainty.
    rules: Vec<(Rule, Certainty)>,
    pub(super) length: Option<u32>,
    pub(super) alphabet: Option<String>,
    blocklist: Option<Arc<Blocklist>>,
}

impl PolicyBuilder {
    /// Sets what the policy counts as a character. The default is code points.
    pub fn counting(mut self, counting: Counting) -> Self {
        self.counting = counting;
        self
    }

    /// Adds rules that are fully known, so that a check of them is certain. Rules that need more than the password
    /// (its history, a breach service, a run of unknown length) are [`Certainty::ProviderOnly`] regardless.
    pub fn exact(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.add(rules, Certainty::Exact)
    }

    /// Adds rules that are not fully published. They are checked and generated for, but marked as approximate.
    pub fn approximate(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.add(rules, Certainty::Approximate)
    }

    /// Adds rules that only the provider can check: they are listed but not checked here.
    pub fn provider_only(self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.add(rules, Certainty::ProviderOnly)
    }

    fn add(mut self, rules: impl IntoIterator<Item = Rule>, certainty: Certainty) -> Self {
        for rule in rules {
            // Applies to every password already.
            if matches!(rule, Rule::Typeable(_)) {
                continue;
            }
            self = self.without(&rule);
            self.rules.push((rule, certainty));
        }
        self.rules.sort();
        self
    }

    /// Removes the rule with this code, regardless of its parameters.
    pub fn without(mut self, rule: &Rule) -> Self {
        let same =
            |other: &Rule| (other.code(), other.provider_code()) == (rule.code(), rule.provider_code());
        self.rules.retain(|(other, _)| !same(other));
        self
    }

    /// Sets the certainty of the rule with this code, or this provider's code for [`Rule::Other`]. False if there is none.
    pub(super) fn mark(&mut self, code: &str, certainty: Certainty) -> bool {
        let mut rules = self.rules.iter_mut();
        let found = rules.find(|(rule, _)| rule.provider_code().unwrap_or(rule.code()) == code);
        found.map(|(_, declared)| *declared = certainty).is_some()
    }

    /// Sets the length of generated passwords.
    pub fn length(mut self, length: u32) -> Self {
        self.length = Some(length);
        self
    }

    /// Sets the characters to generate passwords from: visible ASCII; repetitions are ignored.
    pub fn alphabet(mut self, alphabet: impl Into<String>) -> Self {
        self.alphabet = Some(alphabet.into());
        self
    }

    /// Adds the rule [`Rule::NotCommon`] with this list of forbidden passwords.
    pub fn blocklist(self, list: Arc<Blocklist>) -> Self {
        let mut with_rule = self.exact([Rule::NotCommon]);
        with_rule.blocklist = Some(list);
        with_rule
    }

    /// Builds the policy.
    ///
    /// # Errors
    /// No password, or almost none, can meet the rules; the error has every reason.
    pub fn build(self) -> Result<PasswordPolicy, ImpossiblePolicy> {
        let space = Space::of(&[&self])?;
        Ok(PasswordPolicy { parts: self, space })
    }

    /// Every rule, and how reliably it can be checked here.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&Rule, Certainty)> {
        self.rules
            .iter()
            .map(|(rule, declared)| (rule, (*declared).max(self.best_certainty(rule))))
    }

    /// The rules with the certainty that was declared for them.
    pub(super) fn declared(&self) -> &[(Rule, Certainty)] {
        &self.rules
    }

    // The best certainty that such a rule can have here.
    fn best_certainty(&self, rule: &Rule) -> Certainty {
        match rule {
            Rule::NotCommon if self.blocklist.is_some() => Certainty::Exact,
            Rule::NoConsecutiveRun(None)
            | Rule::NotCommon
            | Rule::NotBreached
            | Rule::NotCurrent
            | Rule::NotRecent(_)
            | Rule::ChangesPerDay
            | Rule::MinAge(_)
            | Rule::NotUserData
            | Rule::Other(_) => Certainty::ProviderOnly,
            _ => Certainty::Exact,
        }
    }

    /// The rules that can be checked here and that the text breaks, with the certainty of each violation.
    pub(super) fn violated<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (&'a Rule, Certainty)> {
        let is_guess = self.counting == Counting::Unpublished && !counting::is_ascii(text);
        let certainty_bound = if is_guess {
            Certainty::Approximate
        } else {
            Certainty::Exact
        };
        let normalized = self.counting.normalized(text);
        self.rules()
            .filter(|(_, certainty)| *certainty != Certainty::ProviderOnly)
            .filter(move |(rule, _)| {
                let counted = normalized.as_ref().map_or(text, |copy| copy.as_str());
                match rule {
                    Rule::NotCommon => evaluation::is_listed(self.blocklist.as_deref(), text),
                    rule => evaluation::violates(self.counting, counted, rule),
                }
            })
            .map(move |(rule, certainty)| (rule, certainty.max(certainty_bound)))
    }
}

/// The error for a policy that no password, or almost none, can meet.
///
/// ```
/// use repass_domain::{PasswordPolicy, Rule};
///
/// let refused = PasswordPolicy::builder().exact([Rule::MinLength(9), Rule::MaxLength(8)]).build();
/// assert_eq!(
///     refused.unwrap_err().reasons(),
///     ["at least 9 characters are required, but at most 8 are allowed"],
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

    /// Every reason why the policy cannot be met, each a clause without a capital or full stop.
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
