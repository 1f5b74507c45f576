//! What stands around an adapter: metrics and a span for every call, a record of every change, by whose
//! right passwords may be changed, the caller's own rules, one change at a time per user, and a bound on how many are
//! under way.
//!
//! They are put on by [`Guards`] in one fixed order, because another order would be wrong: what cannot be put on
//! record counts as well, what is refused or waits for its turn is on record already, a password that breaks the
//! caller's rules waits for nobody, and a user's second change does not take a place while it waits for the first.
//! There is no guard for time, retries or fail-over. A future that is
//! dropped around a call destroys the evidence of what was sent, a second retry loop multiplies
//! the first, and two providers would make two truths.

mod allowed;
mod at_most;
mod audit;
mod breach;
mod in_order;
mod measured;
mod own_rules;
mod recent_changes;

use std::num::NonZeroUsize;
use std::sync::Arc;

use repass_domain::PasswordService;

pub use audit::{AuditEvent, AuditRecord, AuditSink, JsonLines};
pub(crate) use breach::BreachCheck;
pub(crate) use in_order::Turns;
pub use measured::describe_metrics;
pub use own_rules::OwnRules;

use crate::config::Allow;
use allowed::Allowed;
use at_most::AtMost;
use audit::Audited;
use in_order::InOrder;
use measured::Measured;
use own_rules::Ruled;

/// Which guards stand around a service, from outside: metrics and spans, audit, by whose right, the
/// caller's own rules, one change at a time per user, a bound on the changes under way, the adapter.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use repass::{CallContext, Guards, InMemoryPasswordService, JsonLines, Password, PasswordServiceExt as _};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let provider = InMemoryPasswordService::new("memory").with_user("alice", "old");
/// let service = Guards::default()
///     .audit(Arc::new(JsonLines::new(std::io::stderr())))
///     .at_most(NonZeroUsize::new(64).unwrap())
///     .around(Arc::new(provider));
/// service.reset(&CallContext::default(), "alice".parse()?, Password::new("new")?).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Guards {
    audit: Option<Arc<dyn AuditSink>>,
    allow: Option<Allow>,
    own_rules: Option<OwnRules>,
    at_most: Option<NonZeroUsize>,
    turns: Option<Arc<Turns>>,
}

impl Guards {
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
    pub fn own_rules(mut self, rules: OwnRules) -> Self {
        self.own_rules = Some(rules);
        self
    }

    /// Lets at most so many changes be under way at once; others wait, within their budgets.
    pub fn at_most(mut self, changes: NonZeroUsize) -> Self {
        self.at_most = Some(changes);
        self
    }

    /// Takes turns with other services that change the same users' passwords.
    pub(crate) fn in_turn(mut self, turns: Arc<Turns>) -> Self {
        self.turns = Some(turns);
        self
    }

    /// Puts the guards around a service. Metrics with spans, and one change at a time per user, always are among
    /// them.
    pub fn around(&self, service: Arc<dyn PasswordService>) -> Arc<dyn PasswordService> {
        let bounded: Arc<dyn PasswordService> = match self.at_most {
            Some(changes) => Arc::new(AtMost::new(service, changes)),
            None => service,
        };
        let ordered: Arc<dyn PasswordService> =
            Arc::new(InOrder::new(bounded, self.turns.clone().unwrap_or_default()));
        let ruled: Arc<dyn PasswordService> = match &self.own_rules {
            Some(rules) => Arc::new(Ruled::new(ordered, rules.clone())),
            None => ordered,
        };
        let allowed: Arc<dyn PasswordService> = match self.allow {
            Some(allow) => Arc::new(Allowed::new(ruled, allow)),
            None => ruled,
        };
        let audited: Arc<dyn PasswordService> = match &self.audit {
            Some(sink) => Arc::new(Audited::new(allowed, Arc::clone(sink))),
            None => allowed,
        };
        Arc::new(Measured::new(audited))
    }
}
