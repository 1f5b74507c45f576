//! What the handlers share.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use repass_domain::{CallContext, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::access::Token;
use crate::directory::{Directory, Rules};
use crate::hosts::HostName;
use crate::idempotency::Kept;

/// How a [`Sidecar`](crate::Sidecar) works.
#[derive(Clone)]
pub struct Options {
    /// What every client has to show, but to `/healthz` and `/readyz`. Default: nothing.
    pub token: Option<Token>,
    /// Further hosts that a request may name in `Host` and `Origin`. Both are checked where everybody on this machine
    /// may ask: at a TCP listener on a loopback address, without a token. Default: `localhost` and loopback addresses
    /// only.
    pub allowed_hosts: Vec<HostName>,
    /// How long a call to a provider may take. Default: [`CallContext::DEFAULT_BUDGET`].
    pub budget: Duration,
    /// How many calls to providers may be under way; more are refused at once with 503. Default: 256.
    pub max_in_flight: usize,
    /// How many connections may be open; for one more, the one whose client has been silent longest is closed.
    /// Default: 4096.
    pub max_connections: usize,
    /// How long a connection may wait for a request to come in whole. Default: 30 seconds.
    pub patience: Duration,
    /// Whether an unknown outcome is settled at once, by a probe. Default: no.
    pub settle_unknown: bool,
    /// Gives the metrics, in Prometheus's text format. Default: there are none.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: None,
            allowed_hosts: Vec::new(),
            budget: CallContext::DEFAULT_BUDGET,
            max_in_flight: 256,
            max_connections: 4096,
            patience: Duration::from_secs(30),
            settle_unknown: false,
            metrics: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("token", &self.token)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("budget", &self.budget)
            .field("max_in_flight", &self.max_in_flight)
            .field("max_connections", &self.max_connections)
            .field("patience", &self.patience)
            .field("settle_unknown", &self.settle_unknown)
            .finish_non_exhaustive()
    }
}

/// How long rules are kept that a provider has told.
const RULES_KEPT: Duration = Duration::from_secs(60);

type Remembered = Arc<tokio::sync::Mutex<Option<(Instant, Arc<dyn Rules>)>>>;

/// What the handlers share. A clone is the same.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) kept: Arc<Kept>,
    places: Arc<Semaphore>,
    draining: AtomicBool,
    rules: Mutex<HashMap<String, Remembered>>,
}

impl Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Shared {
    pub(crate) fn new(directory: Arc<dyn Directory>, options: Options) -> Self {
        let most = options.max_in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            directory,
            options: Options {
                max_in_flight: most,
                ..options
            },
            kept: Arc::default(),
            places: Arc::new(Semaphore::new(most)),
            draining: AtomicBool::new(false),
            rules: Mutex::default(),
        }))
    }
}

impl Inner {
    /// A place for one call to a provider; `None` if all are taken, or the sidecar is about to end.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        // In this order: who has a place by now is waited for, and who comes later is told.
        place.filter(|_| !self.is_draining())
    }

    /// From now on there are no places for new calls.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Ends when no call is under way any more.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.options.max_in_flight).unwrap_or(u32::MAX);
        // It is never closed.
        drop(self.places.acquire_many(all).await);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.options.max_in_flight - self.places.available_permits()
    }

    pub(crate) fn call_context(&self) -> CallContext {
        CallContext::with_budget(self.options.budget)
    }

    /// The rules of this provider, asked for at most once a minute, by one request for all that wait.
    pub(crate) async fn rules(&self, name: &str) -> Result<Arc<dyn Rules>, Error> {
        let remembered = {
            let mut all = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(name.to_owned()).or_default())
        };
        let mut remembered = remembered.lock().await;
        if let Some((at, rules)) = &*remembered
            && at.elapsed() < RULES_KEPT
        {
            return Ok(Arc::clone(rules));
        }
        let rules = self.directory.rules(name, &self.call_context()).await?;
        *remembered = Some((Instant::now(), Arc::clone(&rules)));
        Ok(rules)
    }
}
