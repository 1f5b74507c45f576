//! An in-memory provider for tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secrecy::ExposeSecret as _;

use crate::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, Password, PasswordChange,
    PasswordPolicy, PasswordService, Resolution, UnknownOutcome, UserId,
};

/// A provider for tests that keeps its users in memory and satisfies the same contract as the real ones. It is for
/// tests that need state, where the fixed responses of a mock are not enough. Supports resets and changes.
///
/// ```
/// use repass_domain::{CallContext, Outcome, InMemoryPasswordService, Password, PasswordServiceExt as _};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let service = InMemoryPasswordService::new("memory").with_user("alice", "old");
/// service.lose_next_response();
/// let lost = service.reset(&CallContext::default(), "alice".parse()?, Password::new("new")?).await;
/// assert_eq!(lost.unwrap_err().outcome(), Outcome::Unknown);
/// assert!(service.accepts("alice", "new"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct InMemoryPasswordService {
    provider: String,
    policy: PasswordPolicy,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: HashMap<UserId, Password>,
    applied: Vec<UserId>,
    responses_to_lose: usize,
}

impl InMemoryPasswordService {
    /// Creates a provider with this name, without users, that accepts every password.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            policy: PasswordPolicy::default(),
            state: Mutex::default(),
        }
    }

    /// Adds a user with this current password.
    ///
    /// # Panics
    /// The id or password is invalid.
    pub fn with_user(self, user: &str, password: &str) -> Self {
        let user = UserId::new(user).unwrap_or_else(|error| panic!("{error}"));
        let password = Password::new(password).unwrap_or_else(|error| panic!("{error}"));
        self.state().users.insert(user, password);
        self
    }

    /// Sets the rules for new passwords.
    pub fn with_policy(mut self, policy: PasswordPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Applies the next change but loses its response: the caller gets an unknown outcome.
    pub fn lose_next_response(&self) {
        self.state().responses_to_lose += 1;
    }

    /// Whether this is the user's current password at the emulated provider.
    #[expect(clippy::disallowed_methods, reason = "compares a test password")]
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        let Ok(user) = UserId::new(user) else { return false };
        self.state()
            .users
            .get(&user)
            .is_some_and(|current| current.expose_secret() == password)
    }

    /// The users whose passwords were set, in order, once for each change.
    pub fn applied(&self) -> Vec<UserId> {
        self.state().applied.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // One critical section, like a transaction of a provider's database.
    fn apply(&self, change: &PasswordChange) -> Result<ChangeReceipt, Error> {
        let mut state = self.state();
        let Some(current) = state.users.get(account(change)) else {
            return Err(Error::not_applied(
                ErrorKind::UserNotFound,
                ErrorKind::UserNotFound.title(),
            ));
        };
        if let ChangeMode::SelfService(given) = change.mode() {
            #[expect(clippy::disallowed_methods, reason = "acts as the provider")]
            let same = given.expose_secret() == current.expose_secret();
            if !same {
                return Err(Error::not_applied(
                    ErrorKind::WrongCurrentPassword,
                    ErrorKind::WrongCurrentPassword.title(),
                ));
            }
        }
        let violations = self.policy.check(change.new_password());
        if !violations.is_empty() {
            return Err(Error::refused(violations));
        }
        state
            .users
            .insert(account(change).clone(), change.new_password().clone());
        state.applied.push(account(change).clone());
        if state.responses_to_lose > 0 {
            state.responses_to_lose -= 1;
            let unknown = UnknownOutcome::new(&self.provider);
            return Err(Error::unknown(
                ErrorKind::ConnectionLost,
                "the response was lost",
                unknown,
            ));
        }
        Ok(ChangeReceipt::new())
    }
}

fn account(change: &PasswordChange) -> &UserId {
    change.canonical_id().unwrap_or(change.user())
}

#[async_trait]
impl PasswordService for InMemoryPasswordService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
            .with_reset()
            .with_change()
            .with_resolve()
            .with_policy()
            .with_before_send()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        if cx.budget().is_zero() {
            return Err(Error::not_applied(
                ErrorKind::BudgetExhausted,
                "no time was left to send the change",
            ));
        }
        self.capabilities().check(change)?;
        if !may_send(cx).await {
            return Err(Error::not_applied(
                ErrorKind::Internal,
                "the `before_send` callback withheld the change",
            ));
        }
        self.apply(change)
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        _unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        if cx.budget().is_zero() {
            return Err(Error::not_applied(
                ErrorKind::BudgetExhausted,
                "no time was left for the probe",
            ));
        }
        if !may_send(cx).await {
            return Err(Error::not_applied(
                ErrorKind::Internal,
                "the `before_send` callback withheld the probe",
            ));
        }
        #[expect(clippy::disallowed_methods, reason = "acts as the provider")]
        let in_place = self.accepts(account(change).expose(), change.new_password().expose_secret());
        Ok(if in_place {
            Resolution::InPlace
        } else {
            Resolution::NotInPlace
        })
    }

    async fn policy(&self, _cx: &CallContext) -> Result<PasswordPolicy, Error> {
        Ok(self.policy.clone())
    }
}

async fn may_send(cx: &CallContext) -> bool {
    match cx.before_send() {
        Some(before_send) => before_send().await,
        None => true,
    }
}

impl fmt::Debug for InMemoryPasswordService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryPasswordService")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
