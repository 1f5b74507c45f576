//! The caller's own rules for new passwords, checked before anything is sent to the provider.

use std::sync::Arc;

use async_trait::async_trait;
use repass_domain::{
    CallContext, Capabilities, Certainty, ChangeReceipt, Error, ImpossiblePolicy, LayeredPolicy, Password,
    PasswordChange, PasswordPolicy, PasswordService, PolicyLayer, Resolution, Rule, UnknownOutcome, UserId,
    UserKey, Violation,
};
use tokio::time::Instant;

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
/// let told: Vec<String> = broken.iter().map(ToString::to_string).collect();
/// assert_eq!(told, [
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
    /// These two layers.
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

    /// The same rules on top of what the provider has told.
    ///
    /// # Errors
    /// No password can meet both; with every reason.
    pub fn on(&self, provider: PasswordPolicy) -> Result<Self, ImpossiblePolicy> {
        Ok(Self {
            policies: provider.and_local(self.policies.own().clone())?,
            breach: self.breach.clone(),
        })
    }

    /// Both layers.
    pub fn policies(&self) -> &LayeredPolicy {
        &self.policies
    }

    /// Every rule of either layer that this password breaks, the provider's first. Asks the service of
    /// breached passwords, if one is configured; nobody else.
    ///
    /// # Errors
    /// That service cannot be asked, and nothing else is reason enough to refuse the password.
    pub async fn check(&self, cx: &CallContext, password: &Password) -> Result<Vec<Violation>, Error> {
        let mut broken = self.policies.check(password);
        let Some(breach) = &self.breach else {
            return Ok(broken);
        };
        match breach.is_known(cx, password).await {
            Ok(true) => broken.push(Violation::of_caller(Rule::NotBreached)),
            Ok(false) => {}
            Err(_) if refuses(&broken) => {}
            Err(error) => return Err(error),
        }
        Ok(broken)
    }

    /// What is left of the call when the password breaks none of the caller's rules. The provider's are its
    /// own to apply; they are told along with the caller's, so that the next try can be the last.
    async fn admit(&self, cx: &CallContext, password: &Password) -> Result<CallContext, Error> {
        let start = Instant::now();
        let broken = match self.check(cx, password).await {
            Err(error) if self.breach.as_ref().is_some_and(|breach| breach.may_fail()) => {
                tracing::warn!(%error, "a change goes ahead without the breach check");
                return Ok(cx.after(start.elapsed()));
            }
            checked => checked?,
        };
        if refuses(&broken) {
            return Err(Error::refused(broken));
        }
        Ok(cx.after(start.elapsed()))
    }
}

// Only what is certain is a reason not to ask the provider.
fn refuses(broken: &[Violation]) -> bool {
    let certain = |it: &Violation| it.layer() == PolicyLayer::Caller && it.certainty() == Certainty::Exact;
    broken.iter().any(certain)
}

#[derive(Debug)]
pub(super) struct LocalPolicyLayer {
    inner: Arc<dyn PasswordService>,
    rules: LocalPolicy,
}

impl LocalPolicyLayer {
    pub(super) fn new(inner: Arc<dyn PasswordService>, rules: LocalPolicy) -> Self {
        Self { inner, rules }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for LocalPolicyLayer {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.capabilities().check_mode(change.mode())?;
        let cx = self.rules.admit(cx, change.new_password()).await?;
        self.inner.change_password(&cx, change).await
    }

    // The change was sent, so it is too late for rules.
    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.inner.resolve(cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.inner.user_key(user)
    }

    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        self.inner.canonical_id(cx, user).await
    }
}
