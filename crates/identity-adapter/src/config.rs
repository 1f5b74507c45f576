//! What can be set about the identity portal.

use serde::{Deserialize, Serialize};

/// What can be set about the identity portal, besides address and credentials, which are the
/// transport's.
///
/// The address is the whole identity base URL, because no rule makes one of its forms from
/// another: `https://host/identity` (standalone), `https://host/identity_`,
/// `https://host/{organization}/identity_` (documented).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default, deny_unknown_fields)]
pub struct IdentityConfig {}
