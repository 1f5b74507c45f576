//! What can be set about Zoom.

use repass_transport::RateLimit;
use serde::{Deserialize, Serialize};

/// What can be set about Zoom, besides address and credentials, which are the transport's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default, deny_unknown_fields)]
pub struct ZoomConfig {
    /// The account's plan: it decides the rate limits, and no call tells it.
    pub plan: Plan,
    /// How the body is written.
    pub body: BodyEncoding,
}

impl ZoomConfig {
    /// Where Zoom's API lives.
    pub const BASE_URL: &'static str = "https://api.zoom.us/v2";

    /// The plan's rate limits, by Zoom's own labels (documented). They are counted for the whole
    /// account, other apps included.
    pub fn limits(&self) -> Vec<(&'static str, RateLimit)> {
        let (light, medium) = match self.plan {
            Plan::Free => (4, 2),
            Plan::Pro => (30, 20),
            Plan::Business => (80, 60),
            Plan::Unlimited => return vec![],
        };
        vec![
            ("light", RateLimit::per_second(light)),
            ("medium", RateLimit::per_second(medium)),
        ]
    }
}

/// A Zoom account's plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Basic accounts.
    Free,
    /// Pro accounts, and what is assumed when nothing is said.
    #[default]
    Pro,
    /// Business, Education, Enterprise and Partner accounts.
    Business,
    /// No limit on this side, for accounts with limits of their own; a refusal by Zoom's is
    /// honoured all the same.
    Unlimited,
}

/// How the body of a request is written.
///
/// Zoom's published collection shows `multipart/form-data`; its specification names JSON alone,
/// and other encodings have been seen refused. Hence [`Auto`](Self::Auto).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyEncoding {
    /// Form data; if Zoom refuses that encoding, the same change as JSON, and from then on JSON.
    /// Such a refusal comes before anything is done, so the change is still made once.
    #[default]
    Auto,
    /// `multipart/form-data` only.
    FormData,
    /// `application/json` only.
    Json,
}
