//! Provider accounts, each with one rate_limiter for the whole process: a provider counts all of an
//! account's requests together, whichever service sends them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use repass_transport::{RateLimit, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};

/// The rate_limiter of an account under these limits: the same one as long as anybody holds it.
pub(crate) fn rate_limiter(account: &str, limits: &[(&'static str, RateLimit)]) -> Arc<RateLimiter> {
    static GOVERNORS: LazyLock<Mutex<HashMap<String, Weak<RateLimiter>>>> = LazyLock::new(Mutex::default);
    let mut governors = GOVERNORS.lock().unwrap_or_else(PoisonError::into_inner);
    governors.retain(|_, rate_limiter| rate_limiter.strong_count() > 0);
    let key = format!("{account} {limits:?}");
    if let Some(shared) = governors.get(&key).and_then(Weak::upgrade) {
        return shared;
    }
    let rate_limiter = Arc::new(RateLimiter::new(limits.iter().copied()));
    governors.insert(key, Arc::downgrade(&rate_limiter));
    rate_limiter
}

/// What tells tokens apart within this process, and says nothing of them.
#[expect(
    clippy::disallowed_methods,
    reason = "hashed in place, with a key that dies with the process"
)]
pub(crate) fn fingerprint(token: &SecretString) -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    format!("{:016x}", KEY.hash_one(token.expose_secret()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_governor_while_it_is_in_use() {
        let limits = [("medium", RateLimit::per_second(20))];
        let first = rate_limiter("one", &limits);
        assert!(Arc::ptr_eq(&first, &rate_limiter("one", &limits)));
        assert!(!Arc::ptr_eq(&first, &rate_limiter("two", &limits)));
        assert_eq!(fingerprint(&"a".into()), fingerprint(&"a".into()));
        assert_ne!(fingerprint(&"a".into()), fingerprint(&"b".into()));
    }
}
