//! What stands around an adapter: metrics and a span for every call, a record of every change, by whose
//! right passwords may be changed, the caller's own rules, one change at a time per user, and a bound on how many are
//! under way.
//!
//! They are put on by [`Layers`] in one fixed order, because another order would be wrong: what cannot be put on
//! record counts as well, what is refused or waits for its turn is on record already, a password that breaks the
//! caller's rules waits for nobody, and a user's second change does not take a place while it waits for the first.
//! There is no guard for time, retries or fail-over. A future that is
//! dropped around a call destroys the evidence of what was sent, a second retry loop multiplies
//! the first, and two providers would make two truths.

mod audit;
mod breach;
mod concurrency_limit;
mod local_policy;
mod metrics;
mod per_user_lock;
mod permissions;
mod recent_changes;

use std::num::NonZeroUsize;
use std::sync::Arc;

use repass_domain::PasswordService;

pub use audit::{AuditEvent, AuditRecord, AuditSink, JsonLines};
pub(crate) use breach::BreachCheck;
pub use local_policy::LocalPolicy;
pub use metrics::describe_metrics;
pub(crate) use per_user_lock::UserLocks;

use crate::config::Allow;
use audit::AuditLayer;
use concurrency_limit::ConcurrencyLimit;
use local_policy::LocalPolicyLayer;
use metrics::MetricsLayer;
use per_user_lock::PerUserLock;
use permissions::PermissionLayer;

/// Which layers stand around a service, from outside: metrics and spans, audit, by whose right, the
/// caller's own rules, one change at a time per user, a bound on the changes under way, the adapter.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use repass::{CallContext, Layers, InMemoryPasswordService, JsonLines, Password, PasswordServiceExt as _};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let provider = InMemoryPasswordService::new("memory").with_user("alice", "old");
/// let service = Layers::default()
///     .audit(Arc::new(JsonLines::new(std::io::stderr())))
///     .max_in_flight(NonZeroUsize::new(64).unwrap())
///     .wrap(Arc::new(provider));
/// service.reset(&CallContext::default(), "alice".parse()?, Password::new("new")?).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Layers {
    audit: Option<Arc<dyn AuditSink>>,
    allow: Option<Allow>,
    local_policy: Option<LocalPolicy>,
    max_in_flight: Option<NonZeroUsize>,
    user_locks: Option<Arc<UserLocks>>,
}

impl Layers {
    /// Records every change, before it is sent and when it has ended.
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Takes changes by this right only; others are refused as
    /// [`Unsupported`](repass_domain::ErrorKind::Unsupported) before anything is sent.
    pub fn allow(mut self, allow: Allow) -> Self {
        self.allow = Some(allow);
        self
    }

    /// Refuses new passwords that break the caller's own rules, before anything is sent.
    pub fn local_policy(mut self, rules: LocalPolicy) -> Self {
        self.local_policy = Some(rules);
        self
    }

    /// Lets at most so many changes be under way at once; others wait, within their budgets.
    pub fn max_in_flight(mut self, changes: NonZeroUsize) -> Self {
        self.max_in_flight = Some(changes);
        self
    }

    /// Takes user_locks with other services that change the same users' passwords.
    pub(crate) fn user_locks(mut self, user_locks: Arc<UserLocks>) -> Self {
        self.user_locks = Some(user_locks);
        self
    }

    /// Puts the layers around a service. Metrics with spans, and one change at a time per user, always are among
    /// them.
    pub fn wrap(&self, service: Arc<dyn PasswordService>) -> Arc<dyn PasswordService> {
        let bounded: Arc<dyn PasswordService> = match self.max_in_flight {
            Some(changes) => Arc::new(ConcurrencyLimit::new(service, changes)),
            None => service,
        };
        let ordered: Arc<dyn PasswordService> = Arc::new(PerUserLock::new(
            bounded,
            self.user_locks.clone().unwrap_or_default(),
        ));
        let ruled: Arc<dyn PasswordService> = match &self.local_policy {
            Some(rules) => Arc::new(LocalPolicyLayer::new(ordered, rules.clone())),
            None => ordered,
        };
        let allowed: Arc<dyn PasswordService> = match self.allow {
            Some(allow) => Arc::new(PermissionLayer::new(ruled, allow)),
            None => ruled,
        };
        let audited: Arc<dyn PasswordService> = match &self.audit {
            Some(sink) => Arc::new(AuditLayer::new(allowed, Arc::clone(sink))),
            None => allowed,
        };
        Arc::new(MetricsLayer::new(audited))
    }
}
