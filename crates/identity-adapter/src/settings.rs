//! What can be set about the identity portal.

use serde::Serialize;

/// The settings of UiPath's identity portal, besides address and credentials, which are the transport's.
///
/// The address is the whole identity base URL, because no rule makes one of its forms from
/// another: `https://host/identity` (standalone), `https://host/identity_`,
/// `https://host/{organization}/identity_` (documented).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IdentitySettings {
    /// The GUID of the organization (its *partition*). With it users can be named by e-mail address, and the
    /// organization's own password policy is read instead of the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Who runs the portal: this decides the rate limits.
    pub deployment: Deployment,
}

/// Who runs an identity portal, one's own organization or UiPath.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deployment {
    /// Run by one's own organization: Automation Suite or standalone, which document no rate limits.
    #[default]
    Own,
    /// Run by UiPath: the Automation Cloud, which limits each organization by HTTP method.
    Cloud,
}
