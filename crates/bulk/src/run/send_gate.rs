//! The last step before a call sends: its intent is recorded in the journal.

use std::fmt;
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
    /// The index of its provider among the session's.
    pub(super) provider: usize,
    /// The batch in which the password was sealed.
    pub(super) batch: u64,
    /// The user of a row that is not in the journal yet.
    pub(super) fresh: Option<UserId>,
    /// The account, where a user may have several names.
    pub(super) account: Option<UserKey>,
    /// An earlier attempt has an unknown outcome.
    pub(super) again: bool,
    pub(super) kind: SendKind,
    /// The row's status before.
    pub(super) before: RowStatus,
    /// The same call has sent before. Set by the session.
    pub(super) resent: bool,
}

/// What a call does to the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendKind {
    /// Changes it.
    Change,
    /// Probes it, and leaves it as it is.
    Probe,
    /// Probes it by setting it again.
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

/// A call's request to send, answered when its intent is recorded.
#[derive(Debug)]
pub(super) struct SendRequest {
    pub(super) intent: SendIntent,
    /// Whether it may send. A dropped sender means no.
    pub(super) reply: oneshot::Sender<bool>,
}

/// Whom the calls of a session ask whether they may send.
#[derive(Clone)]
pub(super) struct Gatekeeper {
    /// To the session, which has their intents recorded.
    pub(super) requests: mpsc::UnboundedSender<SendRequest>,
    /// Whether what is recorded is still this process's.
    pub(super) may_send: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Gatekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatekeeper").finish_non_exhaustive()
    }
}

/// Lets a call send when its intent is recorded, and remembers whether it did.
#[derive(Debug, Clone)]
pub(super) struct SendGate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gatekeeper: Gatekeeper,
    intent: SendIntent,
    due: Option<Instant>,
    granted: AtomicBool,
    withheld: AtomicBool,
    late: AtomicBool,
}

impl SendGate {
    pub(super) fn of(
        row: &PendingRow,
        batch: u64,
        capabilities: Capabilities,
        account: Option<UserKey>,
        gatekeeper: Gatekeeper,
    ) -> Self {
        let intent = SendIntent {
            line: row.line,
            provider: row.provider,
            batch,
            fresh: (row.task == Task::SendNew).then(|| row.user.clone()),
            account,
            again: row.task == Task::Reissue,
            kind: match row.task {
                Task::Probe => SendKind::probe(capabilities),
                Task::Send | Task::SendNew | Task::Reissue => SendKind::Change,
            },
            before: row.before,
            resent: false,
        };
        Self::new(intent, row.due, gatekeeper)
    }

    /// The gate of a probe right after an attempt of the same call.
    pub(super) fn probe(&self, capabilities: Capabilities) -> Self {
        let Inner {
            intent, gatekeeper, ..
        } = &*self.0;
        let intent = SendIntent {
            fresh: None,
            account: None,
            again: false,
            kind: SendKind::probe(capabilities),
            ..intent.clone()
        };
        Self::new(intent, None, gatekeeper.clone())
    }

    fn new(intent: SendIntent, due: Option<Instant>, gatekeeper: Gatekeeper) -> Self {
        let no = || AtomicBool::new(false);
        Self(Arc::new(Inner {
            gatekeeper,
            intent,
            due,
            granted: no(),
            withheld: no(),
            late: no(),
        }))
    }

    /// The context of a call that passes this gate before it sends: at the last moment if the service supports
    /// `before_send`, else now. `None` if it may not send.
    pub(super) async fn context(&self, asks_before_send: bool, budget: Duration) -> Option<CallContext> {
        let cx = CallContext::with_budget(budget);
        if !asks_before_send {
            return Arc::clone(&self.0).request().await.then_some(cx);
        }
        let inner = Arc::clone(&self.0);
        // What the call finds out before the gate is of now.
        inner.note_time();
        let before_send: BeforeSend = Arc::new(move || Box::pin(Arc::clone(&inner).request()));
        Some(cx.with_before_send(before_send))
    }

    /// Its intent is recorded, and it may have sent.
    pub(super) fn granted(&self) -> bool {
        self.0.granted.load(Ordering::Acquire)
    }

    /// It was not let through, and has not sent before.
    pub(super) fn withheld(&self) -> bool {
        self.0.withheld.load(Ordering::Acquire) && !self.granted()
    }

    /// When it began, or last reached the gate, no earlier attempt could be in flight any more.
    pub(super) fn late(&self) -> bool {
        self.0.late.load(Ordering::Acquire)
    }

    /// It is a probe that may have set the password.
    pub(super) fn may_have_set(&self) -> bool {
        self.granted() && self.0.intent.kind == SendKind::ProbeBySetting
    }
}

impl Inner {
    fn note_time(&self) {
        let late = self.due.is_some_and(|due| Instant::now() >= due);
        self.late.store(late, Ordering::Release);
    }

    async fn request(self: Arc<Self>) -> bool {
        self.note_time();
        let (reply, granted) = oneshot::channel();
        let request = SendRequest {
            intent: self.intent.clone(),
            reply,
        };
        let Gatekeeper { requests, may_send } = &self.gatekeeper;
        // A process that was suspended meanwhile finds its row taken for lost.
        let granted = requests.send(request).is_ok() && granted.await.unwrap_or(false) && may_send();
        let flag = if granted { &self.granted } else { &self.withheld };
        flag.store(true, Ordering::Release);
        granted
    }
}
