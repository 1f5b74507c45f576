//! A limit on the changes in flight.

use std::num::NonZeroUsize;

use repass_domain::{Error, ErrorKind};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::pipeline::TimeLeft;

/// How many changes may be in flight at once; unlimited if `None`.
#[derive(Debug, Default)]
pub(super) struct ConcurrencyLimit(Option<Semaphore>);

impl ConcurrencyLimit {
    pub(super) fn new(changes: Option<NonZeroUsize>) -> Self {
        Self(changes.map(|changes| Semaphore::new(changes.get().min(Semaphore::MAX_PERMITS))))
    }

    /// Waits for a permit, in order of arrival, as long as the call's budget lasts.
    pub(super) async fn acquire(&self, time: &TimeLeft<'_>) -> Result<Option<SemaphorePermit<'_>>, Error> {
        let Some(semaphore) = &self.0 else {
            return Ok(None);
        };
        if let Ok(permit) = semaphore.try_acquire() {
            return Ok(Some(permit));
        }
        match timeout(time.budget(), semaphore.acquire()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            // The semaphore is never closed, so the time has run out.
            Ok(Err(_)) | Err(_) => Err(Error::not_applied(
                ErrorKind::BudgetExhausted,
                "timed out waiting for a free slot (`max_in_flight`)",
            )),
        }
    }
}
