//! Rules in words.

use std::fmt;

use serde::Serialize;

use crate::{Certainty, PolicyLayer, Rule};

/// One rule of a policy, to be shown: whose it is and how far it can be judged here.
///
/// Serialises as the [`Rule`] with `"layer"` and `"certainty"`.
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

    /// The rule, with its parameters.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whose rule it is.
    pub fn layer(&self) -> PolicyLayer {
        self.layer
    }

    /// How far it can be judged here.
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
