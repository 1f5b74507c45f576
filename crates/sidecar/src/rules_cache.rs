//! A cache of the providers' password rules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use repass_domain::{CallContext, ErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::api::Problem;
use crate::directory::{Directory, Rules};

/// How long rules are kept.
const TTL: Duration = Duration::from_secs(60);

type LookupResult = Result<Arc<dyn Rules>, Problem>;

/// Rules by provider. A provider is asked at most once a minute, and concurrent requests share one look-up.
pub(crate) struct RulesCache {
    directory: Arc<dyn Directory>,
    budget: Duration,
    entries: Mutex<HashMap<String, Entry>>,
}

enum Entry {
    Known(Instant, Arc<dyn Rules>),
    /// A look-up is in flight until this deadline.
    Pending(Instant, watch::Receiver<Option<LookupResult>>),
}

impl RulesCache {
    pub(crate) fn new(directory: Arc<dyn Directory>, budget: Duration) -> Self {
        Self {
            directory,
            budget,
            entries: Mutex::default(),
        }
    }

    /// The rules of this provider, within the budget. Requests that wait for the same look-up share its result, a
    /// failure included.
    pub(crate) async fn get(self: &Arc<Self>, name: &str) -> LookupResult {
        let mut pending = {
            let mut entries = self.entries();
            match entries.get(name) {
                Some(Entry::Known(at, rules)) if at.elapsed() < TTL => return Ok(Arc::clone(rules)),
                // A look-up whose sender is gone has panicked.
                Some(Entry::Pending(deadline, pending))
                    if Instant::now() < *deadline && pending.has_changed().is_ok() =>
                {
                    pending.clone()
                }
                _ => {
                    let (sender, pending) = watch::channel(None);
                    let deadline = Instant::now() + self.budget;
                    entries.insert(name.to_owned(), Entry::Pending(deadline, pending.clone()));
                    tokio::spawn(Arc::clone(self).look_up(name.to_owned(), sender));
                    pending
                }
            }
        };
        let result = timeout(self.budget, pending.wait_for(Option::is_some)).await;
        let result = result.map(|result| result.ok().and_then(|result| result.clone()));
        result.ok().flatten().unwrap_or_else(|| Err(timed_out()))
    }

    async fn look_up(self: Arc<Self>, name: String, sender: watch::Sender<Option<LookupResult>>) {
        let cx = CallContext::with_budget(self.budget);
        let result = match timeout(self.budget, self.directory.rules(&name, &cx)).await {
            Ok(Ok(rules)) => Ok(rules),
            Ok(Err(error)) => Err(Problem::of_call(&error)),
            // A look-up changes nothing, so it can be dropped.
            Err(_) => Err(timed_out()),
        };
        {
            let mut entries = self.entries();
            let own = sender.subscribe();
            match (&result, entries.get(&name)) {
                (Ok(rules), _) => {
                    entries.insert(name, Entry::Known(Instant::now(), Arc::clone(rules)));
                }
                (Err(_), Some(Entry::Pending(_, pending))) if pending.same_channel(&own) => {
                    entries.remove(&name);
                }
                (Err(_), _) => {}
            }
        }
        sender.send_replace(Some(result));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn timed_out() -> Problem {
    Problem::new(
        ErrorKind::TimedOut.as_str(),
        "the provider did not report its rules in time; nothing was changed",
    )
    .retry_after(Duration::from_secs(5))
}
