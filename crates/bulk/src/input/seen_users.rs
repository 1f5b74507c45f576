//! Finds duplicate users in little memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use repass_domain::UserKey;

/// The line on which each user was first seen, by a 64-bit fingerprint under a random key.
///
/// A row takes 13 bytes in tables that double, so 13 to 27 on average. The tables are sharded, so that one that grows
/// matters little. Among a million rows, a false duplicate has a probability of 1 in 37 million.
#[derive(Debug)]
pub(crate) struct SeenUsers {
    key: RandomState,
    shards: Vec<HashMap<[u32; 2], u32, IdentityState>>,
}

const SHARDS: usize = 64;

impl Default for SeenUsers {
    fn default() -> Self {
        Self::new()
    }
}

impl SeenUsers {
    pub(crate) fn new() -> Self {
        Self {
            key: RandomState::new(),
            shards: (0..SHARDS).map(|_| HashMap::default()).collect(),
        }
    }

    /// Adds a user, and returns the line on which the same user was seen before. Spellings that providers treat as the
    /// same user are equal.
    pub(crate) fn first_line(&mut self, provider: &str, user: &UserKey, line: u64) -> Option<u64> {
        let mut hasher = self.key.build_hasher();
        hasher.write(provider.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(user.expose().as_bytes());
        let [low, high] = halves(hasher.finish());
        let shard = &mut self.shards[low as usize % SHARDS];
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        match shard.entry([low, high]) {
            std::collections::hash_map::Entry::Occupied(first) => Some(u64::from(*first.get())),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(line);
                None
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
fn halves(fingerprint: u64) -> [u32; 2] {
    [fingerprint as u32, (fingerprint >> 32) as u32]
}

// The keys are hashes already, so they are only combined into one number.
#[derive(Debug, Default)]
struct IdentityState;

struct IdentityHasher(u64);

impl BuildHasher for IdentityState {
    type Hasher = IdentityHasher;

    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher(0)
    }
}

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, half: u32) {
        self.0 = self.0.rotate_left(32) ^ u64::from(half);
    }

    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_users_compares_by_provider_and_normalized_spelling() {
        let mut seen = SeenUsers::new();
        let user = |text: &str| UserKey::of(text);
        assert_eq!(seen.first_line("zoom", &user("Ann@example.com"), 2), None);
        assert_eq!(seen.first_line("zoom", &user("ann@EXAMPLE.com"), 9), Some(2));
        assert_eq!(seen.first_line("portal", &user("ann@example.com"), 10), None);
        assert_eq!(seen.first_line("zoom", &user("ann@example.co"), 11), None);
        assert_eq!(seen.first_line("zoom", &user("KdYKjnimT4KPd8FFgQt9FQ"), 12), None);
        assert_eq!(seen.first_line("zoom", &user("kdykjnimt4kpd8ffgqt9fq"), 13), None);
        let guid = "b0b00000-0000-4000-8000-000000000002";
        assert_eq!(seen.first_line("portal", &user(guid), 14), None);
        let upper = guid.to_uppercase();
        for spelling in [
            upper.clone(),
            guid.replace('-', ""),
            format!("{{{guid}}}"),
            format!("({upper})"),
        ] {
            assert_eq!(
                seen.first_line("portal", &user(&spelling), 15),
                Some(14),
                "{spelling}"
            );
        }
    }

    #[test]
    fn seen_users_finds_no_false_duplicates_among_100_000() {
        let mut seen = SeenUsers::new();
        for line in 1..=100_000_u64 {
            let user = UserKey::of(&format!("user{line}@example.com"));
            assert_eq!(seen.first_line("zoom", &user, line), None);
        }
    }
}
