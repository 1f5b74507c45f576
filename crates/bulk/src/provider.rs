//! The providers of a run.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{LayeredPolicy, PasswordService, PreflightService};
use serde::{Deserialize, Serialize};

use crate::BulkError;

/// A provider as a run sees it.
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) service: Arc<dyn PasswordService>,
    pub(crate) policies: LayeredPolicy,
    pub(crate) allowed: Option<f64>,
    pub(crate) preflight: Option<Arc<dyn PreflightService>>,
    pub(crate) attempt_timeout: Option<Duration>,
    identity: Option<ProviderIdentity>,
}

/// Which system a provider is: what makes it another one under the same name. A run is bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderIdentity {
    /// The kind of provider, as a configuration names it.
    pub kind: String,
    /// The root of its API. Letter case of scheme and host and a slash at the end make no difference.
    pub base_url: String,
    /// The account or client there, where the credentials name one.
    pub account: Option<String>,
}

impl ProviderIdentity {
    pub(crate) fn from_json(text: &str) -> Result<Self, BulkError> {
        serde_json::from_str(text).map_err(|error| {
            BulkError::internal(format!("the journal was changed: it names no system: {error}"))
        })
    }

    pub(crate) fn to_json(&self) -> String {
        // It has no keys that are no strings.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// In what the other one differs, for people. An account that only one of them names is no difference: fixed
    /// tokens name none.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, before: &str, now: &str| {
            differences.push(format!("its {what} is {now} and was {before}"));
        };
        if self.kind != other.kind {
            differ("kind", &self.kind, &other.kind);
        }
        if place(&self.base_url) != place(&other.base_url) {
            differ("base URL", &self.base_url, &other.base_url);
        }
        if let (Some(before), Some(now)) = (&self.account, &other.account)
            && before != now
        {
            differ("account", before, now);
        }
        differences
    }

    /// The same, with an account that only an earlier one names.
    pub(crate) fn after(&self, earlier: &Self) -> Self {
        Self {
            account: self.account.clone().or_else(|| earlier.account.clone()),
            ..self.clone()
        }
    }
}

fn place(base_url: &str) -> String {
    let trimmed = base_url.trim_end_matches('/');
    let path = trimmed
        .find("://")
        .and_then(|scheme| Some(scheme + 3 + trimmed.get(scheme + 3..)?.find('/')?));
    let (origin, path) = trimmed.split_at(path.unwrap_or(trimmed.len()));
    format!("{}{path}", origin.to_ascii_lowercase())
}

impl Provider {
    /// A provider under the name of its service. `policies` are the rules that new passwords are made and, in a
    /// dry run, judged by.
    pub fn new(service: Arc<dyn PasswordService>, policies: LayeredPolicy) -> Self {
        Self {
            service,
            policies,
            allowed: None,
            preflight: None,
            attempt_timeout: None,
            identity: None,
        }
    }

    /// The same with how long one sending may take there at most. Without it, a change that a crash has interrupted
    /// counts as in flight for as long as its whole call might have taken.
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// The same with which system it is, to which a run is then bound.
    pub fn with_identity(mut self, identity: ProviderIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Its name, and which system it is, where that is known.
    pub fn identity(&self) -> Option<(&str, &ProviderIdentity)> {
        self.identity.as_ref().map(|identity| (self.name(), identity))
    }

    /// The same with the rate that its limit allows, in changes a second. It is shown beside the rate that was
    /// reached, and bounds how many changes wait for their turn at once; keeping it is the service's own part.
    pub fn with_allowed_rate(mut self, per_second: Option<f64>) -> Self {
        self.allowed = per_second.filter(|rate| *rate > 0.0);
        self
    }

    /// The same with what can be asked about users beforehand.
    pub fn with_preflight(mut self, preflight: Arc<dyn PreflightService>) -> Self {
        self.preflight = Some(preflight);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.service.provider()
    }

    /// The allowed rate, where it is known.
    pub fn allowed_rate(&self) -> Option<f64> {
        self.allowed
    }
}

/// Which providers a row may name, and where rows go that name none.
#[derive(Debug, Clone, Default)]
pub struct ProviderNames {
    known: Vec<String>,
    default: Option<String>,
}

impl ProviderNames {
    /// These names, and the default among them.
    pub fn new<S: Into<String>>(known: impl IntoIterator<Item = S>, default: Option<&str>) -> Self {
        Self {
            known: known.into_iter().map(Into::into).collect(),
            default: default.map(str::to_owned),
        }
    }

    /// Which of the configured ones is meant by what a row says, by its place among them.
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
        place.ok_or_else(|| {
            format!(
                "no provider is called what the row says; configured: {}",
                listed()
            )
        })
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
    fn a_system_is_told_by_kind_place_and_account() {
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
        assert_eq!(token.after(&before).account.as_deref(), Some("a1"));
        assert!(ProviderIdentity::from_json("{}").is_err());
    }
}
