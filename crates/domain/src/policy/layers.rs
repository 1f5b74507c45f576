//! The provider's rules and the caller's own, together.

use super::space::Space;
use super::{ImpossiblePolicy, PasswordPolicy, PolicyRule, generate};
use crate::{Error, Password, PolicyLayer, Violation};

/// Two layers of rules: the provider's, and the caller's own on top. Each violation names its
/// layer; a generated password meets both.
///
/// ```
/// use repass_domain::{PolicyLayer, Password, PasswordPolicy, Preset, Rule};
///
/// let own = PasswordPolicy::builder().exact([Rule::MinLength(12)]).build()?;
/// let both = PasswordPolicy::from(Preset::UipathDefault).and_local(own)?;
/// let broken = both.check(&Password::new("patr0nu5")?);
/// assert_eq!((broken.len(), broken[0].layer()), (1, PolicyLayer::Caller));
/// assert!(both.check(&both.generate()?).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayeredPolicy {
    provider: PasswordPolicy,
    own: PasswordPolicy,
    space: Space,
}

impl LayeredPolicy {
    pub(super) fn new(provider: PasswordPolicy, own: PasswordPolicy) -> Result<Self, ImpossiblePolicy> {
        let space = Space::of(&[&provider.parts, &own.parts])?;
        Ok(Self { provider, own, space })
    }

    /// The provider's rules.
    pub fn provider(&self) -> &PasswordPolicy {
        &self.provider
    }

    /// The caller's own rules.
    pub fn own(&self) -> &PasswordPolicy {
        &self.own
    }

    /// Every rule of either layer that this password breaks: the provider's first, each layer in
    /// the order of [`PasswordPolicy::rules`]. A rule that both have is told for both. Before them
    /// comes [`Rule::Typeable`](crate::Rule::Typeable), which holds whatever the policies.
    pub fn check(&self, password: &Password) -> Vec<Violation> {
        let mut broken = password.untypeable();
        broken.extend(self.provider.violations(password, PolicyLayer::Provider));
        broken.extend(self.own.violations(password, PolicyLayer::Caller));
        broken
    }

    /// As [`PasswordPolicy::generate`], for both layers: from the characters that both allow, of
    /// the greater of both lengths where the policies name one.
    ///
    /// # Errors
    /// As there.
    pub fn generate(&self) -> Result<Password, Error> {
        generate::one(&self.space, &[&self.provider.parts, &self.own.parts])
    }

    /// Passwords without end, each as [`generate`](Self::generate) makes it. Where there are many to make, they
    /// cost less this way, because they share what is asked of the operating system.
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
        generate::many(&self.space, [&self.provider.parts, &self.own.parts])
    }

    /// How many characters a generated password has.
    pub fn generated_length(&self) -> usize {
        self.space.length
    }

    /// Every rule in words, the provider's first.
    pub fn explain(&self) -> Vec<PolicyRule> {
        let mut rules = self.provider.explained(PolicyLayer::Provider);
        rules.extend(self.own.explained(PolicyLayer::Caller));
        rules
    }
}

/// The provider's rules with none of the caller's own.
impl From<PasswordPolicy> for LayeredPolicy {
    fn from(provider: PasswordPolicy) -> Self {
        let space = provider.space.clone();
        Self {
            provider,
            own: PasswordPolicy::default(),
            space,
        }
    }
}
