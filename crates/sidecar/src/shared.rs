//! What the handlers share.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use repass_domain::{CallContext, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::access::Token;
use crate::api::Problem;
use crate::directory::{Directory, Rules};
use crate::hosts::HostName;
use crate::idempotency::Kept;
use crate::router::Described;

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
    /// How many changes and resolutions may be in flight; more are refused at once with 503. Look-ups of rules have
    /// places of their own. Default: 256.
    pub max_in_flight: usize,
    /// How many connections may be open; for one more, the one whose client has been silent longest is closed.
    /// Default: 4096.
    pub max_connections: usize,
    /// How long a connection may wait for a request to come in whole. Default: 30 seconds.
    pub request_timeout: Duration,
    /// Whether an unknown outcome is settled at once, by a probe. Default: no.
    pub resolve_unknown: bool,
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
            request_timeout: Duration::from_secs(30),
            resolve_unknown: false,
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
            .field("request_timeout", &self.request_timeout)
            .field("resolve_unknown", &self.resolve_unknown)
            .finish_non_exhaustive()
    }
}

/// How long rules are kept that a provider has told.
const RULES_KEPT: Duration = Duration::from_secs(60);

/// How many look-ups may wait for a provider at once. They have places of their own, so that a provider that does not
/// tell its rules keeps no change waiting.
const MOST_READS: usize = 64;

type Answered = Result<Arc<dyn Rules>, Problem>;

/// What is known of a provider's rules.
enum Remembered {
    Known(Instant, Arc<dyn Rules>),
    /// They have been asked for, with so much time.
    Asked(Instant, watch::Receiver<Option<Answered>>),
}

/// What the handlers share. A clone is the same.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) options: Options,
    pub(crate) kept: Arc<Kept>,
    places: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    draining: AtomicBool,
    rules: Mutex<HashMap<String, Remembered>>,
    pub(crate) described: Described,
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
            reads: Arc::new(Semaphore::new(MOST_READS.min(most))),
            draining: AtomicBool::new(false),
            rules: Mutex::default(),
            described: Described::default(),
        }))
    }
}

impl Inner {
    /// A place for one call that changes something or settles it; `None` if all are taken, or the sidecar is about to
    /// end.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.place_among(&self.places)
    }

    /// The same for a call that changes nothing. The end does not wait for it.
    pub(crate) fn read_place(&self) -> Option<OwnedSemaphorePermit> {
        self.place_among(&self.reads)
    }

    fn place_among(&self, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(places).try_acquire_owned().ok();
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

    /// Ends when no change is in flight any more.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.options.max_in_flight).unwrap_or(u32::MAX);
        // It is never closed.
        drop(self.places.acquire_many(all).await);
    }

    /// How many changes and resolutions are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.options.max_in_flight - self.places.available_permits()
    }

    pub(crate) fn call_context(&self) -> CallContext {
        CallContext::with_budget(self.options.budget)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The rules of this provider. They are asked for at most once a minute, by one look-up whose answer, or failure, is
    /// that of all that wait for it, each within its budget.
    pub(crate) async fn rules(&self, name: &str) -> Answered {
        let mut asked = {
            let mut all = self.remembered();
            match all.get(name) {
                Some(Remembered::Known(at, rules)) if at.elapsed() < RULES_KEPT => {
                    return Ok(Arc::clone(rules));
                }
                // One that ended without an answer has panicked.
                Some(Remembered::Asked(until, asked))
                    if Instant::now() < *until && asked.has_changed().is_ok() =>
                {
                    asked.clone()
                }
                _ => {
                    let (tell, asked) = watch::channel(None);
                    let until = Instant::now() + self.options.budget;
                    all.insert(name.to_owned(), Remembered::Asked(until, asked.clone()));
                    tokio::spawn(self.clone().look_up(name.to_owned(), tell));
                    asked
                }
            }
        };
        let answered = timeout(self.options.budget, asked.wait_for(Option::is_some)).await;
        let answered = answered.map(|answered| answered.ok().and_then(|answered| answered.clone()));
        answered.ok().flatten().unwrap_or_else(|| Err(late()))
    }

    async fn look_up(self, name: String, tell: watch::Sender<Option<Answered>>) {
        let cx = self.call_context();
        let answered = match timeout(self.options.budget, self.directory.rules(&name, &cx)).await {
            Ok(Ok(rules)) => Ok(rules),
            Ok(Err(error)) => Err(Problem::of_call(&error)),
            // A look-up changes nothing, so it can be dropped.
            Err(_) => Err(late()),
        };
        {
            let mut all = self.remembered();
            let mine = tell.subscribe();
            match (&answered, all.get(&name)) {
                (Ok(rules), _) => {
                    all.insert(name, Remembered::Known(Instant::now(), Arc::clone(rules)));
                }
                (Err(_), Some(Remembered::Asked(_, asked))) if asked.same_channel(&mine) => {
                    all.remove(&name);
                }
                (Err(_), _) => {}
            }
        }
        tell.send_replace(Some(answered));
    }
}

fn late() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::TimedOut.as_str(),
        "the provider did not tell its rules in time; nothing was changed",
    )
    .retry_after(Duration::from_secs(5))
}
