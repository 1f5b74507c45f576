//! Connections that wait for their next request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::runtime::{Handle, Id};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::connection::Connection;

/// Idle connections to one peer, the latest used first. A call that takes one owns it, and puts it back when its
/// exchange succeeded.
#[derive(Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Idle>>);

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<PooledConnection>,
    reaper: Option<JoinHandle<()>>,
    /// Until when connections are kept for a shorter time, because one was closed early.
    wary: Option<(Instant, Duration)>,
}

/// It can be driven by the runtime that made it, and by no other.
#[derive(Debug)]
struct PooledConnection {
    since: Instant,
    limit: Duration,
    runtime: Id,
    connection: Connection,
}

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The longest that a connection is kept unused, whatever its peer offers.
const LONGEST: Duration = Duration::from_secs(15);
/// How long it is kept where the peer offers nothing: Node's servers close after five seconds.
const USUAL: Duration = Duration::from_secs(4);
/// How long a peer that closed early is remembered.
const WARY_FOR: Duration = Duration::from_secs(60);

/// How long a connection with this response's head may wait for its next request; zero if it must not be used
/// again.
pub(super) fn idle_limit(status: StatusCode, headers: &HeaderMap) -> Duration {
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    let lengths = || headers.get_all(CONTENT_LENGTH).iter();
    // A body that a response without one announces would be read as the next response.
    let unexpected_body =
        status == StatusCode::NO_CONTENT && (chunked || lengths().any(|length| length != "0"));
    if unexpected_body || (chunked && lengths().next().is_some()) {
        return Duration::ZERO;
    }
    let offers = headers.get_all(&KEEP_ALIVE).iter();
    let offers = offers.filter_map(|offer| offer.to_str().ok());
    let mut limit = None;
    for (name, value) in offers
        .flat_map(|offer| offer.split(','))
        .filter_map(|part| part.split_once('='))
    {
        let number = value.trim().trim_matches('"').parse::<u64>();
        match (name.trim().to_ascii_lowercase().as_str(), number) {
            ("timeout", Ok(seconds)) => limit = Some(Duration::from_secs(seconds.saturating_sub(1))),
            ("max", Ok(0)) => return Duration::ZERO,
            _ => {}
        }
    }
    limit.unwrap_or(USUAL).min(LONGEST)
}

impl Pool {
    /// A connection that can take a request now, if one is kept, and for how long it was.
    pub(super) fn take(&self, now: Instant) -> Option<(Connection, Duration)> {
        let runtime = Handle::current().id();
        loop {
            let mut kept = lock(&self.0).take(runtime)?;
            let unused = now.saturating_duration_since(kept.since);
            if unused >= kept.limit {
                continue;
            }
            if kept.connection.is_usable() {
                return Some((kept.connection, unused));
            }
            self.closed_early(unused);
        }
    }

    /// The peer closed a connection that was unused for this long, without a word. Others like it are on the
    /// brink of it too, and a request on one of them would end as unknown.
    pub(super) fn closed_early(&self, unused: Duration) {
        let now = Instant::now();
        let mut idle = lock(&self.0);
        let known = idle.wary_limit(now);
        let limit = if unused < Duration::from_secs(1) {
            Duration::ZERO
        } else {
            unused / 2
        };
        idle.wary = Some((now + WARY_FOR, known.min(limit)));
    }

    /// Keeps a connection for the next request, at most for as long as its [limit](idle_limit) says.
    pub(super) fn put(&self, connection: Connection, limit: Duration) {
        let now = Instant::now();
        let mut idle = lock(&self.0);
        let limit = limit.min(idle.wary_limit(now));
        if limit.is_zero() {
            return;
        }
        idle.connections.push(PooledConnection {
            since: now,
            limit,
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
    fn take(&mut self, runtime: Id) -> Option<PooledConnection> {
        let latest = self
            .connections
            .iter()
            .rposition(|kept| kept.runtime == runtime)?;
        Some(self.connections.remove(latest))
    }

    fn wary_limit(&self, now: Instant) -> Duration {
        let wary = self.wary.filter(|(until, _)| now < *until);
        wary.map_or(LONGEST, |(_, limit)| limit)
    }
}

// Closes connections that are idle for long. Without it they would stay open: a service may never be called again.
async fn reap(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(USUAL).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        idle.connections.retain(|kept| kept.since.elapsed() < kept.limit);
        if idle.connections.is_empty() {
            idle.reaper = None;
            return;
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_limit_follows_the_keep_alive_header() {
        use http::HeaderName;
        for (status, headers, seconds) in [
            (200, &[][..], 4),
            (204, &[], 4),
            (204, &[("content-length", "0")], 4),
            (200, &[("content-length", "27")], 4),
            (200, &[("transfer-encoding", "chunked")], 4),
            (204, &[("content-length", "27")], 0),
            (204, &[("content-length", "0"), ("content-length", "2")], 0),
            (204, &[("transfer-encoding", "chunked")], 0),
            (204, &[("transfer-encoding", "gzip")], 0),
            (
                200,
                &[("transfer-encoding", "chunked"), ("content-length", "2")],
                0,
            ),
            (200, &[("keep-alive", "timeout=1")], 0),
            (200, &[("keep-alive", "timeout=0")], 0),
            (200, &[("keep-alive", "timeout=3, max=100")], 2),
            (200, &[("keep-alive", "max=100,Timeout = \"6\"")], 5),
            (200, &[("keep-alive", "max=100"), ("keep-alive", "timeout=3")], 2),
            (200, &[("keep-alive", "timeout=60, max=0")], 0),
            (200, &[("keep-alive", "timeout=300")], 15),
            (200, &[("keep-alive", "timeout=soon")], 4),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            let status = StatusCode::from_u16(status).unwrap();
            let limit = idle_limit(status, &map);
            assert_eq!(limit, Duration::from_secs(seconds), "{status} {headers:?}");
        }
    }
}
