//! The idempotency keys that several sidecars share.

use std::sync::Arc;
use std::time::Duration;

use repass::Config;
use repass_postgres::{Membership, PostgresIdempotencyStore};
use repass_sidecar::SharedIdempotency;

use crate::commands::shared;
use crate::context::Context;
use crate::error::CliError;
use crate::output::Output;

/// A store of idempotency keys with the lease of this process.
pub(super) struct SharedKeys {
    store: Arc<PostgresIdempotencyStore>,
    options: SharedIdempotency,
}

/// Joins the processes that share the configured state, or waits for that in the background while the database cannot be
/// reached; `None` if none is configured.
pub(super) async fn open(config: &Config, context: &Context) -> Result<Option<SharedKeys>, CliError> {
    let Some(state) = shared::open(config, &context.global)? else {
        return Ok(None);
    };
    let membership = Membership::join(state.database).await;
    match membership.id() {
        Err(problem) if problem.is_unreachable() => {
            context.output.note(&format!(
                "not ready until the shared state can be used: {problem}"
            ));
        }
        // At the start a wrong set-up is an error; later it is waited for.
        joined => drop(joined.map_err(shared::unavailable)?),
    }
    let store = Arc::new(PostgresIdempotencyStore::new(membership));
    let options = SharedIdempotency {
        store: Arc::clone(&store) as _,
        secret: state.secret,
    };
    Ok(Some(SharedKeys { store, options }))
}

impl SharedKeys {
    /// For the sidecar.
    pub(super) fn options(&self) -> SharedIdempotency {
        self.options.clone()
    }

    /// Waits for the responses that are not stored yet. Other sidecars report those that cannot be as unknown.
    pub(super) async fn flush(&self, output: &Output) {
        const LIMIT: Duration = Duration::from_secs(10);
        if !self.store.flush(LIMIT).await {
            output
                .note("some responses could not be stored; requests with their keys are answered as unknown");
        }
    }
}
