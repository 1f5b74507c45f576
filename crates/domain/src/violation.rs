//! A broken rule, whose rule it is, and how sure that is.

use std::fmt;

use serde::Serialize;

use crate::Rule;

/// The layer of a policy that a rule belongs to: the provider's or the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyLayer {
    /// A rule of the provider.
    Provider,
    /// A local rule of the caller, in addition to the provider's; [`Rule::Typeable`] always belongs to this layer.
    Caller,
}

impl fmt::Display for PolicyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "provider",
            Self::Caller => "own policy",
        })
    }
}

/// How reliably a rule can be checked without the provider, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The rule is fully known, so the result of a check is certain.
    Exact,
    /// The rule is not fully published, so the result of a check is a guess. Show it, but do not reject a password for
    /// it alone.
    Approximate,
    /// The rule cannot be checked here: only the provider can, or a list or service that is not configured.
    ProviderOnly,
}

/// A rule that the new password breaks.
///
/// Serializes as the [`Rule`] with `"layer"`, and `"certainty"` unless it is exact. Contains nothing of the password
/// except an untypeable character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Violation {
    #[serde(flatten)]
    rule: Rule,
    layer: PolicyLayer,
    #[serde(skip_serializing_if = "is_exact")]
    certainty: Certainty,
}

impl Violation {
    pub(crate) fn new(rule: Rule, layer: PolicyLayer, certainty: Certainty) -> Self {
        Self {
            rule,
            layer,
            certainty,
        }
    }

    /// Creates a certain violation of a provider's rule.
    pub fn of_provider(rule: Rule) -> Self {
        Self::new(rule, PolicyLayer::Provider, Certainty::Exact)
    }

    /// Creates a certain violation of a local rule.
    pub fn of_caller(rule: Rule) -> Self {
        Self::new(rule, PolicyLayer::Caller, Certainty::Exact)
    }

    /// The violated rule, with its parameters.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The layer that the violated rule belongs to: the provider's or the caller's.
    pub fn layer(&self) -> PolicyLayer {
        self.layer
    }

    /// Whether the violation is certain ([`Certainty::Exact`]) or probable ([`Certainty::Approximate`]). Only a certain
    /// one is a reason not to send the change.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }
}

/// The rule, marked unless it is a certain violation of a provider's rule: `at least 12 characters (own policy)`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)?;
        // It applies without any policy.
        if matches!(self.rule, Rule::Typeable(_)) {
            return Ok(());
        }
        f.write_str(match (self.layer, self.certainty) {
            (PolicyLayer::Provider, Certainty::Exact) => "",
            (PolicyLayer::Provider, _) => " (approximate)",
            (PolicyLayer::Caller, Certainty::Exact) => " (own policy)",
            (PolicyLayer::Caller, _) => " (own policy, approximate)",
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_exact(certainty: &Certainty) -> bool {
    *certainty == Certainty::Exact
}
