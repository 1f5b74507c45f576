//! Metrics and a span for every call.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use metrics::{Key, Label, Level, Metadata, SharedString, Unit, describe_counter, describe_gauge};
use repass_domain::{ChangeMode, ChangeReceipt, Error, Outcome, Resolution, Rule, UnknownOutcome};
use tracing::Span;
use tracing::field::{Empty, display};
use uuid::Uuid;

const OPERATIONS: &str = "repass_password_operations_total";
const VIOLATIONS: &str = "repass_policy_violations_total";
const UNKNOWN: &str = "repass_unknown_outcomes";
const METADATA: Metadata<'static> = Metadata::new("repass", Level::INFO, None);

/// Describes every metric of this library, with its unit, to the installed recorder of the `metrics` facade, if there
/// is one. [`Services`](crate::Services) do so when they are built; call it if your recorder is installed later, or
/// if you use [`Layers`](crate::Layers) alone.
pub fn describe_metrics() {
    describe_counter!(
        OPERATIONS,
        Unit::Count,
        "Changes, resets and resolutions of passwords, by what became of them"
    );
    describe_counter!(
        VIOLATIONS,
        Unit::Count,
        "Rules that new passwords broke, by the code of the rule"
    );
    describe_gauge!(
        UNKNOWN,
        Unit::Count,
        "Changes of this process whose outcome is unknown and not settled by a resolution since"
    );
    repass_transport::describe_metrics();
}

/// What a call does, as metrics, spans and audit records name it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Change,
    Reset,
    Resolve,
}

impl Operation {
    const ALL: [Self; 3] = [Self::Change, Self::Reset, Self::Resolve];

    pub(super) fn of(mode: &ChangeMode) -> Self {
        match mode {
            ChangeMode::AdminReset => Self::Reset,
            ChangeMode::SelfService(_) => Self::Change,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Reset => "reset",
            Self::Resolve => "resolve",
        }
    }

    // How it can end, in the order of `Ending`.
    fn endings(self) -> [&'static str; 4] {
        match self {
            Self::Change | Self::Reset => ["applied", "not_applied", "unknown", "abandoned"],
            Self::Resolve => ["in_place", "not_in_place", "still_unknown", "abandoned"],
        }
    }
}

/// How a call ended: the change was made, or found to be in place; it was not; or that is not known.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Yes,
    No,
    Unknown,
    Abandoned,
}

/// The metrics of one provider. The keys are made once, so that a call allocates none.
pub(super) struct ServiceMetrics {
    provider: SharedString,
    // By `Operation` and `Ending`.
    operations: [[Key; 4]; 3],
    unknown: Key,
}

impl ServiceMetrics {
    /// The metrics labelled with this provider's name, which are registered, so that they exist before they first change.
    pub(super) fn new(provider: &str) -> Self {
        let provider = SharedString::from_shared(provider.into());
        let label = || Label::new("provider", provider.clone());
        let key = |operation: Operation, ending| {
            let operation = Label::from_static_parts("operation", operation.as_str());
            let outcome = Label::from_static_parts("outcome", ending);
            Key::from_parts(OPERATIONS, vec![label(), operation, outcome])
        };
        let operations =
            Operation::ALL.map(|operation| operation.endings().map(|ending| key(operation, ending)));
        let unknown = Key::from_parts(UNKNOWN, vec![label()]);
        for key in operations.iter().flatten() {
            count(key, 0);
        }
        for code in Rule::CODES {
            count(&violation_key(code), 0);
        }
        metrics::with_recorder(|recorder| recorder.register_gauge(&unknown, &METADATA).increment(0.0));
        Self {
            provider,
            operations,
            unknown,
        }
    }

    /// Opens the span of a call, which is counted when it ends.
    pub(super) fn start(&self, operation: Operation) -> MeasuredCall<'_> {
        let span = tracing::info_span!(
            "repass.password",
            provider = &*self.provider,
            operation = operation.as_str(),
            outcome = Empty,
            kind = Empty,
            tracking_id = Empty,
            attempt = Empty,
        );
        MeasuredCall {
            metrics: self,
            operation,
            ending: Ending::Abandoned,
            span,
        }
    }

    // Updates the number of unknown outcomes if `update` has changed it.
    fn update_unknown(&self, update: impl FnOnce(&mut OpenOutcomes) -> bool) {
        // It lives as long as the metric, which all services of this name share.
        static OPEN: LazyLock<Mutex<HashMap<String, OpenOutcomes>>> = LazyLock::new(Mutex::default);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.entry(self.provider.to_string()).or_default();
        if update(open) {
            let count = u32::try_from(open.by_id.len()).unwrap_or(u32::MAX);
            metrics::with_recorder(|recorder| {
                recorder.register_gauge(&self.unknown, &METADATA).set(count);
            });
        }
    }
}

impl fmt::Debug for ServiceMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceMetrics")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

fn count(key: &Key, number: u64) {
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(number));
}

// Rules are the same at every provider.
fn violation_key(code: &'static str) -> Key {
    Key::from_parts(VIOLATIONS, vec![Label::from_static_parts("code", code)])
}

/// A call in flight, counted when it ends. Dropped before its end, it counts as abandoned.
pub(super) struct MeasuredCall<'a> {
    metrics: &'a ServiceMetrics,
    operation: Operation,
    ending: Ending,
    span: Span,
}

impl MeasuredCall<'_> {
    /// The span that the call runs in.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Ends a change or reset.
    pub(super) fn end_change(self, result: &Result<ChangeReceipt, Error>) {
        let ending = match result {
            Ok(receipt) => {
                if let Some(id) = receipt.tracking_id() {
                    self.span.record("tracking_id", id);
                }
                Ending::Yes
            }
            Err(error) => {
                self.record_error(error);
                if let Some(unknown) = error.unknown_outcome() {
                    self.metrics.update_unknown(|open| open.insert(unknown.id()));
                }
                match error.outcome() {
                    Outcome::Applied => Ending::Yes,
                    Outcome::NotApplied => Ending::No,
                    Outcome::Unknown => Ending::Unknown,
                }
            }
        };
        self.end(ending);
    }

    /// Ends a resolution of this outcome.
    pub(super) fn end_resolve(self, unknown: &UnknownOutcome, result: &Result<Resolution, Error>) {
        let ending = match result {
            Ok(Resolution::InPlace) => Ending::Yes,
            Ok(Resolution::NotInPlace) => Ending::No,
            Ok(_) => Ending::Unknown,
            Err(error) => {
                self.record_error(error);
                Ending::Unknown
            }
        };
        if matches!(ending, Ending::Yes | Ending::No) {
            self.metrics.update_unknown(|open| open.remove(&unknown.id()));
        }
        self.end(ending);
    }

    fn record_error(&self, error: &Error) {
        self.span.record("kind", error.kind().as_str());
        let detail = error.provider_detail();
        if let Some(id) = detail.and_then(|detail| detail.tracking_id.as_deref()) {
            self.span.record("tracking_id", id);
        }
        if let Some(unknown) = error.unknown_outcome() {
            self.span.record("attempt", display(unknown.id()));
        }
        for violation in error.violations() {
            count(&violation_key(violation.rule().code()), 1);
        }
    }

    fn end(mut self, ending: Ending) {
        self.ending = ending;
        let outcome = self.operation.endings()[ending as usize];
        self.span.record("outcome", outcome);
    }
}

impl Drop for MeasuredCall<'_> {
    fn drop(&mut self) {
        count(
            &self.metrics.operations[self.operation as usize][self.ending as usize],
            1,
        );
    }
}

/// Unknown outcomes that no resolution has settled, the newest of them.
#[derive(Debug, Default)]
struct OpenOutcomes {
    by_id: HashMap<Uuid, u64>,
    by_age: BTreeMap<u64, Uuid>,
    last: u64,
}

impl OpenOutcomes {
    /// How many are remembered. An alert has fired long before.
    const MAX: usize = 10_000;

    /// Adds one; whether it is new.
    fn insert(&mut self, id: Uuid) -> bool {
        if self.by_id.contains_key(&id) {
            return false;
        }
        if self.by_id.len() >= Self::MAX
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_id.remove(&oldest);
        }
        self.last += 1;
        self.by_id.insert(id, self.last);
        self.by_age.insert(self.last, id);
        true
    }

    /// Removes one; whether it was there.
    fn remove(&mut self, id: &Uuid) -> bool {
        let age = self.by_id.remove(id);
        age.and_then(|age| self.by_age.remove(&age)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_outcomes_beyond_the_maximum_displace_the_oldest() {
        let ids: Vec<Uuid> = (0..2 * OpenOutcomes::MAX).map(|_| Uuid::new_v4()).collect();
        let mut open = OpenOutcomes::default();
        for id in &ids {
            assert!(open.insert(*id) && !open.insert(*id));
        }
        assert_eq!(
            (open.by_id.len(), open.by_age.len()),
            (OpenOutcomes::MAX, OpenOutcomes::MAX)
        );
        let (old, new) = ids.split_at(OpenOutcomes::MAX);
        assert!(old.iter().all(|id| !open.remove(id)));
        assert!(new.iter().all(|id| open.remove(id) && !open.remove(id)));
        assert!(open.by_id.is_empty() && open.by_age.is_empty());
    }
}
