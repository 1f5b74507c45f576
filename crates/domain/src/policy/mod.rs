//! The rules for new passwords: one document that checks, generates and explains.

mod blocklist;
mod breach;
mod builder;
mod counting;
mod document;
mod explain;
mod generate;
mod judge;
mod layers;
mod preset;
mod space;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

pub use self::blocklist::Blocklist;
pub use self::breach::{MalformedHashes, RangeQuery};
pub use self::builder::{ImpossiblePolicy, PolicyBuilder};
pub use self::counting::Counting;
use self::document::Document;
pub use self::explain::PolicyRule;
pub use self::layers::LayeredPolicy;
pub use self::preset::{Preset, UnknownPreset};
use self::space::Space;
use crate::{Certainty, Error, Password, PolicyLayer, Rule, Violation};

/// The rules for new passwords of one side: a provider's, or the caller's own. Both together are
/// [`LayeredPolicy`].
///
/// A policy that exists can be met: [`PolicyBuilder::build`] and deserialising refuse any other,
/// with every reason.
///
/// ```
/// use repass_domain::{Password, PasswordPolicy, Preset, Rule};
///
/// let policy = PasswordPolicy::builder().exact([Rule::MinLength(8), Rule::Digit]).build()?;
/// let codes: Vec<_> = policy.check(&Password::new("short")?).iter().map(|v| v.rule().code()).collect();
/// assert_eq!(codes, ["min_length", "digit"]);
///
/// let zoom = PasswordPolicy::from(Preset::ZoomDefault);
/// assert!(zoom.check(&zoom.generate()?).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # As a document
/// Every key is optional, and others are refused. A rule's key is its [`Rule::code`]; `false` and
/// `0` mean that there is no such rule, which takes one out of a preset.
///
/// ```toml
/// preset = "zoom-default"         # start from these rules
/// counting = "code-points"        # see `Counting`
/// min_length = 12
/// max_length = 31
/// letter = true                   # also: digit, uppercase, lowercase, mixed_case, special,
///                                 #   not_one_character, not_common, not_breached, not_current,
///                                 #   changes_per_day
/// distinct_characters = 5
/// no_consecutive_run = 3          # the longest run allowed; `true`: not known
/// not_recent = true               # how many, or `true`: not known
/// other = ["PasswordExpired"]     # the provider's own codes
/// approximate = ["max_length"]    # rules above that are not published in full
/// provider_only = ["not_common"]  # rules above that cannot be judged here
/// generate = { length = 24, alphabet = "abcdefghjkmnpqrstuvwxyz23456789" }
/// ```
///
/// It is written back without `preset`, rule by rule, and without an attached [`Blocklist`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct PasswordPolicy {
    parts: PolicyBuilder,
    space: Space,
}

impl PasswordPolicy {
    /// A policy without rules, to add to.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// The preset of this name; the same as [`Preset`]'s `FromStr`.
    ///
    /// # Errors
    /// There is none of this name; the error lists those that there are.
    pub fn preset(name: &str) -> Result<Self, UnknownPreset> {
        name.parse::<Preset>().map(Self::from)
    }

    /// The same policy, to change.
    pub fn to_builder(&self) -> PolicyBuilder {
        self.parts.clone()
    }

    /// The same policy with a list of passwords that are refused as [`Rule::NotCommon`]. A list
    /// belongs to the caller's own policy: no provider's dictionary is known.
    ///
    /// # Errors
    /// The list leaves hardly any password to generate.
    pub fn with_blocklist(self, list: Arc<Blocklist>) -> Result<Self, ImpossiblePolicy> {
        self.parts.blocklist(list).build()
    }

    /// The caller's `own` policy on top of this one, the provider's.
    ///
    /// # Errors
    /// No password can meet both; with every reason.
    pub fn and_local(self, own: Self) -> Result<LayeredPolicy, ImpossiblePolicy> {
        LayeredPolicy::new(self, own)
    }

    /// How this policy counts characters.
    pub fn counting(&self) -> Counting {
        self.parts.counting
    }

    /// Every rule and how far it can be judged here, in the order in which violations are told:
    /// that of [`Rule`]'s variants.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, Certainty)> {
        self.parts.rules()
    }

    /// Every rule that this password breaks, in the order of [`rules`](Self::rules), as the
    /// provider's; before them [`Rule::Typeable`], which holds for every policy. What is
    /// [`Certainty::ProviderOnly`] is never among them.
    pub fn check(&self, password: &Password) -> Vec<Violation> {
        let mut broken = password.untypeable();
        broken.extend(self.violations(password, PolicyLayer::Provider));
        broken
    }

    fn violations(&self, password: &Password, layer: PolicyLayer) -> Vec<Violation> {
        #[expect(clippy::disallowed_methods, reason = "judged in place")]
        let text = password.expose_secret();
        let broken = self.parts.broken(text);
        broken
            .map(|(rule, certainty)| Violation::new(rule.clone(), layer, certainty))
            .collect()
    }

    /// A new password that meets every rule that can be judged here: each of them is as likely as
    /// any other, among those of [`generated_length`](Self::generated_length) made of the
    /// policy's alphabet and beginning with a letter: a spreadsheet takes what begins with `=`, `+`,
    /// `-` or `@` for a formula and shows another password. Only an alphabet without letters, or
    /// rules that no such password meets, give another beginning. The randomness is the operating
    /// system's.
    ///
    /// The alphabet, unless the policy names one, is letters, digits and
    /// ``!#$%&*+-.:=?@^~``: what every known provider takes and counts as special, without the
    /// quotes, brackets, commas, blanks and `_` that some input filter or other trips over. With
    /// 20 characters that is 124.7 bits.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system gives no
    /// randomness.
    pub fn generate(&self) -> Result<Password, Error> {
        generate::one(&self.space, &[&self.parts])
    }

    /// How many characters a generated password has: as many as the policy names, else 20, or as
    /// near as the rules allow.
    pub fn generated_length(&self) -> usize {
        self.space.length
    }

    /// Every rule in words, as the provider's.
    pub fn explain(&self) -> Vec<PolicyRule> {
        self.explained(PolicyLayer::Provider)
    }

    fn explained(&self, layer: PolicyLayer) -> Vec<PolicyRule> {
        let explained = |(rule, certainty): (&Rule, _)| PolicyRule::new(rule.clone(), layer, certainty);
        self.rules().map(explained).collect()
    }
}

/// A policy that takes every password.
impl Default for PasswordPolicy {
    fn default() -> Self {
        Self::builder().build().expect("no rules contradict each other")
    }
}

/// One rule a line, then how characters are counted.
impl fmt::Display for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in self.explain() {
            writeln!(f, "{rule}")?;
        }
        write!(f, "counted in {}", self.counting())
    }
}
