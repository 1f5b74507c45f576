//! The state that several processes share, opened as `[shared]` says.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use repass_domain::{Error, ErrorKind, UserKey};
use repass_postgres::{Database, LockError, Settings, SharedRateLimits, UserLock, UserLocks};
use secrecy::{ExposeSecret as _, SecretSlice};
use uuid::Uuid;

use super::provider_factory::read_roots;
use crate::config::{Config, ConfigError, Problems};
use crate::layers::{ChangeEnd, PriorChange, SharedUserLock, SharedUserLocks};

/// The state that several processes share, such as idempotency keys, with its secrets fetched. Connects to nothing
/// yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct SharedState {
    /// The database that holds the shared state.
    pub database: Arc<Database>,
    /// The secret for hashing idempotency keys and users.
    pub secret: SecretSlice<u8>,
    pub(super) rate_limits: SharedRateLimits,
}

impl SharedState {
    /// Returns the locks of users.
    pub(super) fn user_locks(&self) -> Arc<dyn SharedUserLocks> {
        let locks = UserLocks::new(Arc::clone(&self.database), self.secret.clone());
        Arc::new(PostgresUserLocks(Arc::new(locks)))
    }

    /// Returns a hash of a text under the secret, the same in every process.
    pub(super) fn hash(&self, purpose: &str, text: &str) -> String {
        let hash = repass_postgres::keyed_hash(&self.secret, &[purpose, text]);
        let half = hash.first_chunk().copied().unwrap_or_default();
        format!("{:032x}", u128::from_be_bytes(half))
    }

    // Fewer could be guessed from a hash.
    const SECRET_BYTES: usize = 32;

    /// Fetches the secrets of a configuration's `[shared]` and prepares the database; `None` if it has none. Blocks
    /// for as long as a program that gives a secret takes, up to `secret_timeout`.
    ///
    /// # Errors
    /// Every secret that cannot be fetched or used, and every invalid setting.
    pub fn open(config: &Config, secret_timeout: Duration) -> Result<Option<Self>, ConfigError> {
        let Some(shared) = config.shared() else {
            return Ok(None);
        };
        let problems = Problems::default();
        let (url, key) = ("shared.postgres.url", "shared.secret");
        let roots = shared.postgres.tls.ca_file.as_deref().map(read_roots).transpose();
        let roots = problems.keep("shared.postgres.tls.ca_file", roots);
        let address = problems.keep_secret(url, shared.postgres.url.fetch_within(secret_timeout));
        let secret = problems.keep_secret(key, shared.secret.fetch_within(secret_timeout));
        #[expect(
            clippy::disallowed_methods,
            reason = "the key of a hash, moved into its own type"
        )]
        let secret = secret.map(|text| SecretSlice::from(text.expose_secret().as_bytes().to_vec()));
        #[expect(clippy::disallowed_methods, reason = "its length only")]
        let is_short = secret
            .as_ref()
            .is_some_and(|secret| secret.expose_secret().len() < Self::SECRET_BYTES);
        if is_short {
            let why = format!(
                "has fewer than {} bytes; make one with `openssl rand -hex 32`",
                Self::SECRET_BYTES
            );
            problems.add(key, why);
        }
        let settings = address
            .zip(roots)
            .zip(secret)
            .map(|((url, roots), secret)| Settings {
                url,
                roots: roots.unwrap_or_default(),
                schema: shared.postgres.schema.clone(),
                secret,
            });
        let state = settings.and_then(|settings| {
            let database = Arc::new(problems.keep(url, Database::new(&settings))?);
            Some(Self {
                rate_limits: SharedRateLimits::new(Arc::clone(&database)),
                database,
                secret: settings.secret,
            })
        });
        let opened = problems.into_result((state, config), |(_, config)| config.origins());
        opened.map(|(state, _)| state)
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedState")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// The locks of users in PostgreSQL, as the layers use them.
#[derive(Debug)]
struct PostgresUserLocks(Arc<UserLocks>);

#[async_trait]
impl SharedUserLocks for PostgresUserLocks {
    async fn lock(
        &self,
        provider: &str,
        user: &UserKey,
        attempt: Option<Uuid>,
        budget: Duration,
    ) -> Result<Arc<dyn SharedUserLock>, Error> {
        let lock = self
            .0
            .lock(provider, user, attempt, budget)
            .await
            .map_err(|error| {
                let kind = match &error {
                    LockError::TimedOut => ErrorKind::BudgetExhausted,
                    LockError::Unavailable(_) => ErrorKind::Unreachable,
                };
                Error::not_applied(kind, error.to_string())
            })?;
        Ok(Arc::new(lock))
    }
}

#[async_trait]
impl SharedUserLock for UserLock {
    fn prior(&self) -> Option<PriorChange> {
        UserLock::prior(self).map(|prior| PriorChange {
            at: prior.at,
            unknown: prior.unknown,
            is_applied: prior.is_applied,
        })
    }

    fn may_send(&self) -> bool {
        UserLock::may_send(self)
    }

    fn record(&self, end: ChangeEnd) {
        UserLock::record(
            self,
            match end {
                ChangeEnd::NotApplied => repass_postgres::ChangeEnd::NotApplied,
                ChangeEnd::Applied => repass_postgres::ChangeEnd::Applied,
                ChangeEnd::Unknown(id) => repass_postgres::ChangeEnd::Unknown(Some(id)),
            },
        );
    }

    async fn release(&self) {
        UserLock::release(self).await;
    }
}
