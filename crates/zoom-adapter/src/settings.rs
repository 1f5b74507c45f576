//! Settings of Zoom.

use serde::Serialize;

/// The settings of a Zoom account, besides address and credentials, which are the transport's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ZoomSettings {
    /// The Zoom account's plan, which decides the rate limits; no call reports it.
    pub plan: Plan,
    /// The encoding of the body of a change.
    pub body: BodyEncoding,
}

/// The plan of a Zoom account, which decides its rate limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// A Basic account.
    Free,
    /// A Pro account, and the default.
    #[default]
    Pro,
    /// A Business, Education, Enterprise or Partner account.
    Business,
    /// No limit on this side, for accounts with limits of their own; a refusal by Zoom's is
    /// honored all the same.
    Unlimited,
}

/// The encoding of the body of a change at Zoom.
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
    /// The body is always `multipart/form-data`.
    FormData,
    /// The body is always `application/json`.
    Json,
}
