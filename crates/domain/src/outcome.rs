//! What became of a change.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::code::impl_code;

/// Whether a change was made. Written and read (`Display`, `FromStr`, serde) as its
/// [word](Self::as_str).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider made the change, and proved it.
    Applied,
    /// The old password still works, or the profile is as it was, as far as this call is concerned.
    /// Never guessed.
    NotApplied,
    /// The provider may have made the change; the response that would say so was lost or proves
    /// nothing. Resolve it with [`PasswordService::resolve`](crate::PasswordService::resolve), or by
    /// repeating the same profile update.
    Unknown,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Applied, Self::NotApplied, Self::Unknown];

    /// `applied`, `not_applied` or `unknown`, as in every machine-readable output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

impl_code!(Outcome, "outcome");

/// The provider said that it made the change: the new password is the valid one now, or the
/// profile holds the new values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeReceipt {
    tracking_id: Option<String>,
    by_probe: bool,
}

impl ChangeReceipt {
    /// A change without a tracking id.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with the provider's id of the exchange.
    pub fn with_tracking_id(mut self, id: Option<String>) -> Self {
        self.tracking_id = id;
        self
    }

    /// The same, where the answer was lost and a probe found the new password in place.
    pub fn proved_by_probe(mut self) -> Self {
        self.by_probe = true;
        self
    }

    /// Whether the provider's answer was lost and a probe found the new password in place.
    pub fn is_proved_by_probe(&self) -> bool {
        self.by_probe
    }

    /// The provider's id of this exchange, for its support desk.
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_deref()
    }
}

/// One sending whose outcome is unknown: the evidence that
/// [`resolve`](crate::PasswordService::resolve) needs, and nothing secret. It may be stored and
/// read back; its instant is written as RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownOutcome {
    id: Uuid,
    provider: String,
    #[serde(with = "instant")]
    at: SystemTime,
}

impl UnknownOutcome {
    /// How long after an unknown outcome the original request may still arrive: 2 minutes, for what gateways and
    /// queues between here and the provider may hold back. Until then
    /// [`NotInPlace`](Resolution::NotInPlace) does not prove that the change was not applied.
    pub const IN_FLIGHT_WINDOW: Duration = Duration::from_secs(120);

    /// An attempt that ended now without a known outcome.
    pub fn new(provider: impl Into<String>) -> Self {
        Self::at_time(provider, SystemTime::now())
    }

    /// An attempt that was made at a time that nobody has on record: what an operator says who knows from elsewhere
    /// (a log, a crashed run) that this change was sent, since some proofs hold only if it was. It counts as older
    /// than everything that is on record, and as no longer in flight.
    pub fn undated(provider: impl Into<String>) -> Self {
        Self::at_time(provider, SystemTime::UNIX_EPOCH)
    }

    fn at_time(provider: impl Into<String>, at: SystemTime) -> Self {
        Self {
            id: Uuid::new_v4(),
            provider: provider.into(),
            at,
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

    /// When it ended without a known outcome, by the local clock; 1970 if it is [undated](Self::undated).
    pub fn at(&self) -> SystemTime {
        self.at
    }

    /// Whether it is [undated](Self::undated).
    pub fn is_undated(&self) -> bool {
        self.at == SystemTime::UNIX_EPOCH
    }

    /// Whether the original request may still arrive at the provider: it ended less than
    /// [`IN_FLIGHT_WINDOW`](Self::IN_FLIGHT_WINDOW) ago, or, where clocks disagree, in the future.
    pub fn is_in_flight(&self) -> bool {
        match self.at.elapsed() {
            Ok(age) => age < Self::IN_FLIGHT_WINDOW,
            Err(_) => true,
        }
    }
}

/// What a probe found. It was true at the probe: an original that is still on its way may land
/// after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The new password is the valid one.
    InPlace,
    /// It was not when probed. The change may be made again once the original cannot arrive any more:
    /// [`UnknownOutcome::is_in_flight`].
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

/// An instant as RFC 3339. What was stored as seconds and nanoseconds since the epoch is read too.
mod instant {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Epoch {
            secs_since_epoch: i64,
            nanos_since_epoch: i32,
        },
    }

    pub(super) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        let at = Timestamp::try_from(*at).map_err(S::Error::custom)?;
        serializer.collect_str(&at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        let at = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse::<Timestamp>(),
            Written::Epoch {
                secs_since_epoch,
                nanos_since_epoch,
            } => Timestamp::new(secs_since_epoch, nanos_since_epoch),
        };
        at.map(SystemTime::from)
            .map_err(|_| D::Error::custom("the instant of an attempt is not one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_back_in_both_forms_of_its_instant() {
        let attempt = UnknownOutcome::new("zoom");
        let json = serde_json::to_value(&attempt).unwrap();
        let at = json["at"].as_str().unwrap();
        assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
        assert_eq!(serde_json::from_value::<UnknownOutcome>(json).unwrap(), attempt);
        let id = attempt.id();
        let read = |at: serde_json::Value| {
            serde_json::from_value::<UnknownOutcome>(
                serde_json::json!({ "id": id, "provider": "zoom", "at": at }),
            )
        };
        let old = serde_json::json!({ "secs_since_epoch": 1_764_200_000, "nanos_since_epoch": 5 });
        assert_eq!(
            read(old).unwrap(),
            read("2025-11-26T23:33:20.000000005Z".into()).unwrap()
        );
        for bad in [
            serde_json::json!({ "secs_since_epoch": i64::MAX, "nanos_since_epoch": 5 }),
            serde_json::json!({ "secs_since_epoch": 1, "nanos_since_epoch": i32::MAX }),
            serde_json::json!(7),
            serde_json::json!("yesterday"),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn outcome_round_trips_through_its_word() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.to_string().parse(), Ok(outcome));
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
        }
        assert!("changed".parse::<Outcome>().is_err());
    }
}
