//! What every call carries besides its change.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What a caller does before a change is sent. It answers whether to send it.
pub type BeforeSend = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What every call carries: how long it may take in all.
///
/// The budget is handed *down* to whatever waits (a queue, a back-off, a socket), never wrapped
/// *around* the call: a call that runs out of budget still returns, with the evidence of whether
/// anything was sent. A future that is dropped instead cannot tell.
///
/// ```
/// use std::time::Duration;
/// use repass_domain::CallContext;
///
/// let cx = CallContext::with_budget(Duration::from_secs(5));
/// assert_eq!(cx.after(Duration::from_secs(2)).budget(), Duration::from_secs(3));
/// assert_eq!(cx.after(Duration::from_secs(9)).budget(), Duration::ZERO);
/// ```
#[derive(Clone)]
pub struct CallContext {
    budget: Duration,
    before_send: Option<BeforeSend>,
}

impl CallContext {
    /// The budget when nothing is said: 30 seconds.
    pub const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

    /// A call that may take this long, counted from when it is made.
    pub const fn with_budget(budget: Duration) -> Self {
        Self {
            budget,
            before_send: None,
        }
    }

    /// The same call with something to do before it is sent, such as noting durably that it will be.
    ///
    /// A service whose [`Capabilities::before_send`](crate::Capabilities::before_send) is set awaits the callback
    /// before each sending of the change or of the probe: when nothing is waited for any more, neither a permit of
    /// the rate limit nor a token, and before the first byte leaves. Most calls send once. A call that is sent again
    /// (with a new token, after a rate limit, in the other encoding) awaits it again; reads before the change do not.
    /// If it answers `false` nothing is sent by this attempt, and the call fails as an attempt that was not sent.
    /// Its time counts towards the budget. Other services ignore it.
    pub fn with_before_send(mut self, before_send: BeforeSend) -> Self {
        self.before_send = Some(before_send);
        self
    }

    /// How long the call may take, counted from when it is made. Zero: fail without sending.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// What to await before the change or the probe is sent, if anything.
    pub fn before_send(&self) -> Option<&BeforeSend> {
        self.before_send.as_ref()
    }

    /// The same call with what is left after `spent`, for passing further down.
    pub fn after(&self, spent: Duration) -> Self {
        Self {
            budget: self.budget.saturating_sub(spent),
            before_send: self.before_send.clone(),
        }
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("budget", &self.budget)
            .field("before_send", &self.before_send.is_some())
            .finish()
    }
}

/// A call that may take this long: [`with_budget`](CallContext::with_budget).
impl From<Duration> for CallContext {
    fn from(budget: Duration) -> Self {
        Self::with_budget(budget)
    }
}

impl Default for CallContext {
    fn default() -> Self {
        Self::with_budget(Self::DEFAULT_BUDGET)
    }
}
