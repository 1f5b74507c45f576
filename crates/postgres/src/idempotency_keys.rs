//! The idempotency keys of several sidecars.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use repass_domain::UnknownOutcome;
use repass_sidecar::{
    IdempotencyStore, KeyState, KeyedHash, KeyedRequest, RETENTION, StoreUnavailable, StoredResponse,
};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::database::within;
use crate::response_writer::{Failure, ResponseWriter, Target, Write};
use crate::{DatabaseError, Membership};

/// A store of idempotency keys in PostgreSQL, for sidecars that act as one.
///
/// A key is reserved by inserting its row. A key without a response is never handed out again: while its process has a
/// lease it is in flight, and afterwards its outcome is unknown, until the process stores it after all.
///
/// Responses that could not be written are kept in memory and written when the database is back. When they fill their
/// memory, no new key is reserved.
pub struct PostgresIdempotencyStore {
    membership: Arc<Membership>,
    in_flight: Mutex<HashMap<KeyedHash, Reserved>>,
    writer: ResponseWriter,
}

#[derive(Clone, Copy)]
struct Reserved {
    process: i64,
    // A key that is reserved once more has another one, so that no late write hits it.
    reservation: Uuid,
}

/// Frees a key whose request was dropped while it was reserved.
struct Abandoned(Option<(ResponseWriter, Uuid)>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        // An insertion without an answer may still wait for its commit, on a connection of its own.
        const AGAIN: [u64; 3] = [0, 5, 30];
        let (Some((writer, reservation)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else {
            return;
        };
        let size = writer.task();
        runtime.spawn(async move {
            for seconds in AGAIN {
                sleep(Duration::from_secs(seconds)).await;
                drop(writer.send(Write::Release(reservation)));
            }
            drop(size);
        });
    }
}

impl PostgresIdempotencyStore {
    /// How long a key is kept whose process has ended without a response, from its reservation. A client that repeats the
    /// request learns until then that the outcome is unknown, and how to resolve it.
    pub const LOST_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
    // How long a client waits for its response to be stored.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Creates a store whose reserved keys last as long as this process's lease. Writes in the background until it is
    /// dropped.
    pub fn new(membership: Arc<Membership>) -> Self {
        Self {
            writer: ResponseWriter::start(Arc::clone(&membership)),
            membership,
            in_flight: Mutex::default(),
        }
    }

    /// Waits until all responses are written, or this time has passed. Returns whether they are.
    pub async fn flush(&self, limit: Duration) -> bool {
        self.writer.flush(limit).await
    }

    async fn insert(&self, request: &KeyedRequest, reserved: Reserved) -> Result<KeyState, DatabaseError> {
        let attempt = serde_json::to_string(&request.attempt)
            .map_err(|error| DatabaseError::refused(format!("the attempt cannot be stored: {error}")))?;
        let client = self.membership.database().client().await?;
        let Reserved { process, reservation } = reserved;
        let result = within(async {
            loop {
                let (key, body) = (request.key.as_slice(), request.body.as_slice());
                let parameters: [&(dyn ToSql + Sync); 6] = [
                    &key,
                    &body,
                    &process,
                    &reservation,
                    &attempt,
                    &RETENTION.as_secs_f64(),
                ];
                if client.execute(RESERVE, &parameters).await? == 1 {
                    return Ok(KeyState::Reserved);
                }
                // It may have been freed in between.
                if let Some(row) = client.query_opt(LOOK_UP, &[&key]).await? {
                    return state(&row, &request.body);
                }
                let alive = "SELECT FROM processes WHERE id = $1 AND until > clock_timestamp()";
                if client.query_opt(alive, &[&process]).await?.is_none() {
                    return Err(DatabaseError::unreachable(
                        "the lease on the shared state is over",
                    ));
                }
            }
        })
        .await;
        if result.is_err() {
            self.membership.database().disconnect(&client).await;
        }
        result
    }

    fn check_space(&self) -> Result<(), StoreUnavailable> {
        if self.writer.is_full() {
            return Err(StoreUnavailable(format!(
                "{} responses wait to be stored in the shared state",
                self.writer.waiting()
            )));
        }
        Ok(())
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<KeyedHash, Reserved>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Only a process with a lease reserves a key: one that was stopped in between would be late.
const RESERVE: &str = "\
INSERT INTO idempotency_keys AS known (key, body, process, reservation, attempt)
SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT FROM processes WHERE id = $3 AND until > clock_timestamp())
ON CONFLICT (key) DO UPDATE
SET body = excluded.body, process = excluded.process, reservation = excluded.reservation,
    attempt = excluded.attempt, reserved_at = clock_timestamp(), answered_at = NULL, status = NULL, is_problem = NULL, retry_after = NULL, response = NULL
WHERE known.answered_at < clock_timestamp() - make_interval(secs => $6)";

const LOOK_UP: &str = "\
SELECT body, attempt, status, is_problem, retry_after, response,
       EXISTS (SELECT FROM processes WHERE id = process AND until > clock_timestamp())
FROM idempotency_keys WHERE key = $1";

const STORE: &str = "\
UPDATE idempotency_keys
SET answered_at = clock_timestamp(), status = $2, is_problem = $3, retry_after = $4, response = $5
WHERE reservation = $1 AND answered_at IS NULL";

const RELEASE: &str = "DELETE FROM idempotency_keys WHERE reservation = $1 AND answered_at IS NULL";

fn state(row: &tokio_postgres::Row, body: &KeyedHash) -> Result<KeyState, DatabaseError> {
    if row.get::<_, &[u8]>(0) != body {
        return Ok(KeyState::Mismatch);
    }
    if let Some(status) = row.get::<_, Option<i16>>(2) {
        let retry_after: Option<i64> = row.get(4);
        return Ok(KeyState::Answered(StoredResponse {
            status: u16::try_from(status).unwrap_or_default(),
            is_problem: row.get(3),
            retry_after: retry_after.and_then(|seconds| u64::try_from(seconds).ok()),
            body: Bytes::copy_from_slice(row.get(5)),
            is_evictable: false,
        }));
    }
    if row.get(6) {
        return Ok(KeyState::InFlight);
    }
    let attempt: Result<UnknownOutcome, _> = serde_json::from_str(row.get(1));
    attempt
        .map(KeyState::Lost)
        .map_err(|error| DatabaseError::refused(format!("a stored attempt cannot be read: {error}")))
}

#[async_trait]
impl IdempotencyStore for PostgresIdempotencyStore {
    async fn reserve(&self, request: &KeyedRequest) -> Result<KeyState, StoreUnavailable> {
        // What the database says is for operators.
        let unavailable = |problem: DatabaseError| {
            tracing::warn!(%problem, "no idempotency key was reserved");
            StoreUnavailable("the shared state cannot be used".to_owned())
        };
        self.check_space()?;
        let process = self.membership.id().map_err(unavailable)?;
        let reservation = Uuid::new_v4();
        let reserved = Reserved { process, reservation };
        // Dropped before the end, or without an answer, it may have been inserted all the same, and nothing is sent.
        let mut abandoned = Abandoned(Some((self.writer.clone(), reservation)));
        let state = self.insert(request, reserved).await;
        if state.is_ok() {
            abandoned.0 = None;
        }
        if matches!(state, Ok(KeyState::Reserved)) {
            self.in_flight().insert(request.key, reserved);
        }
        state.map_err(unavailable)
    }

    async fn store(&self, key: &KeyedHash, response: StoredResponse) {
        let Some(reserved) = self.in_flight().remove(key) else {
            return;
        };
        let written = self.writer.send(Write::Response {
            reservation: reserved.reservation,
            response,
        });
        let _ = timeout(Self::PATIENCE, written).await;
    }

    fn release(&self, key: &KeyedHash) {
        if let Some(reserved) = self.in_flight().remove(key) {
            drop(self.writer.send(Write::Release(reserved.reservation)));
        }
    }

    fn may_send(&self, key: &KeyedHash) -> bool {
        let reserved = self.in_flight().get(key).copied();
        reserved.is_some_and(|reserved| self.membership.may_send(reserved.process))
    }

    fn keys_in_memory(&self) -> usize {
        self.in_flight().len() + self.writer.waiting()
    }

    fn check(&self) -> Result<(), StoreUnavailable> {
        self.check_space()?;
        let id = self.membership.id();
        id.map(drop)
            .map_err(|problem| StoreUnavailable(problem.to_string()))
    }

    fn warning(&self) -> Option<String> {
        let refused = self.writer.refused();
        (refused > 0)
            .then(|| format!("responses that the shared state refuses to store: {refused}; see the log"))
    }
}

impl Target for Arc<Membership> {
    async fn write(&self, write: &Write) -> Result<(), Failure> {
        let database = self.database();
        let client = database.client().await.map_err(Failure::NotConnected)?;
        let result = within(async {
            match write {
                Write::Response {
                    reservation,
                    response,
                } => {
                    let status = i16::try_from(response.status).unwrap_or_default();
                    let retry_after = response
                        .retry_after
                        .and_then(|seconds| i64::try_from(seconds).ok());
                    let parameters: [&(dyn ToSql + Sync); 5] = [
                        reservation,
                        &status,
                        &response.is_problem,
                        &retry_after,
                        &&*response.body,
                    ];
                    client.execute(STORE, &parameters).await?;
                }
                Write::Release(reservation) => {
                    client.execute(RELEASE, &[reservation]).await?;
                }
            }
            Ok(())
        })
        .await;
        if let Err(problem) = &result {
            database.disconnect_after(&client, problem).await;
        }
        result.map_err(Failure::Failed)
    }

    async fn clean(&self) -> Result<(), DatabaseError> {
        remove_expired(self).await
    }
}

// A few at a time, so that no statement takes long.
async fn remove_expired(membership: &Membership) -> Result<(), DatabaseError> {
    const EXPIRED: &str = "\
DELETE FROM idempotency_keys WHERE key IN (
    SELECT key FROM idempotency_keys WHERE answered_at < clock_timestamp() - make_interval(secs => $1) LIMIT 10000)";
    // Their requests may have been sent. Who repeats one later means a new change.
    const LOST: &str = "\
DELETE FROM idempotency_keys WHERE key IN (
    SELECT key FROM idempotency_keys WHERE answered_at IS NULL AND reserved_at < clock_timestamp() - make_interval(secs => $1)
        AND NOT EXISTS (SELECT FROM processes WHERE id = process AND until > clock_timestamp()) LIMIT 10000)";
    const GONE: &str = "\
DELETE FROM processes WHERE until < clock_timestamp() - interval '1 day'
AND NOT EXISTS (SELECT FROM idempotency_keys WHERE process = id AND answered_at IS NULL)";
    let client = membership.database().client().await?;
    within(async {
        client.execute(EXPIRED, &[&RETENTION.as_secs_f64()]).await?;
        let lost = PostgresIdempotencyStore::LOST_RETENTION.as_secs_f64();
        client.execute(LOST, &[&lost]).await?;
        client.execute(GONE, &[]).await?;
        Ok(())
    })
    .await
}

impl fmt::Debug for PostgresIdempotencyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresIdempotencyStore")
            .field("membership", &self.membership)
            .field("keys_in_memory", &self.keys_in_memory())
            .finish_non_exhaustive()
    }
}
