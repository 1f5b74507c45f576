//! One rate limiter per provider account in the whole process: a provider counts all requests of an account together,
//! whichever service sends them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use repass_transport::{RateLimit, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};

/// The rate limiter of an account under these limits: the same one as long as a service uses it.
pub(crate) fn rate_limiter(account: &str, limits: &[(&'static str, RateLimit)]) -> Arc<RateLimiter> {
    static RATE_LIMITERS: LazyLock<Mutex<HashMap<String, Weak<RateLimiter>>>> = LazyLock::new(Mutex::default);
    let mut rate_limiters = RATE_LIMITERS.lock().unwrap_or_else(PoisonError::into_inner);
    rate_limiters.retain(|_, rate_limiter| rate_limiter.strong_count() > 0);
    let key = format!("{account} {limits:?}");
    if let Some(shared) = rate_limiters.get(&key).and_then(Weak::upgrade) {
        return shared;
    }
    let rate_limiter = Arc::new(RateLimiter::new(limits.iter().copied()));
    rate_limiters.insert(key, Arc::downgrade(&rate_limiter));
    rate_limiter
}

/// Distinguishes tokens within this process, and reveals nothing of them.
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
    fn account_in_use_has_one_rate_limiter() {
        let limits = [("medium", RateLimit::per_second(20))];
        let first = rate_limiter("one", &limits);
        assert!(Arc::ptr_eq(&first, &rate_limiter("one", &limits)));
        assert!(!Arc::ptr_eq(&first, &rate_limiter("two", &limits)));
        assert_eq!(fingerprint(&"a".into()), fingerprint(&"a".into()));
        assert_ne!(fingerprint(&"a".into()), fingerprint(&"b".into()));
    }
}
