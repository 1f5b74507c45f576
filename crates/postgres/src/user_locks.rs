//! One change at a time per user, for several processes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use repass_domain::UserKey;
use repass_transport::boot_time;
use secrecy::SecretSlice;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::database::within;
use crate::keyed_hash::keyed_hash;
use crate::{Database, DatabaseError};

/// The locks of users in the database, as rows with a lease, so that each user has one change at a time. A process
/// that ends without releasing one blocks the user until the lease is over, which is longer than its change can take.
pub struct UserLocks {
    database: Arc<Database>,
    secret: SecretSlice<u8>,
}

/// The lock of one user, held by this process. Released when dropped; [`release`](Self::release) waits for that.
pub struct UserLock {
    locks: Arc<UserLocks>,
    holder: Uuid,
    until: Duration,
    prior: Option<LastChange>,
    end: Mutex<ChangeEnd>,
    is_released: AtomicBool,
}

/// The last change of a user before the lock was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastChange {
    /// When the change was sent, by the clock of the database.
    pub at: SystemTime,
    /// The id of the change's unknown outcome, if it ended in one.
    pub unknown: Option<Uuid>,
    /// Whether the change is known to have been applied.
    pub is_applied: bool,
}

/// How the change ended for which a lock was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeEnd {
    /// The change was not applied: nothing was sent, or it was refused. The change before is the last one.
    NotApplied,
    /// The change was applied.
    Applied,
    /// The change may have been applied. With the id of its unknown outcome, if there is one.
    Unknown(Option<Uuid>),
}

/// Why a user's lock was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockError {
    /// Another change of the user has held the lock for all the time.
    TimedOut,
    /// The database cannot be used.
    Unavailable(DatabaseError),
}

impl std::fmt::Display for LockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut => {
                f.write_str("timed out waiting for another process's change of this user's password")
            }
            Self::Unavailable(problem) => {
                write!(
                    f,
                    "the shared state cannot be reached, so nothing was sent: {problem}"
                )
            }
        }
    }
}

impl std::error::Error for LockError {}

const TAKE: &str = "\
INSERT INTO user_locks AS known (provider, user_hash, holder, until, changed_at, unknown, is_applied)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4), clock_timestamp(), $5, false)
ON CONFLICT (provider, user_hash) DO UPDATE
SET holder = excluded.holder, until = excluded.until, changed_at = clock_timestamp(), unknown = excluded.unknown,
    is_applied = false, prior_at = known.changed_at, prior_unknown = known.unknown, prior_applied = known.is_applied
WHERE known.holder IS NULL OR known.until < clock_timestamp()
RETURNING prior_at, prior_unknown, prior_applied";

const RELEASE: &str = "\
UPDATE user_locks SET holder = NULL, unknown = coalesce($2, unknown), is_applied = $3 WHERE holder = $1";

const RESTORE: &str = "\
UPDATE user_locks SET holder = NULL, changed_at = prior_at, unknown = prior_unknown, is_applied = prior_applied
WHERE holder = $1 AND prior_at IS NOT NULL";

const REMOVE: &str = "DELETE FROM user_locks WHERE holder = $1 AND prior_at IS NULL";

impl UserLocks {
    /// How much longer the lease of a user's lock is than the budget of its change.
    pub const GRACE: Duration = Duration::from_secs(30);
    // For how long a release is tried again without the database.
    const LATEST_RELEASE: Duration = Duration::from_secs(3600);
    const POLL: Duration = Duration::from_millis(25);

    /// Creates the locks of users in this database. Users are stored as hashes under the secret.
    pub fn new(database: Arc<Database>, secret: SecretSlice<u8>) -> Self {
        Self { database, secret }
    }

    /// Takes a user's lock, and waits for it as long as the budget lasts.
    ///
    /// # Errors
    /// Another change has held it for all the time, or the database cannot be used. Nothing is locked.
    ///
    /// # Cancellation
    /// The user is unlocked in the background.
    pub async fn lock(
        self: &Arc<Self>,
        provider: &str,
        user: &UserKey,
        attempt: Option<Uuid>,
        budget: Duration,
    ) -> Result<UserLock, LockError> {
        let deadline = Instant::now() + budget;
        let (hash, holder) = (
            keyed_hash(&self.secret, &["user", provider, user.expose()]),
            Uuid::new_v4(),
        );
        // Before it is taken: an answer that is lost, or a dropped future, must not leave the user locked.
        let mut lock = UserLock {
            locks: Arc::clone(self),
            holder,
            until: boot_time() + budget + Self::GRACE,
            prior: None,
            end: Mutex::new(ChangeEnd::NotApplied),
            is_released: AtomicBool::new(true),
        };
        loop {
            // Without a connection nothing is locked, so there is nothing to release either.
            let client = self.database.client().await.map_err(LockError::Unavailable)?;
            lock.is_released.store(false, Ordering::Relaxed);
            let lease = deadline.saturating_duration_since(Instant::now()) + Self::GRACE;
            lock.until = boot_time() + lease;
            let taken = self.take(&client, provider, &hash, holder, lease, attempt).await;
            match taken.map_err(LockError::Unavailable)? {
                Some(prior) => {
                    lock.prior = prior;
                    lock.record(ChangeEnd::Unknown(None));
                    return Ok(lock);
                }
                None => lock.is_released.store(true, Ordering::Relaxed),
            }
            if Instant::now() + Self::POLL >= deadline {
                return Err(LockError::TimedOut);
            }
            sleep(Self::POLL).await;
        }
    }

    // `None`: somebody else has it.
    async fn take(
        &self,
        client: &Arc<Client>,
        provider: &str,
        hash: &[u8; 32],
        holder: Uuid,
        lease: Duration,
        attempt: Option<Uuid>,
    ) -> Result<Option<Option<LastChange>>, DatabaseError> {
        let (hash, lease) = (hash.as_slice(), lease.as_secs_f64());
        let row = within(async {
            Ok(client
                .query_opt(TAKE, &[&provider, &hash, &holder, &lease, &attempt])
                .await?)
        })
        .await;
        if row.is_err() {
            self.database.disconnect(client).await;
        }
        Ok(row?.map(|row| {
            row.get::<_, Option<SystemTime>>(0).map(|at| LastChange {
                at,
                unknown: row.get(1),
                is_applied: row.get(2),
            })
        }))
    }

    async fn release(&self, holder: Uuid, end: ChangeEnd) -> Result<(), DatabaseError> {
        let client = self.database.client().await?;
        let released = within(async {
            match end {
                ChangeEnd::NotApplied => {
                    client.execute(RESTORE, &[&holder]).await?;
                    client.execute(REMOVE, &[&holder]).await?;
                }
                ChangeEnd::Applied => drop(client.execute(RELEASE, &[&holder, &None::<Uuid>, &true]).await?),
                ChangeEnd::Unknown(id) => drop(client.execute(RELEASE, &[&holder, &id, &false]).await?),
            }
            Ok(())
        })
        .await;
        if released.is_err() {
            self.database.disconnect(&client).await;
        }
        released
    }
}

impl UserLock {
    /// The user's last change before this lock was taken.
    pub fn prior(&self) -> Option<LastChange> {
        self.prior
    }

    /// Whether the lease of the lock lasts, so that a change may be sent now.
    pub fn may_send(&self) -> bool {
        boot_time() < self.until
    }

    /// Records how the change ended for which the lock was taken. Until then it counts as unknown.
    pub fn record(&self, end: ChangeEnd) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// Releases the lock, and waits until it is released. Without the database it is tried again in the background once
    /// this is dropped.
    pub async fn release(&self) {
        if self.is_released.load(Ordering::Relaxed) {
            return;
        }
        let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
        // Dropped here, it is released in the background.
        if self.locks.release(self.holder, end).await.is_ok() {
            self.is_released.store(true, Ordering::Relaxed);
        }
    }

    fn release_later(&self, end: ChangeEnd) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        // The holder's id is used once, so a late release does no harm, and says how the change ended.
        let until = self.until + UserLocks::LATEST_RELEASE;
        let (locks, holder) = (Arc::clone(&self.locks), self.holder);
        runtime.spawn(async move {
            let mut delay = Duration::from_millis(200);
            while boot_time() < until {
                match locks.release(holder, end).await {
                    Ok(()) => return,
                    Err(problem) => {
                        tracing::warn!(%problem, "the lock of a user was not released; trying again");
                    }
                }
                sleep(delay).await;
                delay = (delay * 2).min(Duration::from_secs(10));
            }
        });
    }
}

impl Drop for UserLock {
    fn drop(&mut self) {
        if !self.is_released.swap(true, Ordering::Relaxed) {
            let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
            self.release_later(end);
        }
    }
}

impl std::fmt::Debug for UserLocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserLocks")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UserLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserLock")
            .field("prior", &self.prior)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use repass_transport::TrustedRoots;

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn lock_that_could_not_be_asked_for_leaves_nothing_to_release() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = unused.local_addr().unwrap().port();
        drop(unused);
        let secret = SecretSlice::from(vec![7; 32]);
        let settings = Settings {
            url: format!("postgresql://repass@127.0.0.1:{port}/repass").into(),
            roots: TrustedRoots::default(),
            schema: Settings::DEFAULT_SCHEMA.to_owned(),
            secret: secret.clone(),
        };
        let database = Arc::new(Database::new(&settings).unwrap());
        let locks = Arc::new(UserLocks::new(database, secret));
        let alice = UserKey::of("alice@example.com");
        for _ in 0..3 {
            let refused = locks.lock("zoom", &alice, None, Duration::from_secs(1)).await;
            let Err(LockError::Unavailable(problem)) = refused else {
                panic!("{refused:?}");
            };
            assert!(problem.is_unreachable(), "{problem}");
        }
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }
}
