//! Responses in the memory of one process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::{
    ClientId, IdempotencyStore, KeyState, KeyedHash, KeyedRequest, RETENTION, StoreUnavailable,
    StoredResponse,
};

/// How much is kept in total.
const CAPACITY: Capacity = Capacity {
    keys: 100_000,
    bytes: 64 * 1024 * 1024,
};
// The memory of a key besides the body of its response.
const OVERHEAD: usize = 512;
// Reserved for the body of a response that is still to come.
const RESERVED: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Capacity {
    keys: usize,
    bytes: usize,
}

/// Responses by idempotency key, in memory.
///
/// The response of a change that may have been made is never evicted before it expires, because the next request with
/// its key would make the change again. When the cache is full, new keys are rejected instead. A client that can be
/// identified may fill at most half of it.
pub struct InMemoryIdempotencyStore {
    capacity: Capacity,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<KeyedHash, Entry>,
    // Those with a response, in the order in which it was stored.
    stored: BTreeMap<u64, (Instant, KeyedHash)>,
    // Those among them that can be evicted.
    evictable: BTreeSet<u64>,
    last: u64,
    bytes: usize,
    // What cannot be evicted, by client.
    held: HashMap<ClientId, Capacity>,
}

struct Entry {
    body: KeyedHash,
    client: Option<ClientId>,
    bytes: usize,
    // With its position in `stored`.
    response: Option<(u64, StoredResponse)>,
}

impl Default for InMemoryIdempotencyStore {
    fn default() -> Self {
        Self::with(CAPACITY)
    }
}

impl fmt::Debug for InMemoryIdempotencyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryIdempotencyStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl IdempotencyStore for InMemoryIdempotencyStore {
    async fn reserve(&self, request: &KeyedRequest) -> Result<KeyState, StoreUnavailable> {
        Ok(self.look_up(request))
    }

    async fn store(&self, key: &KeyedHash, response: StoredResponse) {
        self.entries().store(key, response);
    }

    fn release(&self, key: &KeyedHash) {
        self.entries().remove(key);
    }

    fn keys_in_memory(&self) -> usize {
        self.entries().by_key.len()
    }
}

impl InMemoryIdempotencyStore {
    fn with(capacity: Capacity) -> Self {
        Self {
            capacity,
            entries: Mutex::default(),
        }
    }

    fn look_up(&self, request: &KeyedRequest) -> KeyState {
        let mut entries = self.entries();
        let now = Instant::now();
        entries.remove_expired(now);
        match entries.by_key.get(&request.key) {
            Some(entry) if !bool::from(entry.body.ct_eq(&request.body)) => KeyState::Mismatch,
            Some(Entry { response: None, .. }) => KeyState::InFlight,
            Some(Entry {
                response: Some((_, response)),
                ..
            }) => KeyState::Answered(response.clone()),
            None => {
                let (client, bytes) = (request.client, OVERHEAD + RESERVED);
                if !entries.evict_for(client, bytes, self.capacity) {
                    return KeyState::Full(entries.until_expiry(now));
                }
                entries.hold(client, bytes);
                entries.bytes += bytes;
                let entry = Entry {
                    body: request.body,
                    client,
                    bytes,
                    response: None,
                };
                entries.by_key.insert(request.key, entry);
                KeyState::Reserved
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn remove_expired(&mut self, now: Instant) {
        while let Some((_, (at, key))) = self.stored.first_key_value()
            && now.duration_since(*at) >= RETENTION
        {
            let key = *key;
            self.remove(&key);
        }
    }

    /// Evicts entries for one more key of this client; `false` if that is not enough.
    fn evict_for(&mut self, client: Option<ClientId>, bytes: usize, capacity: Capacity) -> bool {
        if let Some(held) = client.and_then(|client| self.held.get(&client))
            && (held.keys >= capacity.keys / 2 || held.bytes + bytes > capacity.bytes / 2)
        {
            return false;
        }
        while self.by_key.len() >= capacity.keys || self.bytes + bytes > capacity.bytes {
            let Some(at) = self.evictable.first() else {
                return false;
            };
            let Some((_, key)) = self.stored.get(at).copied() else {
                return false;
            };
            self.remove(&key);
        }
        true
    }

    // Until the next one expires. Requests in flight may free their entries at any time.
    fn until_expiry(&self, now: Instant) -> Duration {
        let oldest = self.stored.first_key_value();
        let left = oldest.map(|(_, (at, _))| RETENTION.saturating_sub(now.duration_since(*at)));
        left.unwrap_or_default().max(Duration::from_secs(1))
    }

    fn store(&mut self, key: &KeyedHash, response: StoredResponse) {
        let now = Instant::now();
        let Some(entry) = self.by_key.get_mut(key) else {
            return;
        };
        self.last += 1;
        let bytes = OVERHEAD + response.body.len();
        let before = std::mem::replace(&mut entry.bytes, bytes);
        let (client, is_evictable) = (entry.client, response.is_evictable);
        entry.response = Some((self.last, response));
        self.stored.insert(self.last, (now, *key));
        self.bytes = self.bytes - before + bytes;
        self.release(client, before);
        if is_evictable {
            self.evictable.insert(self.last);
        } else {
            self.hold(client, bytes);
        }
    }

    fn remove(&mut self, key: &KeyedHash) {
        let Some(entry) = self.by_key.remove(key) else {
            return;
        };
        self.bytes -= entry.bytes;
        let at = entry.response.map(|(at, _)| at);
        if let Some(at) = at {
            self.stored.remove(&at);
        }
        if !at.is_some_and(|at| self.evictable.remove(&at)) {
            self.release(entry.client, entry.bytes);
        }
    }

    fn hold(&mut self, client: Option<ClientId>, bytes: usize) {
        if let Some(client) = client {
            let held = self.held.entry(client).or_insert(Capacity { keys: 0, bytes: 0 });
            held.keys += 1;
            held.bytes += bytes;
        }
    }

    fn release(&mut self, client: Option<ClientId>, bytes: usize) {
        let Some(client) = client else { return };
        if let Some(held) = self.held.get_mut(&client) {
            held.keys -= 1;
            held.bytes -= bytes;
            if held.keys == 0 {
                self.held.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use repass_domain::UnknownOutcome;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn response(text: &str) -> StoredResponse {
        StoredResponse {
            status: 200,
            is_problem: false,
            retry_after: None,
            body: text.to_owned().into(),
            is_evictable: false,
        }
    }

    fn rejection() -> StoredResponse {
        StoredResponse {
            is_evictable: true,
            ..response("refused")
        }
    }

    fn client(number: u8) -> ClientId {
        ClientId::at(IpAddr::from(Ipv4Addr::new(10, 0, 0, number))).unwrap()
    }

    fn hash(text: &str) -> KeyedHash {
        Sha256::digest(text).into()
    }

    fn request(client: Option<ClientId>, key: &str) -> KeyedRequest {
        KeyedRequest {
            key: hash(key),
            body: hash("body"),
            client,
            attempt: UnknownOutcome::new("zoom"),
        }
    }

    fn look_up(store: &InMemoryIdempotencyStore, client: Option<ClientId>, key: &str) -> KeyState {
        store.look_up(&request(client, key))
    }

    fn begin(store: &InMemoryIdempotencyStore, key: &str) {
        let state = look_up(store, None, key);
        assert!(matches!(state, KeyState::Reserved), "{key}: {state:?}");
    }

    async fn answer(store: &InMemoryIdempotencyStore, key: &str, response: StoredResponse) {
        begin(store, key);
        store.store(&hash(key), response).await;
    }

    fn is_known(store: &InMemoryIdempotencyStore, key: &str) -> bool {
        let state = look_up(store, None, key);
        let is_new = matches!(state, KeyState::Reserved);
        if is_new {
            store.release(&hash(key));
        }
        !is_new && !matches!(state, KeyState::Full(_))
    }

    fn is_full(store: &InMemoryIdempotencyStore, client: Option<ClientId>) -> bool {
        let state = look_up(store, client, "another");
        if matches!(state, KeyState::Reserved) {
            store.release(&hash("another"));
        }
        matches!(state, KeyState::Full(_))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn response_is_kept_for_the_same_request_until_it_expires() {
        let store = InMemoryIdempotencyStore::default();
        begin(&store, "k");
        assert!(matches!(look_up(&store, None, "k"), KeyState::InFlight));
        // Its hour begins with the response.
        tokio::time::advance(60 * SECOND).await;
        store.store(&hash("k"), response("done")).await;
        let found = look_up(&store, None, "k");
        assert!(matches!(found, KeyState::Answered(it) if it == response("done")));
        let other = KeyedRequest {
            body: hash("other"),
            ..request(None, "k")
        };
        assert!(matches!(store.look_up(&other), KeyState::Mismatch));
        tokio::time::advance(RETENTION.saturating_sub(SECOND)).await;
        assert!(is_known(&store, "k"));
        tokio::time::advance(SECOND).await;
        assert!(!is_known(&store, "k"));
        assert_eq!((store.keys_in_memory(), store.entries().bytes), (0, 0));
    }

    #[tokio::test]
    async fn released_key_is_free_again() {
        let store = InMemoryIdempotencyStore::default();
        begin(&store, "k");
        store.release(&hash("k"));
        assert!(!is_known(&store, "k"));
        assert_eq!((store.keys_in_memory(), store.entries().bytes), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn response_of_a_change_is_never_evicted() {
        let store = InMemoryIdempotencyStore::with(Capacity { keys: 3, ..CAPACITY });
        answer(&store, "first", response("applied")).await;
        begin(&store, "running");
        // Rejections by the provider are evicted for one another.
        for number in 0..50 {
            answer(&store, &number.to_string(), rejection()).await;
        }
        assert!(is_known(&store, "first") && is_known(&store, "running") && is_known(&store, "49"));
        assert!(!is_known(&store, "48"));
        tokio::time::advance(10 * SECOND).await;
        answer(&store, "last", response("applied")).await;
        let KeyState::Full(wait) = look_up(&store, None, "one more") else {
            panic!("the store is not full");
        };
        assert_eq!(wait, RETENTION.saturating_sub(10 * SECOND));
        assert!(is_known(&store, "first") && is_known(&store, "last"));
        store.store(&hash("running"), response("applied")).await;
        // An hour after the first.
        tokio::time::advance(wait).await;
        assert!(!is_full(&store, None));
        assert!(!is_known(&store, "first") && is_known(&store, "running"));
    }

    #[tokio::test]
    async fn store_is_bounded_in_bytes() {
        let store = InMemoryIdempotencyStore::with(Capacity {
            bytes: 100_000,
            ..CAPACITY
        });
        let mut keys = 0;
        while let KeyState::Reserved = look_up(&store, None, &keys.to_string()) {
            let long = response(&"x".repeat(10_000));
            store.store(&hash(&keys.to_string()), long).await;
            keys += 1;
        }
        // One response that is longer than its reservation may exceed the limit.
        let bytes = store.entries().bytes;
        assert!(keys == 10 && bytes <= 110_000, "{keys}: {bytes}");
        assert!((0..keys).all(|key| is_known(&store, &key.to_string())));
    }

    #[tokio::test]
    async fn store_limits_one_client_to_half_of_its_capacity() {
        let store = InMemoryIdempotencyStore::with(Capacity { keys: 10, ..CAPACITY });
        let mut taken = 0;
        while let KeyState::Reserved = look_up(&store, Some(client(1)), &taken.to_string()) {
            store.store(&hash(&taken.to_string()), response("applied")).await;
            taken += 1;
        }
        assert_eq!(taken, 5);
        assert!(is_full(&store, Some(client(1))));
        assert!(!is_full(&store, Some(client(2))) && !is_full(&store, None));
        // Rejections do not count against a client.
        for number in 0..20 {
            let key = format!("r{number}");
            let state = look_up(&store, Some(client(2)), &key);
            assert!(matches!(state, KeyState::Reserved), "full at {number}");
            store.store(&hash(&key), rejection()).await;
        }
        assert!(!is_full(&store, Some(client(2))));
    }
}
