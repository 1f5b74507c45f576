//! The state that all request handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use repass_domain::CallContext;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::DescriptionCache;
use crate::directory::Directory;
use crate::idempotency::{IdempotencyKeys, Reservation};
use crate::options::{Options, SharedIdempotency};
use crate::rules_cache::RulesCache;

/// The maximum number of policy look-ups in flight. They are limited apart from changes, so that a provider that does
/// not answer look-ups delays no change.
const MAX_LOOKUPS: usize = 64;

/// The state that all request handlers share. A clone is a reference to the same state.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) idempotency: IdempotencyKeys,
    pub(crate) rules: Arc<RulesCache>,
    pub(crate) description: DescriptionCache,
    changes: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    draining: AtomicBool,
}

impl Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AppState {
    pub(crate) fn new(directory: Arc<dyn Directory>, options: Options) -> Self {
        let max_in_flight = options.max_in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            idempotency: options
                .idempotency
                .as_ref()
                .map(SharedIdempotency::keys)
                .unwrap_or_default(),
            rules: Arc::new(RulesCache::new(Arc::clone(&directory), options.budget)),
            description: DescriptionCache::default(),
            changes: Arc::new(Semaphore::new(max_in_flight)),
            lookups: Arc::new(Semaphore::new(MAX_LOOKUPS.min(max_in_flight))),
            draining: AtomicBool::new(false),
            directory,
            options: Options {
                max_in_flight,
                ..options
            },
        }))
    }
}

impl Inner {
    /// A permit for one change or resolution; `None` if the limit is reached or the sidecar is draining.
    pub(crate) fn change_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permit(&self.changes)
    }

    /// A permit for one policy look-up. A drain does not wait for it.
    pub(crate) fn lookup_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permit(&self.lookups)
    }

    fn permit(&self, limit: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(limit).try_acquire_owned().ok();
        // In this order: a permit that was taken before the drain is waited for, and a later one is refused.
        permit.filter(|_| !self.is_draining())
    }

    /// From now on no permits are given.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Waits until no change is in flight.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.options.max_in_flight).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.changes.acquire_many(all).await);
    }

    /// How many changes and resolutions are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.options.max_in_flight - self.changes.available_permits()
    }

    /// The context of a call. With a reserved key it is not sent once others may take the request for lost.
    pub(crate) fn call_context(&self, reservation: Option<&Reservation>) -> CallContext {
        let cx = CallContext::with_budget(self.options.budget);
        match reservation.filter(|_| self.options.idempotency.is_some()) {
            None => cx,
            Some(reservation) => cx
                .with_before_send(reservation.before_send())
                .with_attempt_id(reservation.attempt()),
        }
    }
}
