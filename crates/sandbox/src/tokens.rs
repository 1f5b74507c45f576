//! Access tokens issued by one provider.

use std::collections::HashMap;
use std::time::Duration;

/// One issued token.
#[derive(Debug)]
struct Grant {
    scopes: Vec<String>,
    expires: Duration,
}

/// What a token is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Good(Vec<String>),
    Expired,
    /// Never issued, or revoked.
    Unknown,
}

/// Every token issued and not revoked. Instants are those of the sandbox's clock.
#[derive(Debug, Default)]
pub(crate) struct Tokens(HashMap<String, Grant>);

impl Tokens {
    pub(crate) fn issue(&mut self, scopes: Vec<String>, now: Duration, lifetime: Duration) -> String {
        let token = format!(
            "issued-{:032x}{:032x}",
            rand::random::<u128>(),
            rand::random::<u128>()
        );
        self.0.insert(
            token.clone(),
            Grant {
                scopes,
                expires: now.saturating_add(lifetime),
            },
        );
        token
    }

    pub(crate) fn standing(&self, token: &str, now: Duration) -> Standing {
        match self.0.get(token) {
            None => Standing::Unknown,
            Some(grant) if grant.expires <= now => Standing::Expired,
            Some(grant) => Standing::Good(grant.scopes.clone()),
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        self.0.clear();
    }
}
