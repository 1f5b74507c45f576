//! The providers of a run.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{LayeredPolicy, PasswordService, PreflightService, UserId};
use serde::{Deserialize, Serialize};

use crate::BulkError;

/// A provider of a run, with its service, its password rules and its limits.
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) service: Arc<dyn PasswordService>,
    pub(crate) policies: LayeredPolicy,
    pub(crate) allowed: Option<f64>,
    pub(crate) preflight: Option<Arc<dyn PreflightService>>,
    pub(crate) attempt_timeout: Option<Duration>,
    /// Two names of the input may be one account.
    pub(crate) may_have_aliases: bool,
    identity: Option<ProviderIdentity>,
}

/// The identity of the system behind a provider's name, to detect that the name later means another system. A run is
/// bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderIdentity {
    /// The kind of provider, as in the configuration.
    pub kind: String,
    /// The base URL of the provider's API. The case of scheme and host and a trailing slash are ignored.
    pub base_url: String,
    /// The account or client, if the credentials name one.
    pub account: Option<String>,
}

impl ProviderIdentity {
    pub(crate) fn from_json(text: &str) -> Result<Self, BulkError> {
        serde_json::from_str(text).map_err(|error| {
            BulkError::internal(format!(
                "the journal was modified: a provider's identity cannot be read: {error}"
            ))
        })
    }

    pub(crate) fn to_json(&self) -> String {
        // Serialization only fails for map keys that are not strings.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The differences to another identity, for people. An account that only one of them has is no difference, because
    /// fixed tokens have none.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, before: &str, now: &str| {
            differences.push(format!("its {what} is {now} and was {before}"));
        };
        if self.kind != other.kind {
            differ("kind", &self.kind, &other.kind);
        }
        if normalize_url(&self.base_url) != normalize_url(&other.base_url) {
            differ("base URL", &self.base_url, &other.base_url);
        }
        if let (Some(before), Some(now)) = (&self.account, &other.account)
            && before != now
        {
            differ("account", before, now);
        }
        differences
    }

    /// The same, with the account of an earlier identity if this one has none.
    pub(crate) fn with_account_of(&self, earlier: &Self) -> Self {
        Self {
            account: self.account.clone().or_else(|| earlier.account.clone()),
            ..self.clone()
        }
    }
}

fn normalize_url(base_url: &str) -> String {
    let trimmed = base_url.trim_end_matches('/');
    let path = trimmed
        .find("://")
        .and_then(|scheme| Some(scheme + 3 + trimmed.get(scheme + 3..)?.find('/')?));
    let (origin, path) = trimmed.split_at(path.unwrap_or(trimmed.len()));
    format!("{}{path}", origin.to_ascii_lowercase())
}

impl Provider {
    /// Creates a provider under the name of its service; `policies` generate new passwords, and check given ones in a
    /// dry run only.
    pub fn new(service: Arc<dyn PasswordService>, policies: LayeredPolicy) -> Self {
        // Such as a directory that knows no letter case: the input is compared by the rules that most providers have.
        let has_own_keys = UserId::new("Aa").is_ok_and(|user| service.user_key(&user) != user.key());
        Self {
            may_have_aliases: has_own_keys || service.capabilities().canonical_ids,
            service,
            policies,
            allowed: None,
            preflight: None,
            attempt_timeout: None,
            identity: None,
        }
    }

    /// Sets the timeout of one attempt. Without it, a change that a crash interrupted counts as in flight for the budget
    /// of its whole call.
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// Sets the identity of the system, to which a run is bound.
    pub fn with_identity(mut self, identity: ProviderIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The provider's name and identity, if the identity is known.
    pub fn identity(&self) -> Option<(&str, &ProviderIdentity)> {
        self.identity.as_ref().map(|identity| (self.name(), identity))
    }

    /// Sets the rate that the provider's limit allows, in changes per second. It is reported beside the achieved
    /// rate, and bounds how many changes wait for the rate limit at once. Enforcing it is the service's
    /// responsibility.
    pub fn with_allowed_rate(mut self, per_second: Option<f64>) -> Self {
        self.allowed = per_second.filter(|rate| *rate > 0.0);
        self
    }

    /// Sets the service that checks users before a run.
    pub fn with_preflight(mut self, preflight: Arc<dyn PreflightService>) -> Self {
        self.preflight = Some(preflight);
        self
    }

    /// The provider's configured name.
    pub fn name(&self) -> &str {
        self.service.provider()
    }

    /// The rate that the provider's limit allows, in changes per second, if it is known.
    pub fn allowed_rate(&self) -> Option<f64> {
        self.allowed
    }
}

/// The providers that a row may name, and the default for rows that name none.
#[derive(Debug, Clone, Default)]
pub struct ProviderNames {
    known: Vec<String>,
    default: Option<String>,
}

impl ProviderNames {
    /// Creates the set of known provider names, and the default among them.
    pub fn new<S: Into<String>>(known: impl IntoIterator<Item = S>, default: Option<&str>) -> Self {
        Self {
            known: known.into_iter().map(Into::into).collect(),
            default: default.map(str::to_owned),
        }
    }

    /// The index of the provider that a row names.
    pub(crate) fn index_of(&self, named: &str) -> Result<usize, String> {
        let listed = || self.known.join(", ");
        let name = match (named, self.default.as_deref()) {
            ("", None) => {
                return Err(format!(
                    "the row names no provider and there is no default; configured: {}",
                    listed()
                ));
            }
            ("", Some(default)) => default,
            (named, _) => named,
        };
        let place = self.known.iter().position(|known| known == name);
        place.ok_or_else(|| format!("the row names an unknown provider; configured: {}", listed()))
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        self.known.get(place).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(kind: &str, base_url: &str, account: Option<&str>) -> ProviderIdentity {
        ProviderIdentity {
            kind: kind.to_owned(),
            base_url: base_url.to_owned(),
            account: account.map(str::to_owned),
        }
    }

    #[test]
    fn provider_identity_differs_by_kind_address_and_account() {
        let before = system("zoom", "https://api.example/v2", Some("a1"));
        for (now, expected) in [
            (system("zoom", "https://API.example/v2/", Some("a1")), ""),
            (system("zoom", "https://api.example/v2", None), ""),
            (
                system("zoom", "https://api.example/V2", Some("a1")),
                "its base URL is https://api.example/V2 and was https://api.example/v2",
            ),
            (
                system("zoom", "https://api.example:8443/v2", Some("a2")),
                "its base URL is https://api.example:8443/v2 and was https://api.example/v2, its account is a2 and was a1",
            ),
            (
                system("identity", "https://api.example/v2", None),
                "its kind is identity and was zoom",
            ),
        ] {
            assert_eq!(before.differences(&now).join(", "), expected);
            assert_eq!(ProviderIdentity::from_json(&now.to_json()).unwrap(), now);
        }
        let token = system("zoom", "https://api.example/v2", None);
        assert_eq!(token.with_account_of(&before).account.as_deref(), Some("a1"));
        assert!(ProviderIdentity::from_json("{}").is_err());
    }
}
