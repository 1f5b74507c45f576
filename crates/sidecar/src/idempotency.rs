//! Responses that are kept under their clients' idempotency keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::api::{ApiResponse, Retention};
use crate::net::ClientId;

/// How long a response is kept.
pub(crate) const RETENTION: Duration = Duration::from_secs(3600);
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

type Hash = [u8; 32];

/// Responses by idempotency key. It contains no key and no body, only their hashes under a secret of this process, so
/// that passwords cannot be guessed from a memory dump.
///
/// The response of a change that may have been made is never evicted before it expires, because the next request with
/// its key would make the change again. When the cache is full, new keys are rejected instead. A client that can be
/// identified may fill at most half of it.
pub(crate) struct ResponseCache {
    secret: Zeroizing<[u8; 32]>,
    capacity: Capacity,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Hash, Entry>,
    // Those with a response, in the order in which it was stored.
    stored: BTreeMap<u64, (Instant, Hash)>,
    // Those among them that can be evicted.
    evictable: BTreeSet<u64>,
    last: u64,
    bytes: usize,
    // What cannot be evicted, by client.
    held: HashMap<ClientId, Capacity>,
}

struct Entry {
    body: Hash,
    client: Option<ClientId>,
    bytes: usize,
    // With its position in `stored`.
    response: Option<(u64, ApiResponse)>,
}

/// The result of looking up a key.
pub(crate) enum CacheLookup {
    /// The key is new, and reserved for this request.
    Reserved(Reservation),
    /// The response to the same request.
    Hit(ApiResponse),
    /// The request with this key has no response yet.
    InFlight,
    /// The key belongs to another request.
    Mismatch,
    /// The key is new, and the cache is full for at least this long.
    Full(Duration),
}

impl Default for ResponseCache {
    fn default() -> Self {
        Self::with(CAPACITY)
    }
}

impl ResponseCache {
    fn with(capacity: Capacity) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        SysRng
            .try_fill_bytes(&mut *secret)
            .expect("the operating system provides randomness");
        Self {
            secret,
            capacity,
            entries: Mutex::default(),
        }
    }

    /// Looks up a key at a route, and reserves it if it is new.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        client: Option<ClientId>,
        route: &str,
        key: &[u8],
        body: &[u8],
    ) -> CacheLookup {
        let key = self.hash(&[route.as_bytes(), key]);
        let body = self.hash(&[body]);
        let mut entries = self.entries();
        let now = Instant::now();
        entries.remove_expired(now);
        match entries.by_key.get(&key) {
            Some(entry) if !bool::from(entry.body.ct_eq(&body)) => CacheLookup::Mismatch,
            Some(Entry { response: None, .. }) => CacheLookup::InFlight,
            Some(Entry {
                response: Some((_, response)),
                ..
            }) => CacheLookup::Hit(response.clone()),
            None => {
                let bytes = OVERHEAD + RESERVED;
                if !entries.evict_for(client, bytes, self.capacity) {
                    return CacheLookup::Full(entries.until_expiry(now));
                }
                entries.hold(client, bytes);
                entries.bytes += bytes;
                let entry = Entry {
                    body,
                    client,
                    bytes,
                    response: None,
                };
                entries.by_key.insert(key, entry);
                CacheLookup::Reserved(Reservation {
                    cache: Arc::clone(self),
                    key,
                    is_stored: false,
                })
            }
        }
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> usize {
        self.entries().by_key.len()
    }

    // Each part follows its length, so different parts never give the same input.
    fn hash(&self, parts: &[&[u8]]) -> Hash {
        let mut hash = Hmac::<Sha256>::new_from_slice(&*self.secret).expect("any key length is valid");
        for part in parts {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into_bytes().into()
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

    fn store(&mut self, key: &Hash, response: &ApiResponse) {
        let now = Instant::now();
        let Some(entry) = self.by_key.get_mut(key) else {
            return;
        };
        self.last += 1;
        let bytes = OVERHEAD + response.length();
        let before = std::mem::replace(&mut entry.bytes, bytes);
        let client = entry.client;
        entry.response = Some((self.last, response.clone()));
        self.stored.insert(self.last, (now, *key));
        self.bytes = self.bytes - before + bytes;
        self.release(client, before);
        match response.retention() {
            Retention::Keep => self.hold(client, bytes),
            Retention::Evictable | Retention::None => {
                self.evictable.insert(self.last);
            }
        }
    }

    fn remove(&mut self, key: &Hash) {
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

/// A key whose request is in flight. Dropped without a response, the key is free again.
pub(crate) struct Reservation {
    cache: Arc<ResponseCache>,
    key: Hash,
    is_stored: bool,
}

impl Reservation {
    /// Stores the response, unless its retention is [`Retention::None`].
    pub(crate) fn store(mut self, response: &ApiResponse) {
        if response.retention() != Retention::None {
            self.is_stored = true;
            self.cache.entries().store(&self.key, response);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_stored {
            self.cache.entries().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use http::StatusCode;

    use super::*;

    fn response(text: &str) -> ApiResponse {
        ApiResponse::json(StatusCode::OK, &text)
    }

    fn rejection() -> ApiResponse {
        response("refused").with_retention(Retention::Evictable)
    }

    fn client(number: u8) -> ClientId {
        ClientId::at(IpAddr::from(Ipv4Addr::new(10, 0, 0, number))).unwrap()
    }

    fn look_up(cache: &Arc<ResponseCache>, client: Option<ClientId>, key: &str) -> CacheLookup {
        cache.look_up(client, "/route", key.as_bytes(), b"body")
    }

    fn begin(cache: &Arc<ResponseCache>, key: &str) -> Reservation {
        match look_up(cache, None, key) {
            CacheLookup::Reserved(reservation) => reservation,
            _ => panic!("{key} is known, or the cache is full"),
        }
    }

    fn is_known(cache: &Arc<ResponseCache>, key: &str) -> bool {
        !matches!(
            look_up(cache, None, key),
            CacheLookup::Reserved(_) | CacheLookup::Full(_)
        )
    }

    fn is_full(cache: &Arc<ResponseCache>, client: Option<ClientId>) -> bool {
        matches!(look_up(cache, client, "another"), CacheLookup::Full(_))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn response_is_kept_for_the_same_request_until_it_expires() {
        let cache = Arc::new(ResponseCache::default());
        let reservation = begin(&cache, "k");
        assert!(matches!(look_up(&cache, None, "k"), CacheLookup::InFlight));
        // Its hour begins with the response.
        tokio::time::advance(60 * SECOND).await;
        reservation.store(&response("done"));
        let found = |route, key: &str, body: &[u8]| cache.look_up(None, route, key.as_bytes(), body);
        assert!(matches!(found("/route", "k", b"body"), CacheLookup::Hit(it) if it == response("done")));
        assert!(matches!(found("/route", "k", b"other"), CacheLookup::Mismatch));
        assert!(matches!(found("/other", "k", b"other"), CacheLookup::Reserved(_)));
        assert!(matches!(found("/rou", "tek", b"body"), CacheLookup::Reserved(_)));
        tokio::time::advance(RETENTION.saturating_sub(SECOND)).await;
        assert!(is_known(&cache, "k"));
        tokio::time::advance(SECOND).await;
        assert!(!is_known(&cache, "k"));
        assert_eq!((cache.len(), cache.entries().bytes), (0, 0));
    }

    #[tokio::test]
    async fn reservation_dropped_or_not_retained_frees_its_key() {
        let cache = Arc::new(ResponseCache::default());
        drop(begin(&cache, "k"));
        assert!(!is_known(&cache, "k"));
        begin(&cache, "k").store(&response("nothing was asked").with_retention(Retention::None));
        assert!(!is_known(&cache, "k"));
        assert_eq!((cache.len(), cache.entries().bytes), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn response_of_a_change_is_never_evicted() {
        let cache = Arc::new(ResponseCache::with(Capacity { keys: 3, ..CAPACITY }));
        begin(&cache, "first").store(&response("applied"));
        let running = begin(&cache, "running");
        // Rejections by the provider are evicted for one another.
        for number in 0..50 {
            begin(&cache, &number.to_string()).store(&rejection());
        }
        assert!(is_known(&cache, "first") && is_known(&cache, "running") && is_known(&cache, "49"));
        assert!(!is_known(&cache, "48"));
        tokio::time::advance(10 * SECOND).await;
        begin(&cache, "last").store(&response("applied"));
        let CacheLookup::Full(wait) = look_up(&cache, None, "one more") else {
            panic!("the cache is not full");
        };
        assert_eq!(wait, RETENTION.saturating_sub(10 * SECOND));
        assert!(is_known(&cache, "first") && is_known(&cache, "last"));
        running.store(&response("applied"));
        // An hour after the first.
        tokio::time::advance(wait).await;
        assert!(!is_full(&cache, None));
        assert!(!is_known(&cache, "first") && is_known(&cache, "running"));
    }

    #[tokio::test]
    async fn cache_is_bounded_in_bytes() {
        let cache = Arc::new(ResponseCache::with(Capacity {
            bytes: 100_000,
            ..CAPACITY
        }));
        let long = response(&"x".repeat(10_000));
        let mut keys = 0;
        while let CacheLookup::Reserved(reservation) = look_up(&cache, None, &keys.to_string()) {
            reservation.store(&long);
            keys += 1;
        }
        // One response that is longer than its reservation may exceed the limit.
        assert!(
            keys == 10 && cache.entries().bytes <= 110_000,
            "{keys}: {}",
            cache.entries().bytes
        );
        assert!((0..keys).all(|key| is_known(&cache, &key.to_string())));
    }

    #[tokio::test]
    async fn cache_limits_one_client_to_half_of_its_capacity() {
        let cache = Arc::new(ResponseCache::with(Capacity { keys: 10, ..CAPACITY }));
        let mut taken = 0;
        while let CacheLookup::Reserved(reservation) = look_up(&cache, Some(client(1)), &taken.to_string()) {
            reservation.store(&response("applied"));
            taken += 1;
        }
        assert_eq!(taken, 5);
        assert!(is_full(&cache, Some(client(1))));
        assert!(!is_full(&cache, Some(client(2))) && !is_full(&cache, None));
        // Rejections do not count against a client.
        for number in 0..20 {
            match look_up(&cache, Some(client(2)), &format!("r{number}")) {
                CacheLookup::Reserved(reservation) => reservation.store(&rejection()),
                _ => panic!("the cache is full at {number}"),
            }
        }
        assert!(!is_full(&cache, Some(client(2))));
    }

    #[test]
    fn cache_contains_only_hashes_of_keys_and_bodies() {
        let cache = Arc::new(ResponseCache::default());
        let CacheLookup::Reserved(reservation) = cache.look_up(None, "/route", b"k", b"canary-77") else {
            panic!("it is new");
        };
        let bodies: Vec<Hash> = cache.entries().by_key.values().map(|entry| entry.body).collect();
        // Another process has other hashes.
        assert_ne!(bodies, [ResponseCache::default().hash(&[b"canary-77"])]);
        drop(reservation);
    }
}
