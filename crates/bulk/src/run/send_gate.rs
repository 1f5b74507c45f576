//! The last step before a call sends: its intent is put on record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use repass_domain::{BeforeSend, CallContext, Capabilities, UserId, UserKey};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::row::{PendingRow, Task};
use crate::RowStatus;

/// What a call is about to do.
#[derive(Debug, Clone)]
pub(super) struct SendIntent {
    pub(super) line: u64,
    /// The place of its provider among the session's.
    pub(super) provider: usize,
    /// With which the password was sealed.
    pub(super) batch: u64,
    /// Whose it is, of a row that is not in the journal yet.
    pub(super) fresh: Option<UserId>,
    /// The account that is changed, where a user may be named in more than one way.
    pub(super) account: Option<UserKey>,
    /// A sending of it has ended before, with an unknown outcome.
    pub(super) again: bool,
    pub(super) act: SendKind,
    /// What was known of it before.
    pub(super) before: RowStatus,
    /// The same call has sent before. Known to the session, not to the call.
    pub(super) resent: bool,
}

/// What it does to the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendKind {
    /// Changes it.
    Change,
    /// Probes it, and leaves it as it is.
    Probe,
    /// Probes it by setting it once more.
    ProbeBySetting,
}

impl SendKind {
    fn probe(capabilities: Capabilities) -> Self {
        if capabilities.resolve_sets_password {
            Self::ProbeBySetting
        } else {
            Self::Probe
        }
    }

    pub(super) fn is_probe(self) -> bool {
        self != Self::Change
    }
}

/// The question of a call whether it may send.
#[derive(Debug)]
pub(super) struct SendRequest {
    pub(super) intent: SendIntent,
    /// A session that is gone answers no.
    pub(super) answer: oneshot::Sender<bool>,
}

/// Where a call asks, and what it was answered.
#[derive(Debug, Clone)]
pub(super) struct SendGate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    asks: mpsc::UnboundedSender<SendRequest>,
    intent: SendIntent,
    due: Option<Instant>,
    granted: AtomicBool,
    withheld: AtomicBool,
    late: AtomicBool,
}

impl SendGate {
    pub(super) fn of(
        work: &PendingRow,
        batch: u64,
        capabilities: Capabilities,
        account: Option<UserKey>,
        asks: mpsc::UnboundedSender<SendRequest>,
    ) -> Self {
        let intent = SendIntent {
            line: work.line,
            provider: work.provider,
            batch,
            fresh: (work.task == Task::SendNew).then(|| work.user.clone()),
            account,
            again: work.task == Task::Reissue,
            act: match work.task {
                Task::Probe => SendKind::probe(capabilities),
                Task::Send | Task::SendNew | Task::Reissue => SendKind::Change,
            },
            before: work.before,
            resent: false,
        };
        Self::new(intent, work.due, asks)
    }

    /// That of a probe right after a sending of the same call.
    pub(super) fn probe(&self, capabilities: Capabilities) -> Self {
        let Inner { intent, asks, .. } = &*self.0;
        let intent = SendIntent {
            fresh: None,
            account: None,
            again: false,
            act: SendKind::probe(capabilities),
            ..intent.clone()
        };
        Self::new(intent, None, asks.clone())
    }

    fn new(intent: SendIntent, due: Option<Instant>, asks: mpsc::UnboundedSender<SendRequest>) -> Self {
        let no = || AtomicBool::new(false);
        Self(Arc::new(Inner {
            asks,
            intent,
            due,
            granted: no(),
            withheld: no(),
            late: no(),
        }))
    }

    /// The context of a call that asks before it sends: at the last moment where the service does so by itself,
    /// else now. `None` if it may not.
    pub(super) async fn context(&self, awaits: bool, budget: Duration) -> Option<CallContext> {
        let cx = CallContext::with_budget(budget);
        if !awaits {
            return Arc::clone(&self.0).ask().await.then_some(cx);
        }
        let inner = Arc::clone(&self.0);
        let before_send: BeforeSend = Arc::new(move || Box::pin(Arc::clone(&inner).ask()));
        Some(cx.with_before_send(before_send))
    }

    /// Its intent is on record, and it may have sent.
    pub(super) fn granted(&self) -> bool {
        self.0.granted.load(Ordering::Acquire)
    }

    /// It was told not to send, and has not sent before.
    pub(super) fn withheld(&self) -> bool {
        self.0.withheld.load(Ordering::Acquire) && !self.granted()
    }

    /// When it last asked, nothing that was sent before could be in flight any more.
    pub(super) fn late(&self) -> bool {
        self.0.late.load(Ordering::Acquire)
    }

    /// It may have set the password, as a probe.
    pub(super) fn may_have_set(&self) -> bool {
        self.granted() && self.0.intent.act == SendKind::ProbeBySetting
    }
}

impl Inner {
    async fn ask(self: Arc<Self>) -> bool {
        let late = self.due.is_some_and(|due| Instant::now() >= due);
        self.late.store(late, Ordering::Release);
        let (answer, answered) = oneshot::channel();
        let ask = SendRequest {
            intent: self.intent.clone(),
            answer,
        };
        let granted = self.asks.send(ask).is_ok() && answered.await.unwrap_or(false);
        let said = if granted { &self.granted } else { &self.withheld };
        said.store(true, Ordering::Release);
        granted
    }
}
