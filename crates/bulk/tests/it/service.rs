//! A provider in memory whose users say by their names what is to go wrong.

use std::sync::Mutex;

use async_trait::async_trait;
use repass_bulk::Provider;
use repass_domain::{
    Attempt, CallContext, Capabilities, Changed, Error, ErrorKind, InMemoryPasswordService, PasswordChange,
    PasswordPolicy, PasswordService, Policies, Preset, Resolution,
};
use std::sync::Arc;

/// Users whose names begin so:
///
/// - `lost`: the change is made and its answer lost, the first time;
/// - `vain`: nothing is made and the answer is lost, the first time;
/// - `down`: the provider is not there, until [`Service::up`];
/// - `hang`: there is never an answer;
/// - `nobody`: there is no such user.
#[derive(Debug)]
pub(crate) struct Service {
    memory: InMemoryPasswordService,
    calls: Mutex<Vec<String>>,
    up: Mutex<bool>,
}

impl Service {
    pub(crate) fn new(users: &[&str]) -> Arc<Self> {
        let memory = InMemoryPasswordService::new("zoom");
        let memory = users
            .iter()
            .filter(|user| !user.starts_with("nobody"))
            .fold(memory, |memory, user| memory.with_user(user, "Old-Passw0rd-1"));
        Arc::new(Self {
            memory,
            calls: Mutex::default(),
            up: Mutex::default(),
        })
    }

    pub(crate) fn provider(self: &Arc<Self>) -> Provider {
        let service: Arc<dyn PasswordService> = Arc::<Self>::clone(self);
        Provider::new(service, Policies::from(PasswordPolicy::from(Preset::ZoomDefault)))
    }

    pub(crate) fn up(&self) {
        *self.up.lock().unwrap() = true;
    }

    pub(crate) fn accepts(&self, user: &str, password: &str) -> bool {
        self.memory.accepts(user, password)
    }

    /// How often this user's password was really set.
    pub(crate) fn applied(&self, user: &str) -> usize {
        self.memory
            .applied()
            .iter()
            .filter(|applied| applied.expose() == user)
            .count()
    }

    /// How often a change was asked for.
    pub(crate) fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    // How often it has been called for this user, this time included.
    fn note(&self, user: &str) -> usize {
        let mut calls = self.calls.lock().unwrap();
        calls.push(user.to_owned());
        calls.iter().filter(|called| *called == user).count()
    }
}

#[async_trait]
impl PasswordService for Service {
    fn provider(&self) -> &str {
        self.memory.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn change_password(&self, cx: &CallContext, change: &PasswordChange) -> Result<Changed, Error> {
        let user = change.user().expose();
        let first = self.note(user) == 1;
        if user.starts_with("hang") {
            std::future::pending::<()>().await;
        }
        if user.starts_with("down") && !*self.up.lock().unwrap() {
            return Err(Error::not_applied(ErrorKind::Unreachable, "no connection"));
        }
        let lost = || {
            Error::unknown(
                ErrorKind::ConnectionLost,
                "the answer was lost",
                Attempt::new("zoom"),
            )
        };
        if user.starts_with("vain") && first {
            return Err(lost());
        }
        let made = self.memory.change_password(cx, change).await;
        if made.is_ok() && user.starts_with("lost") && first {
            return Err(lost());
        }
        made
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &Attempt,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.memory.resolve(cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.memory.policy(cx).await
    }
}
