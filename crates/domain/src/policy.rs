//! The rules for new passwords, as far as a provider tells them.

use secrecy::ExposeSecret as _;

use crate::{Password, Rule, Violation};

/// Rules for new passwords. Those that need the user's history or a dictionary are told by
/// [`rules`](Self::rules) but not judged by [`check`](Self::check).
///
/// ```
/// use repass_domain::{Password, PasswordPolicy, Rule};
///
/// let policy = PasswordPolicy::new(vec![Rule::MinLength(8), Rule::Digit]);
/// let codes: Vec<_> = policy.check(&Password::new("short")?).iter().map(|v| v.rule().code()).collect();
/// assert_eq!(codes, ["min_length", "digit"]);
/// # Ok::<(), repass_domain::InvalidPassword>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PasswordPolicy {
    rules: Vec<Rule>,
}

impl PasswordPolicy {
    /// A policy of the provider's.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// Every rule, in the order in which violations are told.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Every rule that this password breaks, as far as the password alone can tell.
    pub fn check(&self, password: &Password) -> Vec<Violation> {
        #[expect(clippy::disallowed_methods, reason = "judged in place, nothing is copied")]
        let text = password.expose_secret();
        let broken = self.rules.iter().filter(|rule| breaks(text, rule));
        broken.cloned().map(Violation::of_provider).collect()
    }
}

fn breaks(text: &str, rule: &Rule) -> bool {
    let length = || u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let lacks = |class: fn(char) -> bool| !text.contains(class);
    match rule {
        Rule::MinLength(min) => length() < *min,
        Rule::MaxLength(max) => length() > *max,
        Rule::Letter => lacks(char::is_alphabetic),
        Rule::Digit => lacks(|c| c.is_ascii_digit()),
        Rule::Uppercase => lacks(char::is_uppercase),
        Rule::Lowercase => lacks(char::is_lowercase),
        Rule::MixedCase => lacks(char::is_uppercase) || lacks(char::is_lowercase),
        Rule::Special => lacks(|c| !c.is_alphanumeric()),
        Rule::NotOneCharacter => text.chars().min() == text.chars().max(),
        _ => false,
    }
}
