//! How many connections there are, and which of them has to go for another one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// How long a connection may wait, at least, before it is closed for another one: enough for a request that was sent
/// together with it.
const GRACE: Duration = Duration::from_millis(100);

/// All open connections. Those whose client is to send something *wait*; they go first, the longest-waiting one
/// before all, when there are too many, and in any case when they have waited too long. Those with a request to
/// answer are *busy* and stay.
pub(crate) struct Crowd {
    members: Mutex<Members>,
    most: usize,
    left: Notify,
}

#[derive(Default)]
struct Members {
    open: usize,
    // In the order in which they began to wait.
    waiting: BTreeMap<u64, Waiting>,
    last: u64,
}

struct Waiting {
    since: Instant,
    leave: Arc<Notify>,
}

impl Crowd {
    /// Room for so many.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            members: Mutex::default(),
            most: most.max(1),
            left: Notify::new(),
        })
    }

    /// A place for one more. Where there is none, the connection that has waited longest is closed for it, once it has
    /// had the time to send what its client had ready; if none waits, this waits until one leaves.
    pub(crate) async fn enter(self: &Arc<Self>) -> Place {
        loop {
            let left = self.left.notified();
            let patience = {
                let mut members = self.members();
                if members.open < self.most {
                    members.open += 1;
                    let mut place = Place {
                        crowd: Arc::clone(self),
                        leave: Arc::default(),
                        waits: None,
                    };
                    place.wait_among(&mut members);
                    return place;
                }
                match members.waiting.first_entry() {
                    Some(longest) if longest.get().since.elapsed() >= GRACE => {
                        longest.remove().leave.notify_one();
                        None
                    }
                    Some(longest) => Some(GRACE.saturating_sub(longest.get().since.elapsed())),
                    None => None,
                }
            };
            match patience {
                // Many that come at once do not push one another out.
                Some(patience) => drop(timeout(patience, left).await),
                None => left.await,
            }
        }
    }

    /// Closes the connection that has waited longest, for want of descriptors.
    pub(crate) fn make_room(&self) {
        if let Some((_, longest)) = self.members().waiting.pop_first() {
            longest.leave.notify_one();
        }
    }

    /// Closes those that have waited for this long.
    pub(crate) fn send_off(&self, after: Duration) {
        let mut members = self.members();
        while let Some(longest) = members.waiting.first_entry() {
            if longest.get().since.elapsed() < after {
                break;
            }
            longest.remove().leave.notify_one();
        }
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.members().open
    }

    /// Ends when none is open any more.
    pub(crate) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            if self.open() == 0 {
                return;
            }
            left.await;
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place; it leaves when this is dropped.
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    leave: Arc<Notify>,
    waits: Option<u64>,
}

impl Place {
    /// Ends when the connection has to be closed.
    pub(crate) fn leave(&self) -> Arc<Notify> {
        Arc::clone(&self.leave)
    }

    /// A request has come in whole.
    pub(crate) fn busy(&mut self) {
        if let Some(at) = self.waits.take() {
            self.crowd.members().waiting.remove(&at);
        }
    }

    /// The client is to send something.
    pub(crate) fn waiting(&mut self) {
        let crowd = Arc::clone(&self.crowd);
        let mut members = crowd.members();
        self.wait_among(&mut members);
        if members.open >= crowd.most {
            drop(members);
            // Somebody may wait for one that can go.
            crowd.left.notify_waiters();
        }
    }

    /// Whether a request has come in whole and is not answered yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.waits.is_none()
    }

    fn wait_among(&mut self, members: &mut Members) {
        if let Some(at) = self.waits.take() {
            members.waiting.remove(&at);
        }
        members.last += 1;
        let waiting = Waiting {
            since: Instant::now(),
            leave: Arc::clone(&self.leave),
        };
        members.waiting.insert(members.last, waiting);
        self.waits = Some(members.last);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut members = self.crowd.members();
        if let Some(at) = self.waits.take() {
            members.waiting.remove(&at);
        }
        members.open -= 1;
        drop(members);
        self.crowd.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    async fn is_pending<T>(future: impl Future<Output = T>) -> bool {
        let mut future = pin!(future);
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_goes_for_who_comes() {
        let crowd = Crowd::new(2);
        let mut first = crowd.enter().await;
        let second = crowd.enter().await;
        // Who has sent something starts anew.
        first.busy();
        first.waiting();
        let third = crowd.enter();
        let mut third = pin!(third);
        assert!(is_pending(third.as_mut()).await);
        // Not before it could have sent something.
        assert!(is_pending(second.leave().notified()).await);
        tokio::time::advance(GRACE).await;
        assert!(is_pending(third.as_mut()).await);
        assert!(is_pending(first.leave().notified()).await);
        second.leave().notified().await;
        drop(second);
        let _third = third.await;
        assert_eq!(crowd.open(), 2);
    }

    #[tokio::test]
    async fn who_is_busy_stays() {
        let crowd = Crowd::new(1);
        let mut only = crowd.enter().await;
        only.busy();
        let next = crowd.enter();
        let mut next = pin!(next);
        assert!(is_pending(next.as_mut()).await);
        crowd.send_off(Duration::ZERO);
        assert!(is_pending(only.leave().notified()).await);
        drop(only);
        let next = next.await;
        crowd.send_off(Duration::ZERO);
        next.leave().notified().await;
        drop(next);
        crowd.empty().await;
    }
}
