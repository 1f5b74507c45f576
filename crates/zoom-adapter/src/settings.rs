//! Settings of Zoom.

use serde::Serialize;

/// What can be set about Zoom, besides address and credentials, which are the transport's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ZoomSettings {
    /// The account's plan: it decides the rate limits, and no call reports it.
    pub plan: Plan,
    /// How the body is written.
    pub body: BodyEncoding,
}

/// A Zoom account's plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Basic accounts.
    Free,
    /// Pro accounts, and the default.
    #[default]
    Pro,
    /// Business, Education, Enterprise and Partner accounts.
    Business,
    /// No limit on this side, for accounts with limits of their own; a refusal by Zoom's is
    /// honored all the same.
    Unlimited,
}

/// How the body of a request is written.
///
/// Zoom's published collection shows `multipart/form-data`; its specification names JSON alone,
/// and other encodings have been seen refused. Hence [`Auto`](Self::Auto).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
