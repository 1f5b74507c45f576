//! The context of a call: its budget and its hooks.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// A callback that runs before a change is sent. It returns whether to send it.
pub type BeforeSend = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// The context of a call: its time budget and an optional callback before it is sent.
///
/// The budget is passed *down* to everything that waits (a queue, a backoff, a socket) instead of being a timeout
/// *around* the call. A call that runs out of budget still returns an error that says whether anything was sent; a
/// dropped future cannot.
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
    attempt_id: Option<Uuid>,
    guards: Option<Arc<GuardStore>>,
}

/// Guards that layers keep between related calls.
#[derive(Default)]
struct GuardStore(Mutex<Vec<Box<dyn Any + Send>>>);

impl GuardStore {
    fn all(&self) -> MutexGuard<'_, Vec<Box<dyn Any + Send>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallContext {
    /// The default time budget of a call: 30 seconds.
    pub const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

    /// Creates a context with this time budget, counted from the start of the call.
    pub const fn with_budget(budget: Duration) -> Self {
        Self {
            budget,
            before_send: None,
            attempt_id: None,
            guards: None,
        }
    }

    /// Adds a callback that runs before the call is sent, for example to record durably that it will be.
    ///
    /// A service with [`Capabilities::before_send`](crate::Capabilities::before_send) awaits the callback before each
    /// time it sends the change or the probe: after it has a rate-limit permit and a token, and before the first byte
    /// leaves. Most calls send once. A retry (with a new token, after a rate limit, with the other encoding) awaits
    /// the callback again; reads before the change do not. If the callback returns `false`, this attempt is not sent
    /// and the call fails accordingly. The callback's time counts towards the budget. Other services ignore it.
    pub fn with_before_send(mut self, before_send: BeforeSend) -> Self {
        self.before_send = Some(before_send);
        self
    }

    /// Names the attempt, so that a call which ends without an outcome because its process was killed can be resolved
    /// with the handle of this id. Layers that share state with other processes store it.
    pub fn with_attempt_id(mut self, id: Uuid) -> Self {
        self.attempt_id = Some(id);
        self
    }

    /// Creates a context that related calls share, such as a change and its resolution: pass this context or clones
    /// of it to each call. The [guards](Self::hold_guard) that layers keep between the calls, such as the lock of the
    /// user whose change is unknown, are released when the last clone is dropped.
    ///
    /// [`change_and_resolve`](crate::PasswordServiceExt::change_and_resolve) does this; few callers need it directly.
    pub fn across_calls(&self) -> Self {
        Self {
            guards: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// Keeps a guard, such as a user's lock, until a later call with this context finds it. For layers.
    ///
    /// # Errors
    /// Returns the guard if the context is not for [several calls](Self::across_calls).
    pub fn hold_guard<T: Any + Send>(&self, guard: T) -> Result<(), T> {
        match &self.guards {
            Some(guards) => {
                guards.all().push(Box::new(guard));
                Ok(())
            }
            None => Err(guard),
        }
    }

    /// Returns the first `Some` that `find` returns for a guard of type `T` that an earlier call with this context
    /// kept. For layers.
    pub fn find_guard<T: Any, R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        let guards = self.guards.as_ref()?.all();
        guards
            .iter()
            .filter_map(|guard| guard.downcast_ref())
            .find_map(find)
    }

    /// How long the call may take, counted from its start. With zero it fails without sending.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// The callback to await before the change or the probe is sent.
    pub fn before_send(&self) -> Option<&BeforeSend> {
        self.before_send.as_ref()
    }

    /// Returns the id of the attempt, if the caller has named it.
    pub fn attempt_id(&self) -> Option<Uuid> {
        self.attempt_id
    }

    /// Returns this context with its budget reduced by the time `spent`, to pass to an inner call.
    pub fn after(&self, spent: Duration) -> Self {
        Self {
            budget: self.budget.saturating_sub(spent),
            before_send: self.before_send.clone(),
            attempt_id: self.attempt_id,
            guards: self.guards.clone(),
        }
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("budget", &self.budget)
            .field("before_send", &self.before_send.is_some())
            .field("attempt_id", &self.attempt_id)
            .field("across_calls", &self.guards.is_some())
            .finish()
    }
}

/// The same as [`with_budget`](CallContext::with_budget).
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
    fn guard_of_several_calls_is_released_with_the_last_clone() {
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
