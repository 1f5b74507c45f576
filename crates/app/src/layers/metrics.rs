//! Metrics and a span for every call.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use metrics::{Unit, describe_counter, describe_gauge};
use repass_domain::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, PasswordChange, PasswordPolicy,
    PasswordService, Resolution, Rule, UnknownOutcome, UserId, UserKey,
};
use repass_transport::Meter;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

const OPERATIONS: &str = "repass_password_operations_total";
const VIOLATIONS: &str = "repass_policy_violations_total";
const UNKNOWN: &str = "repass_unknown_outcomes";

/// Tells the recorder of the `metrics` facade that is installed, if there is one, what the metrics mean and
/// which units they have. [`Services`](crate::Services) do so when they are built; call it when your recorder
/// is installed later than that, or when you use [`Layers`](crate::Layers) alone.
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

#[derive(Debug)]
pub(super) struct MetricsLayer {
    inner: Arc<dyn PasswordService>,
    meter: Meter,
    // Rules are the same everywhere.
    rules: Meter,
}

impl MetricsLayer {
    pub(super) fn new(inner: Arc<dyn PasswordService>) -> Self {
        let meter = Meter::new(inner.provider());
        let rules = Meter::default();
        let metrics_layer = Self { inner, meter, rules };
        metrics_layer.declare();
        metrics_layer
    }

    fn declare(&self) {
        for operation in ["change", "reset"] {
            for outcome in ["applied", "not_applied", "unknown", "abandoned"] {
                self.meter
                    .declare(OPERATIONS, &[("operation", operation), ("outcome", outcome)]);
            }
        }
        for outcome in ["in_place", "not_in_place", "still_unknown", "abandoned"] {
            self.meter
                .declare(OPERATIONS, &[("operation", "resolve"), ("outcome", outcome)]);
        }
        for code in Rule::CODES {
            self.rules.declare(VIOLATIONS, &[("code", code)]);
        }
        self.meter.declare_level(UNKNOWN, &[]);
    }

    fn span(&self, operation: &'static str) -> Span {
        tracing::info_span!(
            "repass.password",
            provider = self.inner.provider(),
            operation,
            outcome = Empty,
            kind = Empty,
            tracking_id = Empty,
            attempt = Empty,
        )
    }

    fn call(&self, operation: &'static str) -> Call<'_> {
        Call {
            meter: &self.meter,
            operation,
            outcome: "abandoned",
        }
    }

    fn tell(&self, span: &Span, error: &Error) {
        span.record("kind", error.kind().as_str());
        let detail = error.provider_detail();
        if let Some(id) = detail.and_then(|detail| detail.tracking_id.as_deref()) {
            span.record("tracking_id", id);
        }
        if let Some(attempt) = error.unknown_outcome() {
            span.record("attempt", display(attempt.id()));
        }
        for violation in error.violations() {
            self.rules.count(VIOLATIONS, &[("code", violation.rule().code())]);
        }
    }

    // Changes the number of unknown outcomes, and tells it if it is another one then.
    fn unsettled(&self, change: impl FnOnce(&mut Unsettled) -> bool) {
        // As long-lived and as wide as the metric, which is one for all services of this name.
        static UNSETTLED: LazyLock<Mutex<HashMap<String, Unsettled>>> = LazyLock::new(Mutex::default);
        let mut unsettled = UNSETTLED.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = unsettled.entry(self.inner.provider().to_owned()).or_default();
        if change(attempts) {
            let count = u32::try_from(attempts.by_id.len()).unwrap_or(u32::MAX);
            self.meter.set(UNKNOWN, &[], count.into());
        }
    }
}

/// Attempts that no resolution has settled, the newest ones.
#[derive(Debug, Default)]
struct Unsettled {
    by_id: HashMap<Uuid, u64>,
    by_age: BTreeMap<u64, Uuid>,
    last: u64,
}

impl Unsettled {
    /// How many are remembered: somebody has been alerted long before.
    const MOST: usize = 10_000;

    /// Whether it was not there.
    fn insert(&mut self, attempt: Uuid) -> bool {
        if self.by_id.contains_key(&attempt) {
            return false;
        }
        if self.by_id.len() >= Self::MOST
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_id.remove(&oldest);
        }
        self.last += 1;
        self.by_id.insert(attempt, self.last);
        self.by_age.insert(self.last, attempt);
        true
    }

    /// Whether it was there.
    fn remove(&mut self, attempt: &Uuid) -> bool {
        let age = self.by_id.remove(attempt);
        age.and_then(|age| self.by_age.remove(&age)).is_some()
    }
}

/// A call under way, counted when it ends; dropped before its end, it is abandoned.
struct Call<'a> {
    meter: &'a Meter,
    operation: &'static str,
    outcome: &'static str,
}

impl Call<'_> {
    fn ended(mut self, span: &Span, outcome: &'static str) {
        self.outcome = outcome;
        span.record("outcome", outcome);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let labels = [("operation", self.operation), ("outcome", self.outcome)];
        self.meter.count(OPERATIONS, &labels);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for MetricsLayer {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let operation = match change.mode() {
            ChangeMode::AdminReset => "reset",
            ChangeMode::SelfService(_) => "change",
        };
        let (span, call) = (self.span(operation), self.call(operation));
        let result = self.inner.change_password(cx, change);
        let result = result.instrument(span.clone()).await;
        match &result {
            Ok(changed) => {
                if let Some(id) = changed.tracking_id() {
                    span.record("tracking_id", id);
                }
                call.ended(&span, "applied");
            }
            Err(error) => {
                self.tell(&span, error);
                if let Some(attempt) = error.unknown_outcome() {
                    self.unsettled(|attempts| attempts.insert(attempt.id()));
                }
                call.ended(&span, error.outcome().as_str());
            }
        }
        result
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let (span, call) = (self.span("resolve"), self.call("resolve"));
        let result = self.inner.resolve(cx, attempt, change);
        let result = result.instrument(span.clone()).await;
        let outcome = match &result {
            Ok(Resolution::InPlace) => "in_place",
            Ok(Resolution::NotInPlace) => "not_in_place",
            Ok(_) => "still_unknown",
            Err(error) => {
                self.tell(&span, error);
                "still_unknown"
            }
        };
        if outcome != "still_unknown" {
            self.unsettled(|attempts| attempts.remove(&attempt.id()));
        }
        call.ended(&span, outcome);
        // Whatever became of the probe, it says nothing about the change.
        result.map_err(|error| error.with_unknown_outcome(attempt))
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.inner.user_key(user)
    }

    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        self.inner.canonical_id(cx, user).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsettled_attempts_are_bounded_and_the_oldest_go_first() {
        let ids: Vec<Uuid> = (0..2 * Unsettled::MOST).map(|_| Uuid::new_v4()).collect();
        let mut unsettled = Unsettled::default();
        for id in &ids {
            assert!(unsettled.insert(*id) && !unsettled.insert(*id));
        }
        assert_eq!(
            (unsettled.by_id.len(), unsettled.by_age.len()),
            (Unsettled::MOST, Unsettled::MOST)
        );
        let (old, new) = ids.split_at(Unsettled::MOST);
        assert!(old.iter().all(|id| !unsettled.remove(id)));
        assert!(new.iter().all(|id| unsettled.remove(id) && !unsettled.remove(id)));
        assert!(unsettled.by_id.is_empty() && unsettled.by_age.is_empty());
    }
}
