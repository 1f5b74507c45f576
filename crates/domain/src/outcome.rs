//! Outcomes of a change.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Evidence;
use crate::code::impl_code;

/// The outcome of a call: whether its change was applied. `Display`, `FromStr` and serde use the [stable
/// code](Self::as_str).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider applied the change, and its response proves it.
    Applied,
    /// This call did not change the password or profile. Proven, never guessed.
    NotApplied,
    /// The provider may have applied the change: its response was lost or proves nothing. Resolve it with
    /// [`PasswordService::resolve`](crate::PasswordService::resolve), or by repeating the same profile update.
    Unknown,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Applied, Self::NotApplied, Self::Unknown];

    /// The stable code: `applied`, `not_applied` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

impl_code!(Outcome, "outcome");

/// Proof that the provider applied the change: the new password is valid, or the profile has the new values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeReceipt {
    tracking_id: Option<String>,
    evidence: Option<Evidence>,
    by_probe: bool,
}

impl ChangeReceipt {
    /// Creates a receipt without a tracking id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the provider's id of the exchange (tracking id).
    pub fn with_tracking_id(mut self, id: Option<String>) -> Self {
        self.tracking_id = id;
        self
    }

    /// Adds the evidence by which the provider's response was read.
    pub fn with_evidence(mut self, evidence: Option<Evidence>) -> Self {
        self.evidence = evidence;
        self
    }

    /// The table, and the grade of its row, by which the response proves the change; `None` for providers without a
    /// table.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// Marks the change as proven by a probe, because the response was lost.
    pub fn proved_by_probe(mut self) -> Self {
        self.by_probe = true;
        self
    }

    /// Whether the response was lost and a probe found the new password in place.
    pub fn is_proved_by_probe(&self) -> bool {
        self.by_probe
    }

    /// The provider's id of this exchange, for its support.
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_deref()
    }
}

/// Named values, such as a version number, that were read of a user before a change, to compare when its unknown
/// outcome is resolved. It contains no secret.
///
/// ```
/// use repass_domain::PriorState;
///
/// let before = PriorState::default().with("entryCSN", "20261127082000.000001Z");
/// assert_eq!(before.get("entryCSN"), Some("20261127082000.000001Z"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PriorState(BTreeMap<String, String>);

impl PriorState {
    /// Adds a named value, which must not be a secret.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The value with this name, if it was read.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether nothing was read before the change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The handle of a change whose outcome is unknown, with which it can be resolved later.
///
/// [`resolve`](crate::PasswordService::resolve) needs it. It contains no secret and can be stored with serde; its time
/// is serialized as RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownOutcome {
    id: Uuid,
    provider: String,
    #[serde(with = "instant")]
    at: SystemTime,
    // Handles stored by earlier versions have none.
    #[serde(default, skip_serializing_if = "PriorState::is_empty")]
    prior_state: PriorState,
}

impl UnknownOutcome {
    /// How long the original request may still be in flight: 2 minutes, to allow for delays in gateways and queues on
    /// the way to the provider. Until then [`NotInPlace`](Resolution::NotInPlace) does not prove that the change was not
    /// applied.
    pub const IN_FLIGHT_WINDOW: Duration = Duration::from_secs(120);

    /// Creates the handle of a change that ended now with an unknown outcome.
    pub fn new(provider: impl Into<String>) -> Self {
        Self::at_time(provider, SystemTime::now())
    }

    /// Creates the handle of a change that was sent at an unrecorded time. For an operator who knows from another
    /// source, such as a log, that the change was sent: some proofs hold only if it was. It counts as older than
    /// every recorded change, and as no longer in flight.
    pub fn undated(provider: impl Into<String>) -> Self {
        Self::at_time(provider, SystemTime::UNIX_EPOCH)
    }

    fn at_time(provider: impl Into<String>, at: SystemTime) -> Self {
        Self {
            id: Uuid::new_v4(),
            provider: provider.into(),
            at,
            prior_state: PriorState::default(),
        }
    }

    /// Adds the state that was read of the user before the change.
    pub fn with_prior_state(mut self, prior_state: PriorState) -> Self {
        self.prior_state = prior_state;
        self
    }

    /// The state that was read of the user before the change; empty if none was, or if the handle was made without
    /// it.
    pub fn prior_state(&self) -> &PriorState {
        &self.prior_state
    }

    /// The random id of this handle, to correlate logs and reports.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The configured name of the provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// When the outcome became unknown, by the local clock; the Unix epoch if it is [undated](Self::undated).
    pub fn at(&self) -> SystemTime {
        self.at
    }

    /// Whether the time of the change is unknown (see [`undated`](Self::undated)): [`at`](Self::at) means nothing, and the
    /// change counts as no longer in flight.
    pub fn is_undated(&self) -> bool {
        self.at == SystemTime::UNIX_EPOCH
    }

    /// Whether the original request may still arrive at the provider. So it may if the outcome became unknown less
    /// than [`IN_FLIGHT_WINDOW`](Self::IN_FLIGHT_WINDOW) ago or, if clocks disagree, in the future.
    pub fn is_in_flight(&self) -> bool {
        match self.at.elapsed() {
            Ok(age) => age < Self::IN_FLIGHT_WINDOW,
            Err(_) => true,
        }
    }
}

/// The result of a probe for an unknown outcome: the new password is in place, is not, or that is still unknown.
///
/// It was true at the time of the probe: an original request that is still in flight may arrive after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The new password is valid, so the change was applied.
    InPlace,
    /// The new password is not valid. It is safe to make the change again once the original request is no longer
    /// [in flight](UnknownOutcome::is_in_flight).
    NotInPlace,
    /// The probe's response proves neither that the new password is valid nor that it is not.
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

/// Serializes a time as RFC 3339. Also reads the earlier format, seconds and nanoseconds since the epoch.
mod instant {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
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
        let at = match Stored::deserialize(deserializer)? {
            Stored::Text(text) => text.parse::<Timestamp>(),
            Stored::Epoch {
                secs_since_epoch,
                nanos_since_epoch,
            } => Timestamp::new(secs_since_epoch, nanos_since_epoch),
        };
        at.map(SystemTime::from)
            .map_err(|_| D::Error::custom("`at` is not a valid time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_outcome_is_read_in_both_formats_of_its_time() {
        let unknown = UnknownOutcome::new("zoom");
        let json = serde_json::to_value(&unknown).unwrap();
        let at = json["at"].as_str().unwrap();
        assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
        assert_eq!(serde_json::from_value::<UnknownOutcome>(json).unwrap(), unknown);
        let id = unknown.id();
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
    fn unknown_outcome_keeps_its_prior_state_and_is_read_without_any() {
        let before = PriorState::default().with("entryCSN", "20261127082000.000001Z#000000#000#000000");
        let unknown = UnknownOutcome::new("ldap").with_prior_state(before.clone());
        let json = serde_json::to_value(&unknown).unwrap();
        assert_eq!(json["prior_state"]["entryCSN"], before.get("entryCSN").unwrap());
        assert_eq!(serde_json::from_value::<UnknownOutcome>(json).unwrap(), unknown);
        let json = serde_json::to_value(UnknownOutcome::new("zoom")).unwrap();
        assert!(json.get("prior_state").is_none(), "{json}");
        assert!(
            serde_json::from_value::<UnknownOutcome>(json)
                .unwrap()
                .prior_state()
                .is_empty()
        );
    }

    #[test]
    fn outcome_round_trips_through_its_code() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.to_string().parse(), Ok(outcome));
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
        }
        assert!("changed".parse::<Outcome>().is_err());
    }
}
