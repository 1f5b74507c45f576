//! The part of a rate limit that is lent to this process, where several processes share an account.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::boot_clock::boot_time;
use crate::rate_limiter::Bucket;
use crate::{RateLimit, RateLimiter};

/// What is lent of a rate limit, and until when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Share {
    permits: u32,
    /// By the clock that runs on while the machine is suspended.
    until: Duration,
}

impl Share {
    /// How many permits may be used now.
    pub(crate) fn permits(self) -> u32 {
        if boot_time() < self.until { self.permits } else { 0 }
    }
}

/// One rate limit of an account that several processes share: whoever lends permits to this process asks it what is
/// needed, and tells it what it gets.
#[derive(Debug, Clone)]
pub struct Lane {
    label: &'static str,
    limit: RateLimit,
    bucket: Weak<Bucket>,
    wanted: Arc<Notify>,
}

/// What a process has and needs of a shared rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The permits that this process may still use, or whose requests may still count at the provider. All others may
    /// be lent to other processes.
    pub held: u32,
    /// The permits that it could use now, at most all of them.
    pub wanted: u32,
    /// How much longer no request may be sent, because the provider has refused one for its rate.
    pub closed_for: Duration,
}

impl Lane {
    pub(crate) fn new(
        label: &'static str,
        limit: RateLimit,
        bucket: &Arc<Bucket>,
        wanted: &Arc<Notify>,
    ) -> Self {
        Self {
            label,
            limit,
            bucket: Arc::downgrade(bucket),
            wanted: Arc::clone(wanted),
        }
    }

    /// Returns the label of the requests that it limits.
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Returns the limit of all processes together.
    pub fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Gives up what exceeds `at_most` permits, and returns what the process has and needs; `None` once the rate limiter
    /// was dropped. What is in use is given up as soon as it no longer counts at the provider.
    pub fn demand(&self, at_most: u32) -> Option<Demand> {
        let bucket = self.bucket.upgrade()?;
        let (mut state, now) = (bucket.state(), Instant::now());
        state.free_expired(now, self.limit);
        let used = u32::try_from(state.used()).unwrap_or(u32::MAX);
        let share = state.share.get_or_insert_default();
        share.permits = share.permits().min(at_most);
        let held = share.permits.max(used);
        let closed = state
            .closed_until
            .map(|until| until.saturating_duration_since(now));
        Some(Demand {
            held,
            wanted: used.saturating_add(state.waiting).min(self.limit.requests),
            closed_for: closed.unwrap_or_default(),
        })
    }

    /// Lends permits in place of those before, until this [time](boot_time); and sends nothing for `closed_for`.
    pub fn lend(&self, permits: u32, until: Duration, closed_for: Duration) {
        let Some(bucket) = self.bucket.upgrade() else {
            return;
        };
        let mut state = bucket.state();
        state.share = Some(Share { permits, until });
        if !closed_for.is_zero() {
            let until = Instant::now() + closed_for.min(RateLimiter::LONGEST_CLOSURE);
            state.closed_until = state.closed_until.max(Some(until));
        }
        drop(state);
        bucket.notify_changed();
    }

    /// Waits until a request of the account waits for a permit.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lent() -> (RateLimiter, Lane) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let limiter = RateLimiter::lent([("medium", RateLimit::per_second(10))], move |lanes| {
            let _ = sender.send(lanes);
        });
        limiter.lanes_now();
        let lane = receiver.recv().unwrap().pop().unwrap();
        (limiter, lane)
    }

    async fn acquire(limiter: &RateLimiter, left: Duration) -> Option<crate::rate_limiter::Permit> {
        limiter.acquire(Some("medium"), left).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_lent_is_used_until_the_lease_ends() {
        let (limiter, lane) = lent();
        assert!(acquire(&limiter, SECOND).await.is_none(), "nothing is lent");
        lane.lend(2, boot_time() + SECOND * 60, Duration::ZERO);
        let (first, second) = (acquire(&limiter, SECOND).await, acquire(&limiter, SECOND).await);
        assert!(first.is_some() && second.is_some());
        assert!(acquire(&limiter, SECOND / 2).await.is_none(), "two are lent");
        lane.lend(3, boot_time() + SECOND * 60, Duration::ZERO);
        let third = acquire(&limiter, SECOND).await;
        assert!(third.is_some());
        // What is in use is held until it no longer counts.
        let demand = lane.demand(1).unwrap();
        assert_eq!((demand.held, demand.wanted), (3, 3));
        assert!(acquire(&limiter, SECOND / 2).await.is_none(), "it was given up");
        for permit in [first, second, third] {
            permit.unwrap().ended(Ok(None), None);
        }
        assert_eq!(lane.demand(1).unwrap().held, 3, "they may still count");
        tokio::time::advance(SECOND).await;
        assert_eq!(lane.demand(1).unwrap().held, 1);
        lane.lend(10, boot_time(), Duration::ZERO);
        assert!(acquire(&limiter, SECOND).await.is_none(), "the lease is over");
        drop(limiter);
        assert_eq!(lane.demand(10), None);
    }

    #[tokio::test(start_paused = true)]
    async fn closure_of_another_process_holds_requests_back() {
        let (limiter, lane) = lent();
        lane.lend(5, boot_time() + SECOND * 60, SECOND * 3);
        assert!(acquire(&limiter, SECOND).await.is_none(), "closed");
        assert!(lane.demand(5).unwrap().closed_for > SECOND);
        tokio::time::advance(SECOND * 3).await;
        assert!(acquire(&limiter, SECOND).await.is_some());
    }
}
