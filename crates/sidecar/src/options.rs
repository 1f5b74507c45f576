//! The options of a sidecar.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::CallContext;
use secrecy::SecretSlice;

use crate::idempotency::{IdempotencyKeys, IdempotencyStore};
use crate::net::{HostName, Token};

/// The options of a [`Sidecar`](crate::Sidecar).
#[derive(Clone)]
pub struct Options {
    /// The bearer token that every request needs, except `/healthz` and `/readyz`. Default: none.
    pub token: Option<Token>,
    /// Further hosts that a request may name in `Host` and `Origin`. Both headers are checked on a TCP listener on a
    /// loopback address without a token. Default: `localhost` and loopback addresses only.
    pub allowed_hosts: Vec<HostName>,
    /// The time budget of a call to a provider. Default: [`CallContext::DEFAULT_BUDGET`].
    pub budget: Duration,
    /// The maximum number of changes and resolutions in flight; more are rejected at once with 503. Policy look-ups have
    /// a limit of their own. Default: 256.
    pub max_in_flight: usize,
    /// The maximum number of open connections. One more closes the connection that has been idle longest.
    /// Default: 4096.
    pub max_connections: usize,
    /// How long a connection may wait for a complete request. Default: 30 seconds.
    pub request_timeout: Duration,
    /// Whether an unknown outcome is resolved at once, with a probe. Default: no.
    pub resolve_unknown: bool,
    /// The store of idempotency keys that several sidecars share. Default: each keeps its own in memory.
    pub idempotency: Option<SharedIdempotency>,
    /// Renders the metrics in Prometheus's text format. Default: none.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

/// A store of idempotency keys for several sidecars, and the secret of its hashes, which all of them need.
#[derive(Debug, Clone)]
pub struct SharedIdempotency {
    /// The store.
    pub store: Arc<dyn IdempotencyStore>,
    /// The secret, of 32 random bytes or more. Keys that were stored with another one are not found.
    pub secret: SecretSlice<u8>,
}

impl SharedIdempotency {
    pub(crate) fn keys(&self) -> IdempotencyKeys {
        IdempotencyKeys::new(self.secret.clone(), Arc::clone(&self.store))
    }
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
            idempotency: None,
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
            .field("idempotency", &self.idempotency)
            .finish_non_exhaustive()
    }
}
