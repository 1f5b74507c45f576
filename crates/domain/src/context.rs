//! What every call carries besides its change.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    guards: Option<Arc<GuardStore>>,
}

/// What layers hold between calls that belong together.
#[derive(Default)]
struct GuardStore(Mutex<Vec<Box<dyn Any + Send>>>);

impl GuardStore {
    fn all(&self) -> MutexGuard<'_, Vec<Box<dyn Any + Send>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallContext {
    /// The budget when nothing is said: 30 seconds.
    pub const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

    /// A call that may take this long, counted from when it is made.
    pub const fn with_budget(budget: Duration) -> Self {
        Self {
            budget,
            before_send: None,
            guards: None,
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

    /// The same for several calls that belong together, such as a change and its resolution: pass this context or
    /// clones of it to each of them. What a layer [holds](Self::hold_guard) between the calls, such as the lock of the user
    /// whose change is unknown, is released when the last clone is dropped.
    ///
    /// [`change_and_resolve`](crate::PasswordServiceExt::change_and_resolve) does this; few callers need it
    /// themselves.
    pub fn across_calls(&self) -> Self {
        Self {
            guards: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// For layers: keeps a guard for the next call that is made with this context. Gives it back if the context is
    /// not meant for [several calls](Self::across_calls).
    ///
    /// # Errors
    /// The guard.
    pub fn hold_guard<T: Any + Send>(&self, guard: T) -> Result<(), T> {
        match &self.guards {
            Some(guards) => {
                guards.all().push(Box::new(guard));
                Ok(())
            }
            None => Err(guard),
        }
    }

    /// For layers: the first of the guards of this type that an earlier call has left here and `find` gives something
    /// for.
    pub fn find_guard<T: Any, R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        let guards = self.guards.as_ref()?.all();
        guards
            .iter()
            .filter_map(|guard| guard.downcast_ref())
            .find_map(find)
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
            guards: self.guards.clone(),
        }
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("budget", &self.budget)
            .field("before_send", &self.before_send.is_some())
            .field("across_calls", &self.guards.is_some())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_held_as_long_as_the_calls_last() {
        let guard = Arc::new(());
        let alone = CallContext::default();
        assert!(alone.hold_guard(Arc::clone(&guard)).is_err());
        let calls = alone.across_calls();
        calls
            .after(Duration::from_secs(1))
            .hold_guard(Arc::clone(&guard))
            .unwrap();
        let same = |it: &Arc<()>| Arc::ptr_eq(it, &guard).then_some(());
        assert_eq!(calls.clone().find_guard(same), Some(()));
        assert_eq!(calls.across_calls().find_guard(same), None);
        assert_eq!(Arc::strong_count(&guard), 2);
        drop(calls);
        assert_eq!(Arc::strong_count(&guard), 1);
    }
}
