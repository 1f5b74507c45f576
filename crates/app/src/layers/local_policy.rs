//! The caller's own rules for new passwords, checked before anything is sent to the provider.

use std::sync::Arc;

use repass_domain::{
    CallContext, Certainty, Error, ImpossiblePolicy, LayeredPolicy, Password, PasswordPolicy, PolicyLayer,
    Rule, Violation,
};

use super::breach::BreachCheck;

/// The caller's own rules for new passwords at one provider, on top of the provider's as far as they are
/// known.
///
/// ```
/// use repass::{CallContext, LocalPolicy, Password, PasswordPolicy, Preset, Rule};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let own = PasswordPolicy::builder().exact([Rule::MinLength(12)]).build()?;
/// let rules = LocalPolicy::new(PasswordPolicy::from(Preset::ZoomDefault).and_local(own)?);
/// let broken = rules.check(&CallContext::default(), &Password::new("short")?).await?;
/// let reported: Vec<String> = broken.iter().map(ToString::to_string).collect();
/// assert_eq!(reported, [
///     "at least 8 characters",
///     "at least one digit",
///     "both upper-case and lower-case letters",
///     "at least 12 characters (own policy)",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct LocalPolicy {
    policies: LayeredPolicy,
    breach: Option<Arc<BreachCheck>>,
}

impl LocalPolicy {
    /// Creates a local policy that checks these two layers of rules: the provider's and the caller's.
    pub fn new(policies: LayeredPolicy) -> Self {
        Self {
            policies,
            breach: None,
        }
    }

    pub(crate) fn with_breach_check(mut self, check: BreachCheck) -> Self {
        self.breach = Some(Arc::new(check));
        self
    }

    /// Returns the same local rules on top of the rules that the provider has reported.
    ///
    /// # Errors
    /// No password can meet both; with every reason.
    pub fn on(&self, provider: PasswordPolicy) -> Result<Self, ImpossiblePolicy> {
        Ok(Self {
            policies: provider.and_local(self.policies.local().clone())?,
            breach: self.breach.clone(),
        })
    }

    /// The rules of both layers: the provider's and the caller's.
    pub fn policies(&self) -> &LayeredPolicy {
        &self.policies
    }

    /// Checks a new password, and returns every rule of either layer that it breaks, the provider's first. Asks the
    /// service of breached passwords, if one is configured; no one else.
    ///
    /// # Errors
    /// That service cannot be asked, and nothing else is reason enough to refuse the password.
    pub async fn check(&self, cx: &CallContext, password: &Password) -> Result<Vec<Violation>, Error> {
        let mut broken = self.policies.check(password);
        let Some(breach) = &self.breach else {
            return Ok(broken);
        };
        // In a box: most policies have no such check.
        match Box::pin(breach.is_known(cx, password)).await {
            Ok(true) => broken.push(Violation::of_caller(Rule::NotBreached)),
            Ok(false) => {}
            Err(_) if refuses(&broken) => {}
            Err(error) => return Err(error),
        }
        Ok(broken)
    }
}

/// Rejects a password that violates the local policy, if there is one. The provider's own rules are left to the provider;
/// their violations are reported along with the local ones, so that the next password can meet both.
pub(super) async fn check(
    policy: Option<&LocalPolicy>,
    cx: &CallContext,
    password: &Password,
) -> Result<(), Error> {
    let Some(policy) = policy else {
        return Ok(());
    };
    let violations = match policy.check(cx, password).await {
        Err(error) if policy.breach.as_ref().is_some_and(|breach| breach.may_fail()) => {
            tracing::warn!(%error, "a change goes ahead without the breach check");
            return Ok(());
        }
        checked => checked?,
    };
    if refuses(&violations) {
        return Err(Error::refused(violations));
    }
    Ok(())
}

// Only what is certain is a reason not to ask the provider.
fn refuses(broken: &[Violation]) -> bool {
    let certain = |it: &Violation| it.layer() == PolicyLayer::Caller && it.certainty() == Certainty::Exact;
    broken.iter().any(certain)
}
