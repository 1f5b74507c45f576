//! Responses that are kept under their clients' idempotency keys.

mod in_memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::SysRng;
use repass_domain::{BeforeSend, UnknownOutcome};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::api::{ApiResponse, Retention};
use crate::net::ClientId;
pub use in_memory::InMemoryIdempotencyStore;

/// How long a response is kept under its idempotency key, from the moment in which it was stored.
pub const RETENTION: Duration = Duration::from_secs(3600);

/// A keyed hash (HMAC-SHA-256) of a route and its idempotency key, or of a request's body. Neither a key nor a password
/// can be guessed from it without the secret.
pub type KeyedHash = [u8; 32];

/// A request with an idempotency key, as a store sees it: as hashes.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// The hash of the request's route and idempotency key.
    pub key: KeyedHash,
    /// The hash of the request's body: another body under the same key is another request.
    pub body: KeyedHash,
    /// The client that sent the request, if it can be identified, for stores that share their capacity among clients.
    pub client: Option<ClientId>,
    /// The id of the change or probe that the request makes. It resolves the outcome should the process end before
    /// that is stored.
    pub attempt: UnknownOutcome,
}

/// The state of an idempotency key when a request with it arrives.
#[derive(Debug)]
pub enum KeyState {
    /// The key was new, and is reserved for this request. The request ends with [`IdempotencyStore::store`] or
    /// [`IdempotencyStore::release`].
    Reserved,
    /// The same request was made before, and this is its response.
    Answered(StoredResponse),
    /// The same request has no response yet, and a process is working on it.
    InFlight,
    /// The process that worked on the same request ended, or was cut off, before the response was stored. The outcome
    /// of this attempt is unknown.
    Lost(UnknownOutcome),
    /// The key belongs to a request with another body.
    Mismatch,
    /// The key is new, and the store has no room for it for at least this long.
    Full(Duration),
}

/// A response of the sidecar's API, as a store keeps it. Responses hold no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// The HTTP status of the response.
    pub status: u16,
    /// Whether the body is a problem (RFC 9457) and not a result.
    pub is_problem: bool,
    /// The value of the `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
    /// The JSON body of the response.
    pub body: bytes::Bytes,
    /// Whether the store may drop the response before [`RETENTION`] ends. So it may if the provider refused the
    /// change, so that a repeated request changes nothing twice.
    pub is_evictable: bool,
}

/// The error of a store of idempotency keys that cannot be used now. Nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUnavailable(pub String);

impl fmt::Display for StoreUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreUnavailable {}

/// Stores the responses of requests under their idempotency keys, in this process or for several.
///
/// The guarantee: of any number of requests with one key, at any number of processes that share the store, exactly one
/// gets [`KeyState::Reserved`], until the key is [released](Self::release) or its response has been kept for
/// [`RETENTION`]. A key that was reserved and has no response is never handed out again.
#[async_trait]
pub trait IdempotencyStore: fmt::Debug + Send + Sync + 'static {
    /// Looks up the request's idempotency key, and reserves the key for this request if it is new.
    ///
    /// # Errors
    /// The store cannot be reached; the key is not reserved, or becomes [`KeyState::Lost`].
    ///
    /// # Cancellation
    /// A key that was reserved for a dropped future stays in flight, or becomes [`KeyState::Lost`].
    async fn reserve(&self, request: &KeyedRequest) -> Result<KeyState, StoreUnavailable>;

    /// Stores the response of a request that has reserved its idempotency key. A store that cannot be reached keeps
    /// the response in memory and stores it later; this future ends by then.
    async fn store(&self, key: &KeyedHash, response: StoredResponse);

    /// Releases a reserved idempotency key, because its request has reached no provider.
    fn release(&self, key: &KeyedHash);

    /// Whether the request that has reserved this idempotency key may be sent now. `false` once other processes may
    /// take it for lost.
    fn may_send(&self, _key: &KeyedHash) -> bool {
        true
    }

    /// The number of idempotency keys in the memory of this process, for metrics.
    fn keys_in_memory(&self) -> usize;

    /// Checks whether the store can be used now.
    ///
    /// # Errors
    /// Why the store cannot be used.
    fn check(&self) -> Result<(), StoreUnavailable> {
        Ok(())
    }

    /// What operators should know of a store that can be used, such as that it cannot store some responses.
    fn warning(&self) -> Option<String> {
        None
    }
}

/// The store with the secret for its hashes.
pub(crate) struct IdempotencyKeys {
    secret: SecretSlice<u8>,
    store: Arc<dyn IdempotencyStore>,
}

impl Default for IdempotencyKeys {
    /// In memory, with a secret of this process.
    fn default() -> Self {
        let mut secret = vec![0; 32];
        SysRng
            .try_fill_bytes(&mut secret)
            .expect("the operating system provides randomness");
        Self::new(secret.into(), Arc::new(InMemoryIdempotencyStore::default()))
    }
}

impl IdempotencyKeys {
    pub(crate) fn new(secret: SecretSlice<u8>, store: Arc<dyn IdempotencyStore>) -> Self {
        Self { secret, store }
    }

    /// A request with this key and body at a route.
    pub(crate) fn request(
        &self,
        client: Option<ClientId>,
        route: &str,
        key: &[u8],
        body: &[u8],
        attempt: UnknownOutcome,
    ) -> KeyedRequest {
        KeyedRequest {
            key: self.hash(&[route.as_bytes(), key]),
            body: self.hash(&[body]),
            client,
            attempt,
        }
    }

    /// The reservation of a request that got [`KeyState::Reserved`].
    pub(crate) fn reservation(&self, request: &KeyedRequest) -> Reservation {
        Reservation {
            store: Arc::clone(&self.store),
            key: request.key,
            attempt: request.attempt.id(),
            is_started: false,
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn IdempotencyStore> {
        &self.store
    }

    fn hash(&self, parts: &[&[u8]]) -> KeyedHash {
        let hash = self.hash_with_traces(parts);
        overwrite_stack();
        hash
    }

    // Each part follows its length, so different parts never give the same input. Blocks of a body, with its passwords, pass
    // through registers, which are spilled to the stack below this call.
    #[inline(never)]
    fn hash_with_traces(&self, parts: &[&[u8]]) -> KeyedHash {
        #[expect(clippy::disallowed_methods, reason = "the key of a hash")]
        let secret = self.secret.expose_secret();
        let mut hash = Hmac::<Sha256>::new_from_slice(secret).expect("any key length is valid");
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into_bytes().into()
    }
}

// Overwrites what calls of the same depth have left on the stack.
#[inline(never)]
fn overwrite_stack() {
    const DEPTH: usize = 8 * 1024;
    drop(Zeroizing::new([0_u8; DEPTH]));
}

/// A key whose request is in flight. Dropped before its call has started, the key is free again.
pub(crate) struct Reservation {
    store: Arc<dyn IdempotencyStore>,
    key: KeyedHash,
    attempt: Uuid,
    is_started: bool,
}

impl Reservation {
    /// Marks the call as started. From now on only its response frees the key, because it may have been sent.
    pub(crate) fn start(&mut self) {
        self.is_started = true;
    }

    /// Stores the response, or frees the key if the response's retention is [`Retention::None`].
    pub(crate) async fn store(mut self, response: &ApiResponse) {
        self.is_started = true;
        match response.retention() {
            Retention::None => self.store.release(&self.key),
            Retention::Keep | Retention::Evictable => {
                self.store.store(&self.key, response.stored()).await;
            }
        }
    }

    /// The id by which its outcome is resolved if it is lost.
    pub(crate) fn attempt(&self) -> Uuid {
        self.attempt
    }

    /// A check, to be made before the request is sent, that it does not count as lost.
    pub(crate) fn before_send(&self) -> BeforeSend {
        let (store, key) = (Arc::clone(&self.store), self.key);
        Arc::new(move || Box::pin(std::future::ready(store.may_send(&key))))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_started {
            self.store.release(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn key_is_freed_before_its_call_has_started_or_by_its_response() {
        let keys = IdempotencyKeys::default();
        let attempt = UnknownOutcome::new("zoom");
        let request = keys.request(None, "/route", b"key", b"body", attempt);
        let reserve = async || {
            let state = keys.store().reserve(&request).await.unwrap();
            matches!(state, KeyState::Reserved).then(|| keys.reservation(&request))
        };
        drop(reserve().await.unwrap());
        let mut abandoned = reserve().await.unwrap();
        abandoned.start();
        drop(abandoned);
        assert!(reserve().await.is_none(), "what may have been sent frees no key");
        keys.store().release(&request.key);
        let ended = reserve().await.unwrap();
        let response = ApiResponse::json(http::StatusCode::OK, &"x").with_retention(Retention::None);
        ended.store(&response).await;
        assert!(reserve().await.is_some());
    }

    #[test]
    fn hashes_depend_on_each_part_and_on_the_secret_of_the_process() {
        let keys = IdempotencyKeys::default();
        let hash = |keys: &IdempotencyKeys, route, key: &[u8], body: &[u8]| {
            let request = keys.request(None, route, key, body, UnknownOutcome::new("zoom"));
            (request.key, request.body)
        };
        let first = hash(&keys, "/route", b"key", b"body");
        assert_eq!(first, hash(&keys, "/route", b"key", b"body"));
        assert_ne!(first.0, hash(&keys, "/rou", b"tekey", b"body").0);
        assert_ne!(first.1, hash(&keys, "/route", b"key", b"canary-77").1);
        assert_ne!(
            first,
            hash(&IdempotencyKeys::default(), "/route", b"key", b"body")
        );
    }
}
