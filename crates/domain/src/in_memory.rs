//! A provider in memory, for callers' tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secrecy::ExposeSecret as _;

use crate::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, Password, PasswordChange,
    PasswordPolicy, PasswordService, Resolution, UnknownOutcome, UserId,
};

/// A provider that keeps its users in memory and obeys the same laws as the real ones: for tests
/// of code that needs a provider which remembers, where a mock's fixed answers are not enough.
/// Both authorities are taken.
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
    answers_to_lose: usize,
}

impl InMemoryPasswordService {
    /// A provider of this name without users, that takes every password.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            policy: PasswordPolicy::default(),
            state: Mutex::default(),
        }
    }

    /// The same with one more user.
    ///
    /// # Panics
    /// If the id or password is not valid; it is a test's own text.
    pub fn with_user(self, user: &str, password: &str) -> Self {
        let user = UserId::new(user).unwrap_or_else(|error| panic!("{error}"));
        let password = Password::new(password).unwrap_or_else(|error| panic!("{error}"));
        self.state().users.insert(user, password);
        self
    }

    /// The same with rules for new passwords.
    pub fn with_policy(mut self, policy: PasswordPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The next change is made, but its answer is lost: the caller sees an unknown outcome.
    pub fn lose_next_response(&self) {
        self.state().answers_to_lose += 1;
    }

    /// Whether this is the user's password now.
    #[expect(clippy::disallowed_methods, reason = "a test's made-up password is compared")]
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        let Ok(user) = UserId::new(user) else { return false };
        self.state()
            .users
            .get(&user)
            .is_some_and(|current| current.expose_secret() == password)
    }

    /// Whose password was set, in order, once for each time: the ledger.
    pub fn applied(&self) -> Vec<UserId> {
        self.state().applied.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // All in one critical section, as at a provider's database.
    fn apply(&self, change: &PasswordChange) -> Result<ChangeReceipt, Error> {
        let mut state = self.state();
        let Some(current) = state.users.get(account(change)) else {
            return Err(Error::not_applied(
                ErrorKind::UserNotFound,
                "the provider knows no such user",
            ));
        };
        if let ChangeMode::SelfService(given) = change.mode() {
            #[expect(clippy::disallowed_methods, reason = "the fake is the provider here")]
            let same = given.expose_secret() == current.expose_secret();
            if !same {
                return Err(Error::not_applied(
                    ErrorKind::WrongCurrentPassword,
                    "the current password is not the valid one",
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
        if state.answers_to_lose > 0 {
            state.answers_to_lose -= 1;
            let attempt = UnknownOutcome::new(&self.provider);
            return Err(Error::unknown(
                ErrorKind::ConnectionLost,
                "the answer was lost",
                attempt,
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
        if !sends(cx).await {
            return Err(Error::not_applied(
                ErrorKind::Internal,
                "the caller did not let the change be sent",
            ));
        }
        self.apply(change)
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        _attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        if cx.budget().is_zero() {
            return Err(Error::not_applied(
                ErrorKind::BudgetExhausted,
                "no time was left for the probe",
            ));
        }
        if !sends(cx).await {
            return Err(Error::not_applied(
                ErrorKind::Internal,
                "the caller did not let the probe be sent",
            ));
        }
        #[expect(clippy::disallowed_methods, reason = "the fake is the provider here")]
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

async fn sends(cx: &CallContext) -> bool {
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
