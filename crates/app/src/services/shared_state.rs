//! The state that several processes share, opened as `[shared]` says.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use repass_postgres::{Database, Settings};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::provider_factory::read_roots;
use crate::config::{Config, ConfigError, Problems};

/// The state that several processes share, such as idempotency keys, with its secrets fetched. Connects to nothing
/// yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct SharedState {
    /// The database that holds the shared state.
    pub database: Arc<Database>,
    /// The secret for hashing idempotency keys.
    pub idempotency_secret: SecretSlice<u8>,
}

impl SharedState {
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
        let (url, secret) = ("shared.postgres.url", "shared.idempotency_secret");
        let roots = shared.postgres.tls.ca_file.as_deref().map(read_roots).transpose();
        let roots = problems.keep("shared.postgres.tls.ca_file", roots);
        let address = problems.keep_secret(url, shared.postgres.url.fetch_within(secret_timeout));
        let idempotency_secret =
            problems.keep_secret(secret, shared.idempotency_secret.fetch_within(secret_timeout));
        let database = address.zip(roots).and_then(|(address, roots)| {
            let settings = Settings {
                url: address,
                roots: roots.unwrap_or_default(),
                schema: shared.postgres.schema.clone(),
            };
            problems.keep(url, Database::new(&settings))
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "the key of a hash, moved into its own type"
        )]
        let idempotency_secret = idempotency_secret.map(|text| text.expose_secret().as_bytes().to_vec());
        if idempotency_secret
            .as_ref()
            .is_some_and(|key| key.len() < Self::SECRET_BYTES)
        {
            let why = format!(
                "has fewer than {} bytes; make one with `openssl rand -hex 32`",
                Self::SECRET_BYTES
            );
            problems.add(secret, why);
        }
        let state = database.zip(idempotency_secret).map(|(database, key)| Self {
            database: Arc::new(database),
            idempotency_secret: key.into(),
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
