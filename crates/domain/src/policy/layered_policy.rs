//! The provider's policy combined with the caller's local one.

use super::space::Space;
use super::{ImpossiblePolicy, PasswordPolicy, PolicyRule, generator};
use crate::{Error, Password, PolicyLayer, Violation};

/// Two layers of rules: the provider's, and the caller's local ones. Each violation names its layer; a generated password
/// meets both.
///
/// ```
/// use repass_domain::{PolicyLayer, Password, PasswordPolicy, Preset, Rule};
///
/// let local = PasswordPolicy::builder().exact([Rule::MinLength(12)]).build()?;
/// let both = PasswordPolicy::from(Preset::UipathDefault).and_local(local)?;
/// let broken = both.check(&Password::new("patr0nu5")?);
/// assert_eq!((broken.len(), broken[0].layer()), (1, PolicyLayer::Caller));
/// assert!(both.check(&both.generate()?).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayeredPolicy {
    provider: PasswordPolicy,
    local: PasswordPolicy,
    space: Space,
}

impl LayeredPolicy {
    pub(super) fn new(provider: PasswordPolicy, local: PasswordPolicy) -> Result<Self, ImpossiblePolicy> {
        let space = Space::of(&[&provider.parts, &local.parts])?;
        Ok(Self {
            provider,
            local,
            space,
        })
    }

    /// The provider's layer of rules.
    pub fn provider(&self) -> &PasswordPolicy {
        &self.provider
    }

    /// The caller's local layer of rules.
    pub fn local(&self) -> &PasswordPolicy {
        &self.local
    }

    /// The rules of both layers that this password breaks: the provider's first, each layer in the order of
    /// [`PasswordPolicy::rules`]. A rule of both layers is reported twice. [`Rule::Typeable`](crate::Rule::Typeable),
    /// which applies regardless of the policies, comes first.
    pub fn check(&self, password: &Password) -> Vec<Violation> {
        let mut broken = password.untypeable();
        broken.extend(self.provider.violations(password, PolicyLayer::Provider));
        broken.extend(self.local.violations(password, PolicyLayer::Caller));
        broken
    }

    /// Generates a password that meets both layers: of characters that both allow, with the greater of the lengths
    /// that the policies set. See [`PasswordPolicy::generate`].
    ///
    /// # Errors
    /// As [`PasswordPolicy::generate`].
    pub fn generate(&self) -> Result<Password, Error> {
        generator::one(&self.space, &[&self.provider.parts, &self.local.parts])
    }

    /// An endless iterator of generated passwords. Cheaper per password than [`generate`](Self::generate), because they
    /// share reads from the operating system.
    ///
    /// ```
    /// use repass_domain::{Password, PasswordPolicy, LayeredPolicy, Preset};
    ///
    /// let policies = LayeredPolicy::from(PasswordPolicy::from(Preset::ZoomDefault));
    /// let hundred: Vec<Password> = policies.passwords().take(100).collect::<Result<_, _>>()?;
    /// assert!(hundred.iter().all(|password| policies.check(password).is_empty()));
    /// # Ok::<(), repass_domain::Error>(())
    /// ```
    pub fn passwords(&self) -> impl Iterator<Item = Result<Password, Error>> {
        generator::many(&self.space, [&self.provider.parts, &self.local.parts])
    }

    /// The length of the passwords that this policy generates.
    pub fn generated_length(&self) -> usize {
        self.space.length
    }

    /// Lists every rule with its description, the provider's first.
    pub fn explain(&self) -> Vec<PolicyRule> {
        let mut rules = self.provider.layer_rules(PolicyLayer::Provider);
        rules.extend(self.local.layer_rules(PolicyLayer::Caller));
        rules
    }
}

/// The provider's policy without local rules.
impl From<PasswordPolicy> for LayeredPolicy {
    fn from(provider: PasswordPolicy) -> Self {
        let space = provider.space.clone();
        Self {
            provider,
            local: PasswordPolicy::default(),
            space,
        }
    }
}
