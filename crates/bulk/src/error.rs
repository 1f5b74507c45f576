//! Why a run cannot begin or go on.

use std::fmt;

/// Why a run cannot begin, be read or go on. Shown to people: it says what is wrong, where, and what to do, and
/// holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkError {
    /// The input, an option or a file that was named has to be mended.
    Usage(String),
    /// The machine does not do its part: a full disk, a journal that cannot be written.
    Internal(String),
}

impl BulkError {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
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
