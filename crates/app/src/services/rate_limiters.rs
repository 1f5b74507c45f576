//! One rate limiter per provider account in the whole process: a provider counts all requests of an account together,
//! whichever service sends them. With shared state it is one for all processes.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use repass_transport::{RateLimit, RateLimiter};
use secrecy::{ExposeSecret as _, SecretString};

/// The accounts of this process, or of all that share a state.
#[derive(Debug, Clone, Default)]
pub(super) struct Accounts {
    #[cfg(feature = "postgres")]
    pub(super) shared: Option<super::SharedState>,
}

impl Accounts {
    /// The rate limiter of an account under these limits: the same one as long as a service uses it.
    pub(super) fn rate_limiter(
        &self,
        account: &str,
        limits: &[(&'static str, RateLimit)],
    ) -> Arc<RateLimiter> {
        static RATE_LIMITERS: LazyLock<Mutex<HashMap<String, Weak<RateLimiter>>>> =
            LazyLock::new(Mutex::default);
        let mut rate_limiters = RATE_LIMITERS.lock().unwrap_or_else(PoisonError::into_inner);
        rate_limiters.retain(|_, rate_limiter| rate_limiter.strong_count() > 0);
        let key = format!("{account} {limits:?} {:?}", self.group());
        if let Some(shared) = rate_limiters.get(&key).and_then(Weak::upgrade) {
            return shared;
        }
        let rate_limiter = Arc::new(self.new_rate_limiter(account, limits));
        rate_limiters.insert(key, Arc::downgrade(&rate_limiter));
        rate_limiter
    }

    #[cfg(feature = "postgres")]
    fn new_rate_limiter(&self, account: &str, limits: &[(&'static str, RateLimit)]) -> RateLimiter {
        let limits = limits.iter().copied();
        match &self.shared {
            Some(state) => {
                let account = state.hash("account", account);
                state.rate_limits.rate_limiter(account, limits)
            }
            None => RateLimiter::new(limits),
        }
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "with shared state it matters")]
    fn new_rate_limiter(&self, _: &str, limits: &[(&'static str, RateLimit)]) -> RateLimiter {
        RateLimiter::new(limits.iter().copied())
    }

    // Services with and without shared state, or with two of them, share no rate limiter.
    #[cfg(feature = "postgres")]
    fn group(&self) -> Option<String> {
        self.shared.as_ref().map(|state| state.hash("group", ""))
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "with shared state it matters")]
    fn group(&self) -> Option<String> {
        None
    }

    /// Distinguishes tokens, and reveals nothing of them: under a key that dies with the process, or the secret of all
    /// processes.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_self, reason = "with shared state it matters")
    )]
    pub(super) fn fingerprint(&self, token: &SecretString) -> String {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        #[expect(clippy::disallowed_methods, reason = "hashed in place, under a secret key")]
        let token = token.expose_secret();
        #[cfg(feature = "postgres")]
        if let Some(state) = &self.shared {
            return state.hash("token", token);
        }
        format!("{:016x}", KEY.hash_one(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_in_use_has_one_rate_limiter() {
        let limits = [("medium", RateLimit::per_second(20))];
        let accounts = Accounts::default();
        let first = accounts.rate_limiter("one", &limits);
        assert!(Arc::ptr_eq(&first, &accounts.rate_limiter("one", &limits)));
        assert!(!Arc::ptr_eq(&first, &accounts.rate_limiter("two", &limits)));
        assert_eq!(
            accounts.fingerprint(&"a".into()),
            accounts.fingerprint(&"a".into())
        );
        assert_ne!(
            accounts.fingerprint(&"a".into()),
            accounts.fingerprint(&"b".into())
        );
    }
}
