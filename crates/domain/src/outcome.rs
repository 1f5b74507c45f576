//! What became of a change.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is known about a change that did not end in [`Changed`]. There is no third case, so it
/// can be matched without a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The old password is still the valid one, the profile as it was, as far as this call is
    /// concerned. Never guessed.
    NotApplied,
    /// The provider may have made the change; the answer that would tell was lost or makes no
    /// sense. Settle it with [`PasswordService::resolve`](crate::PasswordService::resolve), or by
    /// making the same profile update once more.
    Unknown,
}

impl Effect {
    /// `not_applied` or `unknown`, as in every machine-readable output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

/// The provider said that it made the change: the new password is the valid one now, or the
/// profile holds the new values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    tracking_id: Option<String>,
}

impl Changed {
    /// A change without a tracking id.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with the provider's id of the exchange.
    pub fn with_tracking_id(mut self, id: Option<String>) -> Self {
        self.tracking_id = id;
        self
    }

    /// The provider's id of this exchange, for its support desk.
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_deref()
    }
}

/// One sending whose outcome is unknown: the evidence that
/// [`resolve`](crate::PasswordService::resolve) needs, and nothing secret. It may be stored and
/// read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    id: Uuid,
    provider: String,
    at: SystemTime,
}

impl Attempt {
    /// An attempt made now. Also what an operator says who knows from elsewhere (a log, a crashed
    /// run) that this change was sent: some proofs hold only if it was.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            id: Uuid::new_v4(),
            provider: provider.into(),
            at: SystemTime::now(),
        }
    }

    /// A random id, for matching logs with reports.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The configured name of the provider it was sent to.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// When it was made, by the local clock.
    pub fn at(&self) -> SystemTime {
        self.at
    }
}

/// What a probe found. It was true at the probe: an original that is still on its way may land
/// after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The new password is the valid one.
    InPlace,
    /// It is not; the change may be made again.
    NotInPlace,
    /// The provider's answer proves neither.
    StillUnknown,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InPlace => "in place",
            Self::NotInPlace => "not in place",
            Self::StillUnknown => "still unknown",
        })
    }
}
