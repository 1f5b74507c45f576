//! One applied password change of a directory.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::Operation;

/// A ledger entry: one password that was set in an emulated directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryChange {
    /// The position in the ledger, counted from 1.
    pub seq: u64,
    /// The login name of the user.
    pub user: String,
    /// When the password was set, by the directory's clock.
    pub at: Timestamp,
    /// Whether the password was set with or without the current one.
    pub operation: Operation,
    /// A keyed fingerprint of the new password, as [`Directory::fingerprint`](crate::Directory::fingerprint) gives
    /// it.
    pub fingerprint: String,
}
