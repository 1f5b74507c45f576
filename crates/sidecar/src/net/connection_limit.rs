//! A limit of open connections, which closes idle ones to make space.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// The minimum idle time before a connection is closed for another one: enough for a request that was sent together
/// with the connection to arrive.
const GRACE: Duration = Duration::from_millis(100);

/// Limits the number of open connections. A connection is *idle* while it waits for its client to send a complete
/// request, and *busy* while a request is processed. Idle connections are closed, the longest idle first, when the limit
/// is reached, and when they exceed the request timeout. Busy ones are never closed.
pub(crate) struct ConnectionLimiter {
    connections: Mutex<Connections>,
    limit: usize,
    released: Notify,
}

#[derive(Default)]
struct Connections {
    open: usize,
    // In the order in which they became idle.
    idle: BTreeMap<u64, Idle>,
    last: u64,
}

struct Idle {
    since: Instant,
    close: Arc<Notify>,
}

impl ConnectionLimiter {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            connections: Mutex::default(),
            limit: limit.max(1),
            released: Notify::new(),
        })
    }

    /// Acquires a permit for one more connection. At the limit it closes the connection that has been idle longest, once
    /// that has had time to send what its client had ready; if all are busy, it waits until one is released.
    pub(crate) async fn acquire(self: &Arc<Self>) -> ConnectionPermit {
        loop {
            let released = self.released.notified();
            let remaining_grace = {
                let mut connections = self.connections();
                if connections.open < self.limit {
                    connections.open += 1;
                    let mut permit = ConnectionPermit {
                        limiter: Arc::clone(self),
                        close: Arc::default(),
                        idle: None,
                    };
                    permit.enter_idle(&mut connections);
                    return permit;
                }
                match connections.idle.first_entry() {
                    Some(longest) if longest.get().since.elapsed() >= GRACE => {
                        longest.remove().close.notify_one();
                        None
                    }
                    Some(longest) => Some(GRACE.saturating_sub(longest.get().since.elapsed())),
                    None => None,
                }
            };
            match remaining_grace {
                // Connections that arrive at the same moment do not close one another.
                Some(grace) => drop(timeout(grace, released).await),
                None => released.await,
            }
        }
    }

    /// Closes the connection that has been idle longest, when file descriptors run out.
    pub(crate) fn close_longest_idle(&self) {
        if let Some((_, longest)) = self.connections().idle.pop_first() {
            longest.close.notify_one();
        }
    }

    /// Closes the connections that have been idle for this long.
    pub(crate) fn close_idle(&self, timeout: Duration) {
        let mut connections = self.connections();
        while let Some(longest) = connections.idle.first_entry() {
            if longest.get().since.elapsed() < timeout {
                break;
            }
            longest.remove().close.notify_one();
        }
    }

    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.connections().open
    }

    /// Waits until no connection is open.
    pub(crate) async fn all_released(&self) {
        loop {
            let released = self.released.notified();
            if self.open() == 0 {
                return;
            }
            released.await;
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit of one connection, released on drop.
pub(crate) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    close: Arc<Notify>,
    idle: Option<u64>,
}

impl ConnectionPermit {
    /// Notified when the connection has to be closed.
    pub(crate) fn close_signal(&self) -> Arc<Notify> {
        Arc::clone(&self.close)
    }

    /// A complete request has arrived.
    pub(crate) fn set_busy(&mut self) {
        if let Some(at) = self.idle.take() {
            self.limiter.connections().idle.remove(&at);
        }
    }

    /// The connection waits for its client.
    pub(crate) fn set_idle(&mut self) {
        let limiter = Arc::clone(&self.limiter);
        let mut connections = limiter.connections();
        self.enter_idle(&mut connections);
        if connections.open >= limiter.limit {
            drop(connections);
            // A new connection may wait for one that can be closed.
            limiter.released.notify_waiters();
        }
    }

    /// Whether a complete request has arrived and is not responded to yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.idle.is_none()
    }

    fn enter_idle(&mut self, connections: &mut Connections) {
        if let Some(at) = self.idle.take() {
            connections.idle.remove(&at);
        }
        connections.last += 1;
        let idle = Idle {
            since: Instant::now(),
            close: Arc::clone(&self.close),
        };
        connections.idle.insert(connections.last, idle);
        self.idle = Some(connections.last);
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut connections = self.limiter.connections();
        if let Some(at) = self.idle.take() {
            connections.idle.remove(&at);
        }
        connections.open -= 1;
        drop(connections);
        self.limiter.released.notify_waiters();
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
    async fn limiter_at_its_limit_closes_the_longest_idle_connection() {
        let limiter = ConnectionLimiter::new(2);
        let mut first = limiter.acquire().await;
        let second = limiter.acquire().await;
        // A request restarts the idle time.
        first.set_busy();
        first.set_idle();
        let third = limiter.acquire();
        let mut third = pin!(third);
        assert!(is_pending(third.as_mut()).await);
        // Not before it could have sent something.
        assert!(is_pending(second.close_signal().notified()).await);
        tokio::time::advance(GRACE).await;
        assert!(is_pending(third.as_mut()).await);
        assert!(is_pending(first.close_signal().notified()).await);
        second.close_signal().notified().await;
        drop(second);
        let _third = third.await;
        assert_eq!(limiter.open(), 2);
    }

    #[tokio::test]
    async fn limiter_never_closes_a_busy_connection() {
        let limiter = ConnectionLimiter::new(1);
        let mut only = limiter.acquire().await;
        only.set_busy();
        let next = limiter.acquire();
        let mut next = pin!(next);
        assert!(is_pending(next.as_mut()).await);
        limiter.close_idle(Duration::ZERO);
        assert!(is_pending(only.close_signal().notified()).await);
        drop(only);
        let next = next.await;
        limiter.close_idle(Duration::ZERO);
        next.close_signal().notified().await;
        drop(next);
        limiter.all_released().await;
    }
}
