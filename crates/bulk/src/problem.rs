//! Why a run cannot begin or go on.

use std::fmt;

/// Why a run cannot begin, be read or go on. Shown to people: it says what is wrong, where, and what to do, and
/// holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The input, an option or a file that was named has to be mended.
    Usage(String),
    /// The machine does not do its part: a full disk, a journal that cannot be written.
    Machine(String),
}

impl Problem {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn machine(message: impl Into<String>) -> Self {
        Self::Machine(message.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Machine(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Problem {}
