//! How long to wait before sending again, and how often all callers together may.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Exponential back-off with full jitter, and a quota that all calls of a transport share: when a
/// provider is down for everybody, retries stop instead of multiplying the load.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: Mutex<StdRng>,
    quota: AtomicU32,
}

impl Backoff {
    const BASE: Duration = Duration::from_millis(200);
    const CAP: Duration = Duration::from_secs(5);
    const MOST_RESENDS: u32 = 4;
    const QUOTA: u32 = 100;

    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            quota: AtomicU32::new(Self::QUOTA),
        }
    }

    /// The wait before resend number `resend` (from 0), or `None` if there should be none.
    pub(crate) fn delay(&self, resend: u32) -> Option<Duration> {
        if resend >= Self::MOST_RESENDS {
            return None;
        }
        let spend = |left: u32| left.checked_sub(1);
        self.quota
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .ok()?;
        let ceiling = Self::BASE.saturating_mul(1 << resend).min(Self::CAP);
        Some(ceiling.mul_f64(self.random(0.0, 1.0)))
    }

    /// The server's own delay, lengthened a little so that its callers do not come back together;
    /// about a second where the server says nothing.
    pub(crate) fn after(&self, requested: Option<Duration>) -> Duration {
        let delay = requested.unwrap_or(Duration::from_secs(1));
        delay + Duration::from_millis(250).mul_f64(self.random(0.0, 1.0))
    }

    /// A response came: the server is up, so the quota refills.
    pub(crate) fn refill(&self) {
        let add = |left: u32| (left < Self::QUOTA).then_some(left + 1);
        // Full already is as good.
        let _ = self.quota.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn random(&self, from: f64, to: f64) -> f64 {
        self.random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random_range(from..to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_delays_grow_up_to_a_ceiling_and_end() {
        let backoff = Backoff::new(7);
        for resend in 0..Backoff::MOST_RESENDS {
            let ceiling = Backoff::BASE * (1 << resend);
            assert!(backoff.delay(resend).unwrap() < ceiling.min(Backoff::CAP));
        }
        assert_eq!(backoff.delay(Backoff::MOST_RESENDS), None);
    }

    #[test]
    fn backoff_quota_is_shared_and_refills_with_responses() {
        let backoff = Backoff::new(7);
        let granted = (0..200).filter(|_| backoff.delay(0).is_some()).count();
        assert_eq!(granted, Backoff::QUOTA as usize);
        backoff.refill();
        assert!(backoff.delay(0).is_some() && backoff.delay(0).is_none());
    }

    #[test]
    fn backoff_never_shortens_the_servers_delay() {
        let backoff = Backoff::new(7);
        for _ in 0..100 {
            assert!(backoff.after(Some(Duration::from_secs(3))) >= Duration::from_secs(3));
            assert!(backoff.after(None) >= Duration::from_secs(1));
        }
    }
}
