//! What can be set about the identity portal.

use std::time::Duration;

use repass_transport::RateLimit;
use serde::{Deserialize, Serialize};

/// What can be set about the identity portal, besides address and credentials, which are the
/// transport's.
///
/// The address is the whole identity base URL, because no rule makes one of its forms from
/// another: `https://host/identity` (standalone), `https://host/identity_`,
/// `https://host/{organization}/identity_` (documented).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The organisation's GUID (its *partition*). With it users can be named by e-mail address,
    /// and the organisation's own password policy is read instead of the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Who runs the portal: it decides the rate limits.
    pub deployment: Deployment,
}

/// Who runs the portal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deployment {
    /// One's own: Automation Suite or standalone, which document no rate limits.
    #[default]
    Own,
    /// UiPath's Automation Cloud, which limits each organisation by HTTP method.
    Cloud,
}

impl IdentityConfig {
    /// The rate limits, by the label under which requests are counted.
    pub fn limits(&self) -> Vec<(&'static str, RateLimit)> {
        let per_five_minutes = |requests| RateLimit {
            requests,
            window: Duration::from_secs(300),
        };
        match self.deployment {
            Deployment::Own => vec![],
            Deployment::Cloud => vec![
                ("get", per_five_minutes(300)),
                ("post", per_five_minutes(24_000)),
                ("put", per_five_minutes(160)),
            ],
        }
    }
}
