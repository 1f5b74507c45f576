//! A provider in memory whose users say by their names what is to go wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use repass_bulk::Provider;
use repass_domain::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, InMemoryPasswordService, LayeredPolicy,
    PasswordChange, PasswordPolicy, PasswordService, Preset, Resolution, UnknownOutcome, UserId, UserKey,
};
use std::sync::Arc;

/// Users whose names begin so:
///
/// - `lost`: the change is made and its answer lost, the first time;
/// - `vain`: nothing is made and the answer is lost, the first time;
/// - `down`: the provider is not there, until [`Service::up`];
/// - `hang`: there is never an answer;
/// - `late`: there is no answer, and the change is made when the provider is [`Service::up`], the first time;
/// - `wait`: the call waits for its turn until then, and sends nothing before;
/// - `local`: it is refused here, before anything is sent;
/// - `twice`: it is sent twice by one call, because the first time did nothing;
/// - `blunt`: it is sent without asking whether it may be;
/// - `no one`: there is no such user;
/// - `mail-`, of [`Service::aliased`]: it is another name of the user whose name follows.
///
/// It asks before it sends, but for those.
#[derive(Debug)]
pub(crate) struct Service {
    memory: InMemoryPasswordService,
    late: Mutex<Vec<PasswordChange>>,
    /// It is no service that asks.
    never_asks: bool,
    names: Names,
    loses_all: bool,
    sent: AtomicUsize,
    probes: Mutex<Vec<String>>,
    calls: Mutex<Vec<String>>,
    up: Mutex<bool>,
}

/// How it compares the names of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Exact,
    LookedUp,
    WithoutCase,
}

impl Service {
    pub(crate) fn new(users: &[&str]) -> Arc<Self> {
        Arc::new(Self::of(users))
    }

    /// One that makes every change and loses the answer.
    pub(crate) fn losing(users: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            loses_all: true,
            ..Self::of(users)
        })
    }

    /// One that does not ask before it sends.
    pub(crate) fn blunt(users: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            never_asks: true,
            ..Self::of(users)
        })
    }

    /// One that looks up the other names of users.
    pub(crate) fn aliased(users: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            names: Names::LookedUp,
            ..Self::of(users)
        })
    }

    /// One that compares users without letter case.
    pub(crate) fn without_case(users: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            names: Names::WithoutCase,
            ..Self::of(users)
        })
    }

    fn of(users: &[&str]) -> Self {
        let memory = InMemoryPasswordService::new("zoom");
        let memory = users
            .iter()
            .filter(|user| !user.starts_with("nobody"))
            .fold(memory, |memory, user| memory.with_user(user, "Old-Passw0rd-1"));
        Self {
            memory,
            late: Mutex::default(),
            never_asks: false,
            names: Names::Exact,
            loses_all: false,
            sent: AtomicUsize::new(0),
            probes: Mutex::default(),
            calls: Mutex::default(),
            up: Mutex::default(),
        }
    }

    pub(crate) fn provider(self: &Arc<Self>) -> Provider {
        let service: Arc<dyn PasswordService> = Arc::<Self>::clone(self);
        Provider::new(
            service,
            LayeredPolicy::from(PasswordPolicy::from(Preset::ZoomDefault)),
        )
    }

    pub(crate) fn up(&self) {
        *self.up.lock().unwrap() = true;
        for change in std::mem::take(&mut *self.late.lock().unwrap()) {
            self.make(&change).unwrap();
        }
    }

    fn is_up(&self) -> bool {
        *self.up.lock().unwrap()
    }

    // What the provider does, whenever it does it.
    fn make(&self, change: &PasswordChange) -> Result<ChangeReceipt, Error> {
        let cx = CallContext::default();
        let mut made = self.memory.change_password(&cx, change);
        match made.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(made) => made,
            Poll::Pending => panic!("memory does not wait"),
        }
    }

    /// Whom it was asked about by probes.
    pub(crate) fn probes(&self) -> Vec<String> {
        self.probes.lock().unwrap().clone()
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

    /// How many changes have got as far as being sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
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
        let mut capabilities = self.memory.capabilities();
        capabilities.before_send = !self.never_asks;
        capabilities.canonical_ids = self.names == Names::LookedUp;
        capabilities
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        if self.names == Names::WithoutCase {
            UserKey::exact(&user.expose().to_ascii_lowercase())
        } else {
            user.key()
        }
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let user = change.canonical_id().unwrap_or(change.user()).expose();
        let first = self.note(user) == 1;
        if user.starts_with("local") {
            return Err(Error::not_applied(ErrorKind::BudgetExhausted, "no time was left"));
        }
        while user.starts_with("wait") && !self.is_up() {
            tokio::task::yield_now().await;
        }
        if !user.starts_with("blunt") && !sends(cx).await {
            return Err(Error::not_applied(ErrorKind::Internal, "withheld"));
        }
        if user.starts_with("twice") && !sends(cx).await {
            return Err(Error::not_applied(ErrorKind::Internal, "withheld"));
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        if user.starts_with("hang") {
            std::future::pending::<()>().await;
        }
        if user.starts_with("down") && !self.is_up() && !self.loses_all {
            return Err(Error::not_applied(ErrorKind::Unreachable, "no connection"));
        }
        let lost = || {
            Error::unknown(
                ErrorKind::ConnectionLost,
                "the answer was lost",
                UnknownOutcome::new("zoom"),
            )
        };
        if user.starts_with("vain") && first {
            return Err(lost());
        }
        if user.starts_with("late") && first {
            self.late.lock().unwrap().push(change.clone());
            return Err(lost());
        }
        let made = self.make(change);
        if made.is_ok() && (self.loses_all || user.starts_with("lost") && first) {
            return Err(lost());
        }
        made
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.probes
            .lock()
            .unwrap()
            .push(change.user().expose().to_owned());
        self.memory.resolve(cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.memory.policy(cx).await
    }

    async fn canonical_id(&self, _: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        // Long enough for those after it to come first.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let meant = user.expose().strip_prefix("mail-");
        if meant.is_some_and(|meant| meant.starts_with("nobody")) {
            return Err(Error::not_applied(ErrorKind::UserNotFound, "no such user"));
        }
        Ok(meant.map(|meant| meant.parse().unwrap()))
    }
}

async fn sends(cx: &CallContext) -> bool {
    match cx.before_send() {
        Some(before_send) => before_send().await,
        None => true,
    }
}
