//! Password policies: the rules that check, generate and explain passwords.

mod blocklist;
mod builder;
mod counting;
mod document;
mod evaluation;
mod generator;
mod layered_policy;
mod policy_rule;
mod preset;
mod range_query;
mod space;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

pub use self::blocklist::Blocklist;
pub use self::builder::{ImpossiblePolicy, PolicyBuilder};
pub use self::counting::Counting;
use self::document::Document;
pub use self::layered_policy::LayeredPolicy;
pub use self::policy_rule::PolicyRule;
pub use self::preset::{Preset, UnknownPreset};
pub use self::range_query::{MalformedHashes, RangeQuery};
use self::space::Space;
use crate::{Certainty, Error, Password, PolicyLayer, Rule, Violation};

/// The rules for new passwords of one layer: the provider's, or the caller's local ones. [`LayeredPolicy`] combines both.
///
/// Every policy can be met: [`PolicyBuilder::build`] and deserialization reject a contradictory one with every reason.
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
/// Every key is optional; unknown keys are rejected. A rule's key is its [`Rule::code`]. `false` or `0` turns a rule off,
/// for example one of a preset.
///
/// ```toml
/// preset = "zoom-default"         # start from these rules
/// counting = "code-points"        # see `Counting`
/// min_length = 12
/// max_length = 31
/// letter = true                   # also: digit, uppercase, lowercase, mixed_case, special,
///                                 #   not_one_character, not_common, not_breached, not_current,
///                                 #   changes_per_day, min_age, not_user_data
/// character_categories = 3        # how many of five
/// distinct_characters = 5
/// no_consecutive_run = 3          # the longest run allowed; `true`: unknown
/// not_recent = true               # how many; `true`: unknown
/// other = ["PasswordExpired"]     # the provider's codes
/// approximate = ["max_length"]    # rules above that are not published in full
/// provider_only = ["not_common"]  # rules above that cannot be checked here
/// generate = { length = 24, alphabet = "abcdefghjkmnpqrstuvwxyz23456789" }
/// ```
///
/// It serializes rule by rule, without `preset` and without an attached [`Blocklist`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct PasswordPolicy {
    parts: PolicyBuilder,
    space: Space,
}

impl PasswordPolicy {
    /// Creates a builder without rules.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// Returns the published policy of the [`Preset`] with this name, such as `zoom-default`.
    ///
    /// # Errors
    /// There is no such preset; the error lists the known names.
    pub fn preset(name: &str) -> Result<Self, UnknownPreset> {
        name.parse::<Preset>().map(Self::from)
    }

    /// Returns a builder that starts with the rules of this policy.
    pub fn to_builder(&self) -> PolicyBuilder {
        self.parts.clone()
    }

    /// Adds a list of passwords that violate [`Rule::NotCommon`]. For local policies: no provider publishes its list.
    ///
    /// # Errors
    /// The list leaves almost no password to generate.
    pub fn with_blocklist(self, list: Arc<Blocklist>) -> Result<Self, ImpossiblePolicy> {
        self.parts.blocklist(list).build()
    }

    /// Combines this policy, the provider's, with the caller's `local` one.
    ///
    /// # Errors
    /// No password can meet both; with every reason.
    pub fn and_local(self, local: Self) -> Result<LayeredPolicy, ImpossiblePolicy> {
        LayeredPolicy::new(self, local)
    }

    /// What this policy counts as a character, a letter and a digit.
    pub fn counting(&self) -> Counting {
        self.parts.counting
    }

    /// Every rule and how reliably it can be checked here, in the order of [`Rule`]'s variants.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, Certainty)> {
        self.parts.rules()
    }

    /// The rules that this password breaks, as far as they can be checked here: none is no promise that the provider
    /// accepts it. They are in the order of [`rules`](Self::rules), as violations of the provider's layer.
    /// [`Rule::Typeable`], which applies to every policy, comes first. Rules that are
    /// [`Certainty::ProviderOnly`] are never included.
    pub fn check(&self, password: &Password) -> Vec<Violation> {
        let mut broken = password.untypeable();
        broken.extend(self.violations(password, PolicyLayer::Provider));
        broken
    }

    fn violations(&self, password: &Password, layer: PolicyLayer) -> Vec<Violation> {
        #[expect(clippy::disallowed_methods, reason = "checked in place")]
        let text = password.expose_secret();
        let broken = self.parts.violated(text);
        broken
            .map(|(rule, certainty)| Violation::new(rule.clone(), layer, certainty))
            .collect()
    }

    /// Generates a password that meets every rule that can be checked here.
    ///
    /// It is drawn uniformly from the passwords that have [`generated_length`](Self::generated_length), consist of the
    /// policy's alphabet and begin with a letter: spreadsheets read a value that begins with `=`, `+`, `-` or `@` as a
    /// formula. It begins with another character only if the alphabet has no letters, or if no password that begins
    /// with a letter meets the rules. The randomness comes from the operating system.
    ///
    /// The default alphabet is letters, digits and `!#$*-.:?@^~`: characters that every known provider accepts and
    /// counts as special, without quotes, brackets, commas, spaces and `_`, which some input filters reject, and without
    /// `%`, `&`, `+` and `=`, which a gateway that decodes twice reads as the escapes of URLs, HTML, forms and mail. 20
    /// characters of it have 123.3 bits of entropy.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the operating system provides no randomness.
    pub fn generate(&self) -> Result<Password, Error> {
        generator::one(&self.space, &[&self.parts])
    }

    /// The length of generated passwords: the length that the policy sets, otherwise 20, or the nearest length that the
    /// rules allow.
    pub fn generated_length(&self) -> usize {
        self.space.length
    }

    /// Lists every rule with its description, as rules of the provider's layer.
    pub fn explain(&self) -> Vec<PolicyRule> {
        self.layer_rules(PolicyLayer::Provider)
    }

    fn layer_rules(&self, layer: PolicyLayer) -> Vec<PolicyRule> {
        let explained = |(rule, certainty): (&Rule, _)| PolicyRule::new(rule.clone(), layer, certainty);
        self.rules().map(explained).collect()
    }
}

/// A policy without rules.
impl Default for PasswordPolicy {
    fn default() -> Self {
        Self::builder().build().expect("no rules contradict each other")
    }
}

/// One rule per line, then how characters are counted.
impl fmt::Display for PasswordPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in self.explain() {
            writeln!(f, "{rule}")?;
        }
        write!(f, "counted in {}", self.counting())
    }
}
