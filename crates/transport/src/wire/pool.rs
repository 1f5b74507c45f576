//! Connections that wait for their next request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::connection::Connection;

/// Kept connections to one peer, the latest used first. Whoever takes one owns it, and puts it back
/// when its exchange ended well.
#[derive(Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Idle>>);

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Kept>,
    reaper: Option<JoinHandle<()>>,
}

/// It can be driven by the runtime that made it, and by no other.
#[derive(Debug)]
struct Kept {
    since: Instant,
    runtime: Id,
    connection: Connection,
}

// Shorter than servers keep idle connections, so that few are closed under a request.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

impl Pool {
    /// A connection that can take a request, if one is kept.
    pub(super) async fn take(&self) -> Option<Connection> {
        let runtime = Handle::current().id();
        loop {
            let mut kept = lock(&self.0).take(runtime)?;
            if kept.since.elapsed() < IDLE_LIMIT && kept.connection.is_usable().await {
                return Some(kept.connection);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, connection: Connection) {
        let mut idle = lock(&self.0);
        idle.connections.push(Kept {
            since: Instant::now(),
            runtime: Handle::current().id(),
            connection,
        });
        // A reaper is over once it found nothing to keep, or with the runtime it lived on.
        if idle.reaper.as_ref().is_none_or(JoinHandle::is_finished) {
            idle.reaper = Some(tokio::spawn(reap(Arc::downgrade(&self.0))));
        }
    }
}

impl Idle {
    fn take(&mut self, runtime: Id) -> Option<Kept> {
        let latest = self
            .connections
            .iter()
            .rposition(|kept| kept.runtime == runtime)?;
        Some(self.connections.remove(latest))
    }
}

// Closes what nobody used for long, for nobody else would: a service may never be called again.
async fn reap(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(IDLE_LIMIT).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        idle.connections.retain(|kept| kept.since.elapsed() < IDLE_LIMIT);
        if idle.connections.is_empty() {
            idle.reaper = None;
            return;
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
