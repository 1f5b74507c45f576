//! A rule as a policy explains it, with layer and certainty.

use std::fmt;

use serde::Serialize;

use crate::{Certainty, PolicyLayer, Rule};

/// A rule of a policy with its layer and certainty; `Display` describes it.
///
/// Serializes as the [`Rule`] with `"layer"` and `"certainty"`.
///
/// ```
/// use repass_domain::{PasswordPolicy, Preset};
///
/// let words: Vec<String> = PasswordPolicy::from(Preset::ZoomDefault)
///     .explain()
///     .iter()
///     .map(ToString::to_string)
///     .collect();
/// assert_eq!(words[0], "at least 8 characters");
/// assert_eq!(words[1], "at most 31 characters (approximate)");
/// assert_eq!(words[7], "not the current password (known only to the provider)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyRule {
    #[serde(flatten)]
    rule: Rule,
    layer: PolicyLayer,
    certainty: Certainty,
}

impl PolicyRule {
    pub(super) fn new(rule: Rule, layer: PolicyLayer, certainty: Certainty) -> Self {
        Self {
            rule,
            layer,
            certainty,
        }
    }

    /// The rule itself, with its parameters.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The layer that the rule belongs to: the provider's or the caller's.
    pub fn layer(&self) -> PolicyLayer {
        self.layer
    }

    /// How reliably the rule can be checked without the provider.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)?;
        f.write_str(match (self.certainty, self.layer) {
            (Certainty::Exact, _) => "",
            (Certainty::Approximate, _) => " (approximate)",
            (Certainty::ProviderOnly, PolicyLayer::Provider) => " (known only to the provider)",
            (Certainty::ProviderOnly, PolicyLayer::Caller) => " (not judged by the policy alone)",
        })
    }
}
