//! The error of this crate.

use std::fmt;

/// Why a run cannot be started, read or resumed. Its message says what is wrong, where, and what to do, and contains no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkError {
    /// The input, an option or a named file is invalid, so that the caller must correct it.
    Usage(String),
    /// The machine failed, for example with a full disk or a journal that cannot be written.
    Internal(String),
}

impl BulkError {
    /// An error of the caller, with what to do about it.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// An error that the caller has not caused.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Internal(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for BulkError {}
