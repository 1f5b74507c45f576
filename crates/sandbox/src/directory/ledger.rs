//! One applied password change of a directory.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::Operation;

/// One password that was set in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryChange {
    /// Position in the ledger, counted from 1.
    pub seq: u64,
    /// The login name of the user.
    pub user: String,
    /// When, by the directory's clock.
    pub at: Timestamp,
    /// With or without the current password.
    pub operation: Operation,
    /// Keyed fingerprint of the new password, as [`Directory::fingerprint`](crate::Directory::fingerprint) gives it.
    pub fingerprint: String,
}
