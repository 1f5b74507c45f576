//! Answers that are kept under their clients' keys.

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

use crate::api::{Answer, Retention};
use crate::door::Client;

/// How long an answer is kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How much is kept in all.
const ROOM: Room = Room {
    keys: 100_000,
    bytes: 64 * 1024 * 1024,
};
// What a key takes in memory besides its answer's body.
const OVERHEAD: usize = 512;
// What is set aside for the body of an answer that is still to come.
const RESERVED: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Room {
    keys: usize,
    bytes: usize,
}

type Hash = [u8; 32];

/// Answers under their clients' keys. Neither a key nor a body is in it: both are there as hashes under a secret
/// of this process's own, so that nobody can try passwords against what is kept.
///
/// The answer of a change that may have been made is never dropped before its time, because the next request under
/// its key would make the change once more. Where there is no room, new keys are refused instead, and no client that
/// can be told from others may fill more than half of it.
pub(crate) struct Kept {
    secret: Zeroizing<[u8; 32]>,
    room: Room,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Hash, Entry>,
    // Answered ones, in the order in which they were answered.
    answered: BTreeMap<u64, (Instant, Hash)>,
    // Those among them that can go before their time.
    droppable: BTreeSet<u64>,
    last: u64,
    bytes: usize,
    // What cannot go before its time, by the client that has it.
    held: HashMap<Client, Room>,
}

struct Entry {
    body: Hash,
    client: Option<Client>,
    bytes: usize,
    // With its place among those that are answered.
    answer: Option<(u64, Answer)>,
}

/// What a key stands for.
pub(crate) enum Found {
    /// Nothing yet: this request is the first.
    New(Open),
    /// The same request, which has been answered.
    Answered(Answer),
    /// The same request, or another one, that is not answered yet.
    Running,
    /// Another request.
    Another,
    /// Nothing, and there is no room for it before this long.
    Full(Duration),
}

impl Default for Kept {
    fn default() -> Self {
        Self::with(ROOM)
    }
}

impl Kept {
    fn with(room: Room) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        SysRng
            .try_fill_bytes(&mut *secret)
            .expect("the operating system gives randomness");
        Self {
            secret,
            room,
            entries: Mutex::default(),
        }
    }

    /// What is known of this key at this route.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        client: Option<Client>,
        route: &str,
        key: &[u8],
        body: &[u8],
    ) -> Found {
        let key = self.hash(&[route.as_bytes(), key]);
        let body = self.hash(&[body]);
        let mut entries = self.entries();
        let now = Instant::now();
        entries.drop_old(now);
        match entries.by_key.get(&key) {
            Some(entry) if !bool::from(entry.body.ct_eq(&body)) => Found::Another,
            Some(Entry { answer: None, .. }) => Found::Running,
            Some(Entry {
                answer: Some((_, answer)),
                ..
            }) => Found::Answered(answer.clone()),
            None => {
                let bytes = OVERHEAD + RESERVED;
                if !entries.make_room(client, bytes, self.room) {
                    return Found::Full(entries.until_room(now));
                }
                entries.hold(client, bytes);
                entries.bytes += bytes;
                let entry = Entry {
                    body,
                    client,
                    bytes,
                    answer: None,
                };
                entries.by_key.insert(key, entry);
                Found::New(Open {
                    kept: Arc::clone(self),
                    key,
                    is_answered: false,
                })
            }
        }
    }

    /// How many keys are kept now.
    pub(crate) fn keys(&self) -> usize {
        self.entries().by_key.len()
    }

    // The parts cannot be taken for one another: each stands behind its length.
    fn hash(&self, parts: &[&[u8]]) -> Hash {
        let mut hash = Hmac::<Sha256>::new_from_slice(&*self.secret).expect("any length is good");
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
    fn drop_old(&mut self, now: Instant) {
        while let Some((_, (at, key))) = self.answered.first_key_value()
            && now.duration_since(*at) >= KEPT_FOR
        {
            let key = *key;
            self.remove(&key);
        }
    }

    /// Makes room for one more key of this client, by dropping what may go; `false` if that is not enough.
    fn make_room(&mut self, client: Option<Client>, bytes: usize, room: Room) -> bool {
        if let Some(held) = client.and_then(|client| self.held.get(&client))
            && (held.keys >= room.keys / 2 || held.bytes + bytes > room.bytes / 2)
        {
            return false;
        }
        while self.by_key.len() >= room.keys || self.bytes + bytes > room.bytes {
            let Some(at) = self.droppable.first() else {
                return false;
            };
            let Some((_, key)) = self.answered.get(at).copied() else {
                return false;
            };
            self.remove(&key);
        }
        true
    }

    // When the next one is old. What is running now may be done, and be dropped, at any time.
    fn until_room(&self, now: Instant) -> Duration {
        let oldest = self.answered.first_key_value();
        let left = oldest.map(|(_, (at, _))| KEPT_FOR.saturating_sub(now.duration_since(*at)));
        left.unwrap_or_default().max(Duration::from_secs(1))
    }

    fn answer(&mut self, key: &Hash, answer: &Answer) {
        let now = Instant::now();
        let Some(entry) = self.by_key.get_mut(key) else {
            return;
        };
        self.last += 1;
        let bytes = OVERHEAD + answer.length();
        let before = std::mem::replace(&mut entry.bytes, bytes);
        let client = entry.client;
        entry.answer = Some((self.last, answer.clone()));
        self.answered.insert(self.last, (now, *key));
        self.bytes = self.bytes - before + bytes;
        self.release(client, before);
        match answer.retention() {
            Retention::Certain => self.hold(client, bytes),
            Retention::Droppable | Retention::None => {
                self.droppable.insert(self.last);
            }
        }
    }

    fn remove(&mut self, key: &Hash) {
        let Some(entry) = self.by_key.remove(key) else {
            return;
        };
        self.bytes -= entry.bytes;
        let at = entry.answer.map(|(at, _)| at);
        if let Some(at) = at {
            self.answered.remove(&at);
        }
        if !at.is_some_and(|at| self.droppable.remove(&at)) {
            self.release(entry.client, entry.bytes);
        }
    }

    fn hold(&mut self, client: Option<Client>, bytes: usize) {
        if let Some(client) = client {
            let held = self.held.entry(client).or_insert(Room { keys: 0, bytes: 0 });
            held.keys += 1;
            held.bytes += bytes;
        }
    }

    fn release(&mut self, client: Option<Client>, bytes: usize) {
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

/// A key whose request is under way. Dropped without an answer, it is as if the request had never come.
pub(crate) struct Open {
    kept: Arc<Kept>,
    key: Hash,
    is_answered: bool,
}

impl Open {
    /// Keeps this answer, if it is one to be kept.
    pub(crate) fn answer(mut self, answer: &Answer) {
        if answer.retention() != Retention::None {
            self.is_answered = true;
            self.kept.entries().answer(&self.key, answer);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_answered {
            self.kept.entries().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use http::StatusCode;

    use super::*;

    fn answer(text: &str) -> Answer {
        Answer::json(StatusCode::OK, &text)
    }

    fn refusal() -> Answer {
        answer("refused").kept(Retention::Droppable)
    }

    fn client(number: u8) -> Client {
        Client::at(IpAddr::from(Ipv4Addr::new(10, 0, 0, number))).unwrap()
    }

    fn look_up(kept: &Arc<Kept>, client: Option<Client>, key: &str) -> Found {
        kept.look_up(client, "/route", key.as_bytes(), b"body")
    }

    fn begin(kept: &Arc<Kept>, key: &str) -> Open {
        match look_up(kept, None, key) {
            Found::New(open) => open,
            _ => panic!("{key} is known, or there is no room"),
        }
    }

    fn is_known(kept: &Arc<Kept>, key: &str) -> bool {
        !matches!(look_up(kept, None, key), Found::New(_) | Found::Full(_))
    }

    fn is_full(kept: &Arc<Kept>, client: Option<Client>) -> bool {
        matches!(look_up(kept, client, "another"), Found::Full(_))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_same_request_has_the_same_answer_until_it_is_old() {
        let kept = Arc::new(Kept::default());
        let open = begin(&kept, "k");
        assert!(matches!(look_up(&kept, None, "k"), Found::Running));
        // Its hour begins with the answer.
        tokio::time::advance(60 * SECOND).await;
        open.answer(&answer("done"));
        let found = |route, key: &str, body: &[u8]| kept.look_up(None, route, key.as_bytes(), body);
        assert!(matches!(found("/route", "k", b"body"), Found::Answered(it) if it == answer("done")));
        assert!(matches!(found("/route", "k", b"other"), Found::Another));
        assert!(matches!(found("/other", "k", b"other"), Found::New(_)));
        assert!(matches!(found("/rou", "tek", b"body"), Found::New(_)));
        tokio::time::advance(KEPT_FOR.saturating_sub(SECOND)).await;
        assert!(is_known(&kept, "k"));
        tokio::time::advance(SECOND).await;
        assert!(!is_known(&kept, "k"));
        assert_eq!((kept.keys(), kept.entries().bytes), (0, 0));
    }

    #[tokio::test]
    async fn what_was_never_made_is_forgotten() {
        let kept = Arc::new(Kept::default());
        drop(begin(&kept, "k"));
        assert!(!is_known(&kept, "k"));
        begin(&kept, "k").answer(&answer("nothing was asked").kept(Retention::None));
        assert!(!is_known(&kept, "k"));
        assert_eq!((kept.keys(), kept.entries().bytes), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_may_be_a_change_outlives_any_number_of_keys() {
        let kept = Arc::new(Kept::with(Room { keys: 3, ..ROOM }));
        begin(&kept, "first").answer(&answer("applied"));
        let running = begin(&kept, "running");
        // Refusals of the provider's make room for one another.
        for number in 0..50 {
            begin(&kept, &number.to_string()).answer(&refusal());
        }
        assert!(is_known(&kept, "first") && is_known(&kept, "running") && is_known(&kept, "49"));
        assert!(!is_known(&kept, "48"));
        tokio::time::advance(10 * SECOND).await;
        begin(&kept, "last").answer(&answer("applied"));
        let Found::Full(wait) = look_up(&kept, None, "one more") else {
            panic!("there is room");
        };
        assert_eq!(wait, KEPT_FOR.saturating_sub(10 * SECOND));
        assert!(is_known(&kept, "first") && is_known(&kept, "last"));
        running.answer(&answer("applied"));
        // An hour after the first.
        tokio::time::advance(wait).await;
        assert!(!is_full(&kept, None));
        assert!(!is_known(&kept, "first") && is_known(&kept, "running"));
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_in_bytes() {
        let kept = Arc::new(Kept::with(Room {
            bytes: 100_000,
            ..ROOM
        }));
        let long = answer(&"x".repeat(10_000));
        let mut keys = 0;
        while let Found::New(open) = look_up(&kept, None, &keys.to_string()) {
            open.answer(&long);
            keys += 1;
        }
        // One answer, longer than what was set aside for it, may be too much.
        assert!(
            keys == 10 && kept.entries().bytes <= 110_000,
            "{keys}: {}",
            kept.entries().bytes
        );
        assert!((0..keys).all(|key| is_known(&kept, &key.to_string())));
    }

    #[tokio::test]
    async fn no_client_takes_the_room_of_all_others() {
        let kept = Arc::new(Kept::with(Room { keys: 10, ..ROOM }));
        let mut taken = 0;
        while let Found::New(open) = look_up(&kept, Some(client(1)), &taken.to_string()) {
            open.answer(&answer("applied"));
            taken += 1;
        }
        assert_eq!(taken, 5);
        assert!(is_full(&kept, Some(client(1))));
        assert!(!is_full(&kept, Some(client(2))) && !is_full(&kept, None));
        // What is refused is not what a client holds.
        for number in 0..20 {
            match look_up(&kept, Some(client(2)), &format!("r{number}")) {
                Found::New(open) => open.answer(&refusal()),
                _ => panic!("there is no room for {number}"),
            }
        }
        assert!(!is_full(&kept, Some(client(2))));
    }

    #[test]
    fn neither_key_nor_body_is_kept() {
        let kept = Arc::new(Kept::default());
        let Found::New(open) = kept.look_up(None, "/route", b"k", b"canary-77") else {
            panic!("it is new");
        };
        let bodies: Vec<Hash> = kept.entries().by_key.values().map(|entry| entry.body).collect();
        // Another process hashes the same to something else.
        assert_ne!(bodies, [Kept::default().hash(&[b"canary-77"])]);
        drop(open);
    }
}
