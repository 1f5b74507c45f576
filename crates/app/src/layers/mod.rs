//! The layers around a provider's adapter: metrics and a span for every call, an audit record of every change, which
//! changes are allowed, the local policy, one change at a time per user, and a limit on the changes in flight.
//!
//! A [`Pipeline`] is all of them in one fixed order, because every other order would be wrong: a change that cannot be
//! recorded still counts; a change that is rejected or waits is recorded already; a password that violates the local
//! policy does not wait for other changes; and a user's second change takes no permit while it waits for the first.
//!
//! There is no layer for timeouts, retries or fail-over. Dropping the future of a call destroys the evidence of what was
//! sent, a second retry loop multiplies the first, and two providers would make two truths.

mod audit;
mod breach;
mod concurrency_limit;
mod local_policy;
mod metrics;
mod per_user_lock;
mod permissions;
mod pipeline;
mod recent_changes;
mod shared_user_lock;

use std::num::NonZeroUsize;
use std::sync::Arc;

use repass_domain::PasswordService;

pub use audit::{AuditEvent, AuditRecord, AuditSink, JsonLines};
pub(crate) use breach::BreachCheck;
pub use local_policy::LocalPolicy;
pub use metrics::describe_metrics;
pub(crate) use per_user_lock::UserLocks;
pub(crate) use pipeline::Pipeline;
#[cfg(feature = "postgres")]
pub(crate) use shared_user_lock::{ChangeEnd, PriorChange, SharedUserLock, SharedUserLocks};

use crate::config::Allow;
use audit::AuditLog;
use concurrency_limit::ConcurrencyLimit;
use metrics::ServiceMetrics;
use permissions::Permissions;

/// The layers around a service, such as audit, metrics and the local policy. From outside to inside: metrics and
/// spans, audit, which changes are allowed, the local policy, one change at a time per user, the limit on changes in
/// flight, the service.
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
    /// Writes a record of every change to this sink, before the change is sent and when it has ended.
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Rejects every change that is not of this mode, reset or change.
    ///
    /// Others are rejected as [`Unsupported`](repass_domain::ErrorKind::Unsupported) before anything is sent.
    pub fn allow(mut self, allow: Allow) -> Self {
        self.allow = Some(allow);
        self
    }

    /// Rejects new passwords that violate this policy, before anything is sent.
    pub fn local_policy(mut self, policy: LocalPolicy) -> Self {
        self.local_policy = Some(policy);
        self
    }

    /// Limits the changes in flight. Further changes wait for a free slot, within their budgets.
    pub fn max_in_flight(mut self, changes: NonZeroUsize) -> Self {
        self.max_in_flight = Some(changes);
        self
    }

    /// Shares the locks of users with other services that change the same users' passwords.
    pub(crate) fn user_locks(mut self, user_locks: Arc<UserLocks>) -> Self {
        self.user_locks = Some(user_locks);
        self
    }

    /// Wraps a service in these layers. Metrics with spans, and one change at a time per user, are always among the
    /// layers.
    pub fn wrap(&self, service: Arc<dyn PasswordService>) -> Arc<dyn PasswordService> {
        Arc::new(self.pipeline(service))
    }

    pub(crate) fn pipeline(&self, provider: Arc<dyn PasswordService>) -> Pipeline {
        Pipeline {
            metrics: ServiceMetrics::new(provider.provider()),
            audit: AuditLog(self.audit.clone()),
            permissions: Permissions(self.allow),
            local_policy: self.local_policy.clone(),
            user_locks: self.user_locks.clone().unwrap_or_default(),
            concurrency: ConcurrencyLimit::new(self.max_in_flight),
            provider,
        }
    }
}
