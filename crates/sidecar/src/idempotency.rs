//! Answers that are kept under their clients' keys.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::api::Answer;

/// How long an answer is kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How many are kept; the oldest one goes first.
pub(crate) const MOST: usize = 100_000;

type Hash = [u8; 32];

/// Answers under their clients' keys. Neither a key nor a body is in it: both are there as hashes under a secret
/// of this process's own, so that nobody can try passwords against what is kept.
pub(crate) struct Kept {
    secret: Zeroizing<[u8; 32]>,
    most: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<Hash, Entry>,
    // In the order in which they began.
    order: VecDeque<(Instant, Hash)>,
}

struct Entry {
    body: Hash,
    answer: Option<Answer>,
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
}

impl Default for Kept {
    fn default() -> Self {
        Self::with_room_for(MOST)
    }
}

impl Kept {
    fn with_room_for(most: usize) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        SysRng
            .try_fill_bytes(&mut *secret)
            .expect("the operating system gives randomness");
        Self {
            secret,
            most,
            entries: Mutex::default(),
        }
    }

    /// What is known of this key at this route.
    pub(crate) fn look_up(self: &Arc<Self>, route: &str, key: &[u8], body: &[u8]) -> Found {
        let key = self.hash(&[route.as_bytes(), key]);
        let body = self.hash(&[body]);
        let mut entries = self.entries();
        let now = Instant::now();
        entries.forget(now, self.most);
        match entries.by_key.get(&key) {
            Some(entry) if !bool::from(entry.body.ct_eq(&body)) => Found::Another,
            Some(Entry { answer: None, .. }) => Found::Running,
            Some(Entry {
                answer: Some(answer), ..
            }) => Found::Answered(answer.clone()),
            None => {
                entries.by_key.insert(key, Entry { body, answer: None });
                entries.order.push_back((now, key));
                Found::New(Open {
                    kept: Arc::clone(self),
                    key,
                    is_answered: false,
                })
            }
        }
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
    // Those that are too old or too many, but none that is under way: it is put behind the others.
    fn forget(&mut self, now: Instant, most: usize) {
        for _ in 0..self.order.len() {
            let Some((at, key)) = self.order.front().copied() else {
                return;
            };
            let is_old = now.duration_since(at) >= KEPT_FOR;
            if !is_old && self.order.len() < most {
                return;
            }
            self.order.pop_front();
            match self.by_key.get(&key) {
                Some(Entry { answer: None, .. }) => self.order.push_back((at, key)),
                Some(_) => {
                    self.by_key.remove(&key);
                }
                None => {}
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
    /// Keeps this answer.
    pub(crate) fn answer(mut self, answer: &Answer) {
        self.is_answered = true;
        if let Some(entry) = self.kept.entries().by_key.get_mut(&self.key) {
            entry.answer = Some(answer.clone());
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_answered {
            let mut entries = self.kept.entries();
            entries.by_key.remove(&self.key);
            // It was among the last to come.
            if let Some(at) = entries.order.iter().rposition(|(_, key)| *key == self.key) {
                entries.order.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn answer(text: &'static str) -> Answer {
        Answer::json(StatusCode::OK, &text)
    }

    fn begin(kept: &Arc<Kept>, key: &str) -> Open {
        match kept.look_up("/route", key.as_bytes(), b"body") {
            Found::New(open) => open,
            _ => panic!("{key} is known"),
        }
    }

    fn is_known(kept: &Arc<Kept>, key: &str) -> bool {
        !matches!(kept.look_up("/route", key.as_bytes(), b"body"), Found::New(_))
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_request_has_the_same_answer_until_it_is_old() {
        let kept = Arc::new(Kept::default());
        let open = begin(&kept, "k");
        assert!(matches!(kept.look_up("/route", b"k", b"body"), Found::Running));
        open.answer(&answer("done"));
        assert!(matches!(kept.look_up("/route", b"k", b"body"), Found::Answered(it) if it == answer("done")));
        assert!(matches!(kept.look_up("/route", b"k", b"other"), Found::Another));
        assert!(matches!(kept.look_up("/other", b"k", b"other"), Found::New(_)));
        assert!(matches!(kept.look_up("/rou", b"tek", b"body"), Found::New(_)));
        let second = Duration::from_secs(1);
        tokio::time::advance(KEPT_FOR.saturating_sub(second)).await;
        assert!(is_known(&kept, "k"));
        tokio::time::advance(second).await;
        assert!(!is_known(&kept, "k"));
    }

    #[tokio::test]
    async fn what_was_never_made_is_forgotten() {
        let kept = Arc::new(Kept::default());
        drop(begin(&kept, "k"));
        assert!(!is_known(&kept, "k"));
        assert_eq!(kept.entries().order.len(), 0);
    }

    #[tokio::test]
    async fn the_oldest_goes_for_the_newest_but_none_that_is_under_way() {
        let kept = Arc::new(Kept::with_room_for(3));
        let running = begin(&kept, "running");
        for number in 0..50 {
            begin(&kept, &number.to_string()).answer(&answer("x"));
        }
        assert!(kept.entries().by_key.len() <= 3);
        assert!(is_known(&kept, "running") && is_known(&kept, "49") && !is_known(&kept, "0"));
        running.answer(&answer("y"));
    }

    #[test]
    fn neither_key_nor_body_is_kept() {
        let kept = Arc::new(Kept::default());
        let Found::New(open) = kept.look_up("/route", b"k", b"canary-77") else {
            panic!("it is new");
        };
        let bodies: Vec<Hash> = kept.entries().by_key.values().map(|entry| entry.body).collect();
        // Another process hashes the same to something else.
        assert_ne!(bodies, [Kept::default().hash(&[b"canary-77"])]);
        drop(open);
    }
}
