//! What every call carries besides its change.

use std::time::Duration;

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
#[derive(Debug, Clone)]
pub struct CallContext {
    budget: Duration,
}

impl CallContext {
    /// The budget when nothing is said: 30 seconds.
    pub const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

    /// A call that may take this long, counted from when it is made.
    pub const fn with_budget(budget: Duration) -> Self {
        Self { budget }
    }

    /// How long the call may take, counted from when it is made. Zero: fail without sending.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// The same call with what is left after `spent`, for passing further down.
    pub fn after(&self, spent: Duration) -> Self {
        Self {
            budget: self.budget.saturating_sub(spent),
        }
    }
}

impl Default for CallContext {
    fn default() -> Self {
        Self::with_budget(Self::DEFAULT_BUDGET)
    }
}
