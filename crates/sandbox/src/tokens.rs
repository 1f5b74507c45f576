//! Access tokens issued by one provider.

use std::collections::HashMap;
use std::time::Duration;

/// One issued token.
#[derive(Debug)]
struct IssuedToken {
    scopes: Vec<String>,
    expires: Duration,
}

/// What a token is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenStatus {
    Valid(Vec<String>),
    Expired,
    /// Never issued, or revoked.
    Unknown,
}

/// Every token issued and not revoked. Instants are those of the sandbox's clock.
#[derive(Debug, Default)]
pub(crate) struct Tokens(HashMap<String, IssuedToken>);

impl Tokens {
    pub(crate) fn issue(&mut self, scopes: Vec<String>, now: Duration, lifetime: Duration) -> String {
        let token = format!(
            "issued-{:032x}{:032x}",
            rand::random::<u128>(),
            rand::random::<u128>()
        );
        self.0.insert(
            token.clone(),
            IssuedToken {
                scopes,
                expires: now.saturating_add(lifetime),
            },
        );
        token
    }

    pub(crate) fn status(&self, token: &str, now: Duration) -> TokenStatus {
        match self.0.get(token) {
            None => TokenStatus::Unknown,
            Some(token) if token.expires <= now => TokenStatus::Expired,
            Some(token) => TokenStatus::Valid(token.scopes.clone()),
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        self.0.clear();
    }
}
