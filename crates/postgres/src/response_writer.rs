//! Writes responses to the database in the background. One that is refused delays no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use repass_sidecar::StoredResponse;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use crate::DatabaseError;

/// What has to be written about a reservation.
pub(crate) enum Write {
    Response {
        reservation: Uuid,
        response: StoredResponse,
    },
    Release(Uuid),
}

/// Why something was not written.
pub(crate) enum Failure {
    /// There is no connection, for other writes neither.
    NotConnected(DatabaseError),
    /// This write has failed.
    Failed(DatabaseError),
}

/// Where responses are written.
pub(crate) trait Target: Send + Sync + 'static {
    fn write(&self, write: &Write) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes what has expired.
    fn clean(&self) -> impl Future<Output = Result<(), DatabaseError>> + Send;
}

/// Queues writes, and counts those that wait.
#[derive(Debug, Clone)]
pub(crate) struct ResponseWriter {
    queue: mpsc::UnboundedSender<Queued>,
    backlog: Backlog,
}

#[derive(Debug)]
struct Queued {
    write: Write,
    done: oneshot::Sender<()>,
    is_refused: bool,
    _size: Size,
}

/// The writes in memory.
#[derive(Debug, Clone)]
struct Backlog(Arc<watch::Sender<Waiting>>);

#[derive(Debug, Default, Clone, Copy)]
struct Waiting {
    writes: usize,
    bytes: usize,
    refused: usize,
}

/// The memory of a write or of a task that will send one, until it is dropped.
#[derive(Debug)]
pub(crate) struct Size {
    backlog: Backlog,
    writes: usize,
    bytes: usize,
}

impl Drop for Size {
    fn drop(&mut self) {
        self.backlog.change(|waiting| {
            waiting.writes -= self.writes;
            waiting.bytes -= self.bytes;
        });
    }
}

impl Backlog {
    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        self.0.send_modify(change);
    }

    fn add(&self, writes: usize, bytes: usize) -> Size {
        self.change(|waiting| {
            waiting.writes += writes;
            waiting.bytes += bytes;
        });
        Size {
            backlog: self.clone(),
            writes,
            bytes,
        }
    }
}

impl ResponseWriter {
    /// Above it no new key is reserved. What is in flight by then still gets its place.
    pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;
    // A write without its body.
    const OVERHEAD: usize = 512;
    const CLEANUP: Duration = Duration::from_secs(60);
    // After a write that failed, until it is tried again.
    const REFUSED: Duration = Duration::from_secs(10);
    const FAILED: Duration = Duration::from_millis(200);

    /// Starts a writer that runs until it is dropped and everything is written.
    pub(crate) fn start(target: impl Target) -> Self {
        let (queue, queued) = mpsc::unbounded_channel();
        let backlog = Backlog(Arc::new(watch::Sender::default()));
        tokio::spawn(write_all(target, queued, backlog.clone()));
        Self { queue, backlog }
    }

    /// Queues a write. The receiver learns when it is written.
    pub(crate) fn send(&self, write: Write) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        let body = match &write {
            Write::Response { response, .. } => response.body.len(),
            Write::Release(_) => 0,
        };
        let _ = self.queue.send(Queued {
            write,
            done,
            is_refused: false,
            _size: self.backlog.add(1, Self::OVERHEAD + body),
        });
        written
    }

    /// The memory of a task that will send a write.
    pub(crate) fn task(&self) -> Size {
        self.backlog.add(0, Self::OVERHEAD)
    }

    /// Waits until everything is written, or this time has passed. Returns whether it is.
    pub(crate) async fn flush(&self, limit: Duration) -> bool {
        let mut waiting = self.backlog.0.subscribe();
        let flushed = timeout(limit, waiting.wait_for(|waiting| waiting.writes == 0)).await;
        matches!(flushed, Ok(Ok(_)))
    }

    /// The number of writes in memory.
    pub(crate) fn waiting(&self) -> usize {
        self.backlog.0.borrow().writes
    }

    /// The number of writes that were refused and are tried again.
    pub(crate) fn refused(&self) -> usize {
        self.backlog.0.borrow().refused
    }

    /// Whether so much waits that nothing new should be begun.
    pub(crate) fn is_full(&self) -> bool {
        self.backlog.0.borrow().bytes >= Self::MAX_BYTES
    }
}

async fn write_all(target: impl Target, mut queue: mpsc::UnboundedReceiver<Queued>, backlog: Backlog) {
    // What is tried again, by the time when.
    let mut later: BTreeMap<(Instant, u64), Queued> = BTreeMap::new();
    let mut number = 0;
    let mut cleanup = Instant::now();
    let mut is_open = true;
    while is_open || !later.is_empty() {
        let next = later.keys().next().map(|(at, _)| *at);
        let queued = tokio::select! {
            queued = queue.recv(), if is_open => {
                is_open = queued.is_some();
                queued
            }
            () = sleep_until(next.unwrap_or(cleanup)), if next.is_some() => {
                later.pop_first().map(|(_, queued)| queued)
            }
            () = sleep_until(cleanup), if is_open => {
                if let Err(problem) = target.clean().await {
                    tracing::warn!(%problem, "expired idempotency keys were not removed");
                }
                cleanup = Instant::now() + ResponseWriter::CLEANUP;
                None
            }
        };
        let Some(mut queued) = queued else { continue };
        let Err(problem) = write_connected(&target, &queued.write).await else {
            if queued.is_refused {
                backlog.change(|waiting| waiting.refused -= 1);
                tracing::info!("a response that was refused is stored");
            }
            let _ = queued.done.send(());
            continue;
        };
        let delay = if problem.is_unreachable() {
            tracing::warn!(%problem, "a response was not stored; trying again");
            ResponseWriter::FAILED
        } else {
            if !queued.is_refused {
                queued.is_refused = true;
                backlog.change(|waiting| waiting.refused += 1);
                tracing::error!(%problem, "a response was refused by the shared state; trying again every 10 seconds");
            }
            ResponseWriter::REFUSED
        };
        number += 1;
        later.insert((Instant::now() + delay, number), queued);
    }
}

// Without a connection no other write would succeed either.
async fn write_connected(target: &impl Target, write: &Write) -> Result<(), DatabaseError> {
    loop {
        match target.write(write).await {
            Ok(()) => return Ok(()),
            Err(Failure::Failed(problem)) => return Err(problem),
            Err(Failure::NotConnected(problem)) => {
                tracing::warn!(%problem, "a response was not stored; trying again");
                sleep(ResponseWriter::FAILED).await;
            }
        }
    }
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Response { .. } => "Response",
            Self::Release(_) => "Release",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const BAD: Uuid = Uuid::from_bytes([1; 16]);
    const GOOD: Uuid = Uuid::from_bytes([2; 16]);

    /// A database that refuses one row, or all while it is away.
    #[derive(Default)]
    struct Table {
        rows: Mutex<Vec<Uuid>>,
        is_away: AtomicBool,
        accepts_all: AtomicBool,
    }

    impl Target for Arc<Table> {
        async fn write(&self, write: &Write) -> Result<(), Failure> {
            let (Write::Response { reservation, .. } | Write::Release(reservation)) = write;
            if self.is_away.load(Ordering::Relaxed) {
                return Err(Failure::NotConnected(DatabaseError::unreachable("away")));
            }
            if *reservation == BAD && !self.accepts_all.load(Ordering::Relaxed) {
                return Err(Failure::Failed(DatabaseError::refused("a check of the table")));
            }
            self.rows.lock().unwrap().push(*reservation);
            Ok(())
        }

        async fn clean(&self) -> Result<(), DatabaseError> {
            Ok(())
        }
    }

    fn response(reservation: Uuid, bytes: usize) -> Write {
        Write::Response {
            reservation,
            response: StoredResponse {
                status: 200,
                is_problem: false,
                retry_after: None,
                body: vec![b'x'; bytes].into(),
                is_evictable: false,
            },
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn refused_write_delays_no_other_and_is_written_once_it_is_accepted() {
        let table = Arc::new(Table::default());
        let writer = ResponseWriter::start(Arc::clone(&table));
        let bad = writer.send(response(BAD, 10));
        let good = writer.send(response(GOOD, 10));
        timeout(SECOND, good).await.unwrap().unwrap();
        assert_eq!((writer.waiting(), writer.refused()), (1, 1));
        assert!(!writer.flush(SECOND).await);
        table.accepts_all.store(true, Ordering::Relaxed);
        timeout(20 * SECOND, bad).await.unwrap().unwrap();
        assert!(writer.flush(SECOND).await);
        assert_eq!((writer.waiting(), writer.refused()), (0, 0));
        assert_eq!(*table.rows.lock().unwrap(), [GOOD, BAD]);
    }

    #[tokio::test(start_paused = true)]
    async fn backlog_of_an_outage_is_bounded_and_written_in_order() {
        let table = Arc::new(Table::default());
        table.is_away.store(true, Ordering::Relaxed);
        let writer = ResponseWriter::start(Arc::clone(&table));
        let half = ResponseWriter::MAX_BYTES / 2;
        drop(writer.send(response(GOOD, half)));
        drop(writer.send(Write::Release(BAD)));
        assert!(!writer.is_full());
        let task = writer.task();
        drop(writer.send(response(GOOD, half)));
        assert!(writer.is_full());
        assert!(!writer.flush(60 * SECOND).await);
        table.is_away.store(false, Ordering::Relaxed);
        table.accepts_all.store(true, Ordering::Relaxed);
        assert!(writer.flush(SECOND).await);
        assert!(!writer.is_full());
        assert_eq!(*table.rows.lock().unwrap(), [GOOD, BAD, GOOD]);
        assert_eq!(writer.backlog.0.borrow().bytes, ResponseWriter::OVERHEAD);
        drop(task);
        assert_eq!(writer.backlog.0.borrow().bytes, 0);
    }
}
