//! The sandbox's time: real time, plus what the control API has added.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Never goes back, whatever the machine's own clock does.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    origin_at: Timestamp,
    advanced_seconds: AtomicU64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
            origin_at: Timestamp::now(),
            advanced_seconds: AtomicU64::new(0),
        }
    }

    /// Time since the sandbox started; what lifetimes and windows are measured with.
    pub(crate) fn elapsed(&self) -> Duration {
        self.origin.elapsed() + Duration::from_secs(self.advanced_seconds.load(Ordering::Relaxed))
    }

    /// The wall-clock instant, for ledgers and headers.
    pub(crate) fn now(&self) -> Timestamp {
        self.origin_at
            .saturating_add(self.elapsed())
            .unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.advanced_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}
