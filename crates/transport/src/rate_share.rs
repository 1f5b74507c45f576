//! The part of a rate limit that is lent to this process, where several processes share an account.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::rate_limiter::Bucket;
use crate::{RateLimit, RateLimiter};

/// What is lent of a rate limit, and until when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Share {
    permits: u32,
    lease: Option<Lease>,
}

impl Share {
    /// How many permits may be used now.
    pub(crate) fn permits(self) -> u32 {
        match self.lease {
            Some(lease) if !lease.is_over() => self.permits,
            _ => 0,
        }
    }
}

/// Until when something is lent.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// The time of the clock at which it is over.
    pub until: Duration,
    /// A clock that runs on while the machine is suspended: [`boot_time`](crate::boot_time), but in simulations.
    pub clock: fn() -> Duration,
}

impl Lease {
    fn is_over(self) -> bool {
        (self.clock)() >= self.until
    }
}

/// One rate limit of an account that several processes share: a [`PermitLender`](crate::PermitLender) asks it what is
/// needed, and lends it what there is.
#[derive(Clone)]
pub struct Lane {
    label: &'static str,
    limit: RateLimit,
    bucket: Weak<Bucket>,
}

/// What a process has and needs of a shared rate limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The permits that this process may still use, or whose requests may still count at the provider. All others may
    /// be lent to other processes.
    pub held: u32,
    /// The permits that it could use now, at most all of them.
    pub wanted: u32,
    /// How much longer no request may be sent, because the provider has refused one of this process for its rate.
    pub closed_for: Duration,
    /// The part of the limit, from 0 to 1, that no process uses for a while, because the provider has refused requests of
    /// this one.
    pub reserved: f64,
}

/// What is lent to a process of a shared rate limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loan {
    /// The permits that it holds now.
    pub permits: u32,
    /// Its fair part. It gives up what it holds beyond, and gets what is missing when others have given it up.
    pub target: u32,
    /// How much longer no process may send a request.
    pub closed_for: Duration,
    /// The part of the limit that no process uses for a while.
    pub reserved: f64,
}

/// Why a lane's part should be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneEvent {
    /// A request waits, and needs more than what is lent.
    Waiting,
    /// The provider has refused a request for its rate, which the other processes should know.
    Refused,
}

impl Lane {
    pub(crate) fn new(label: &'static str, limit: RateLimit, bucket: &Arc<Bucket>) -> Self {
        Self {
            label,
            limit,
            bucket: Arc::downgrade(bucket),
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

    /// Calls this at every event from now on, within a runtime. The first function that is set stays.
    pub fn on_event(&self, call: impl Fn(LaneEvent) + Send + Sync + 'static) {
        if let Some(bucket) = self.bucket.upgrade() {
            bucket.on_event(Box::new(call));
        }
    }

    /// Gives up what exceeds `at_most` permits, and returns what the process has and needs; `None` once the rate limiter
    /// was dropped. What is in use is given up as soon as it no longer counts at the provider.
    pub fn demand(&self, at_most: u32) -> Option<Demand> {
        let bucket = self.bucket.upgrade()?;
        let (mut state, now) = (bucket.state(), Instant::now());
        state.recover(now, self.limit);
        state.free_expired(now, self.limit);
        let used = u32::try_from(state.used()).unwrap_or(u32::MAX);
        // What is known from the other processes is not reported back: it would last longer each time.
        let (closed_until, reserved) = match state.unreported_refusal {
            Some(_) => (state.closed_until, state.reserved),
            None => (None, 0.0),
        };
        state.asked_at = Some(now);
        let share = state.share.get_or_insert_default();
        share.permits = share.permits().min(at_most);
        let held = share.permits.max(used);
        let closed = closed_until.map(|until| until.saturating_duration_since(now));
        Some(Demand {
            held,
            wanted: used.saturating_add(state.waiting).min(self.limit.requests),
            closed_for: closed.unwrap_or_default(),
            reserved,
        })
    }

    /// Lends permits in place of those before, under this lease. Returns when the first permit that is in use
    /// no longer counts at the provider, if that is known.
    pub fn lend(&self, loan: Loan, lease: Lease) -> Option<Duration> {
        let bucket = self.bucket.upgrade()?;
        let (mut state, now) = (bucket.state(), Instant::now());
        state.share = Some(Share {
            permits: loan.permits.min(loan.target),
            lease: Some(lease),
        });
        if !loan.closed_for.is_zero() {
            let until = now + loan.closed_for.min(RateLimiter::LONGEST_CLOSURE);
            state.closed_until = state.closed_until.max(Some(until));
        }
        state.reserve_at_least(loan.reserved, now);
        if state.unreported_refusal < state.asked_at {
            state.unreported_refusal = None;
        }
        let free_in = state.first_free().map(|at| at.saturating_duration_since(now));
        drop(state);
        bucket.notify_changed();
        free_in
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("label", &self.label)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot_time;
    use crate::rate_limiter::Limited;

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

    fn minute() -> Lease {
        Lease {
            until: boot_time() + SECOND * 60,
            clock: boot_time,
        }
    }

    fn loan(permits: u32) -> Loan {
        Loan {
            permits,
            target: permits,
            closed_for: Duration::ZERO,
            reserved: 0.0,
        }
    }

    async fn acquire(limiter: &RateLimiter, left: Duration) -> Option<crate::rate_limiter::Permit> {
        limiter.acquire(Some("medium"), left).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_lent_is_used_until_the_lease_ends() {
        let (limiter, lane) = lent();
        assert!(acquire(&limiter, SECOND).await.is_none(), "nothing is lent");
        lane.lend(loan(2), minute());
        let (first, second) = (acquire(&limiter, SECOND).await, acquire(&limiter, SECOND).await);
        assert!(first.is_some() && second.is_some());
        assert!(acquire(&limiter, SECOND / 2).await.is_none(), "two are lent");
        lane.lend(loan(3), minute());
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
        lane.lend(
            loan(10),
            Lease {
                until: boot_time(),
                clock: boot_time,
            },
        );
        assert!(acquire(&limiter, SECOND).await.is_none(), "the lease is over");
        drop(limiter);
        assert_eq!(lane.demand(10), None);
    }

    #[tokio::test(start_paused = true)]
    async fn closure_of_another_process_holds_requests_back() {
        let (limiter, lane) = lent();
        let closed = Loan {
            closed_for: SECOND * 3,
            ..loan(5)
        };
        lane.lend(closed, minute());
        assert!(acquire(&limiter, SECOND).await.is_none(), "closed");
        // It would last longer with each report.
        assert_eq!(lane.demand(5).unwrap().closed_for, Duration::ZERO);
        tokio::time::advance(SECOND * 3).await;
        assert!(acquire(&limiter, SECOND).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn refusal_is_reported_at_once_and_until_it_was_heard() {
        let (limiter, lane) = lent();
        let (sender, receiver) = std::sync::mpsc::channel();
        lane.on_event(move |event| {
            let _ = sender.send(event);
        });
        lane.lend(loan(10), minute());
        let permit = acquire(&limiter, SECOND).await.unwrap();
        assert_eq!(receiver.try_recv().ok(), None, "enough is lent");
        permit.ended(Ok(None), Some(Limited::Until(SECOND * 5)));
        assert_eq!(receiver.try_recv().ok(), Some(LaneEvent::Refused));
        for attempt in ["lost", "heard"] {
            let demand = lane.demand(10).unwrap();
            assert_eq!(
                (demand.closed_for, demand.reserved),
                (SECOND * 5, 0.08),
                "{attempt}"
            );
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        lane.demand(10).unwrap();
        lane.lend(loan(9), minute());
        let demand = lane.demand(10).unwrap();
        assert_eq!((demand.closed_for, demand.reserved), (Duration::ZERO, 0.0));
    }

    #[tokio::test(start_paused = true)]
    async fn refusal_after_one_of_another_process_reserves_more() {
        let (limiter, lane) = lent();
        let reserved = Loan {
            reserved: 0.08,
            ..loan(10)
        };
        lane.lend(reserved, minute());
        assert!(lane.demand(10).unwrap().reserved < 0.01, "it is known");
        let permit = acquire(&limiter, SECOND).await.unwrap();
        permit.ended(Ok(None), Some(Limited::ForNow));
        assert!(lane.demand(10).unwrap().reserved > 0.15);
    }
}
