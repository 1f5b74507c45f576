//! Counts and times, by the `metrics` facade.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{
    Key, Label, Level, Metadata, Recorder, SharedString, Unit, describe_counter, describe_gauge,
    describe_histogram,
};

const REQUEST_DURATION: &str = "repass_provider_request_duration_seconds";
const RATE_LIMITED: &str = "repass_provider_rate_limited_total";
const TOKEN_REFRESH: &str = "repass_token_refresh_total";
const CLOSED_UNTIL: &str = "repass_provider_rate_limit_closed_until_seconds";

/// Describes the metrics of every [named](crate::HttpTransport::named) transport to the installed recorder, if there
/// is one.
pub fn describe_metrics() {
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "How long one HTTP exchange with a provider took, from its start to its response or failure"
    );
    describe_counter!(
        RATE_LIMITED,
        Unit::Count,
        "Requests that a rate limit kept back: refused by the provider, or without a place within their budget"
    );
    describe_gauge!(
        CLOSED_UNTIL,
        Unit::Seconds,
        "Until when, in Unix time, requests wait because the provider has refused one for its rate"
    );
    describe_counter!(
        TOKEN_REFRESH,
        Unit::Count,
        "Tokens asked for at a token endpoint: granted, refused, or failed"
    );
}

// Up to two, in a fixed order. The values come from the code, never from a call.
type Labels<'a> = &'a [(&'static str, &'static str)];

/// Records metrics with the provider's name and up to two further labels each. Nothing is allocated but at the first
/// use of each: without a recorder, a count costs a look-up.
#[derive(Default)]
pub struct Meter {
    provider: Option<SharedString>,
    keys: RwLock<BTreeMap<Series, Key>>,
}

// A metric and its label values.
type Series = (&'static str, [&'static str; 2]);

impl Meter {
    /// Creates a meter that puts this provider name into the label `provider`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: Some(SharedString::from_shared(provider.into().into())),
            keys: RwLock::default(),
        }
    }

    /// Increments a counter by one.
    pub fn count(&self, metric: &'static str, labels: Labels<'_>) {
        self.with(metric, labels, |recorder, key| {
            recorder.register_counter(key, &METADATA).increment(1);
        });
    }

    /// Registers a counter at zero, so that its first increment shows.
    pub fn declare(&self, metric: &'static str, labels: Labels<'_>) {
        self.with(metric, labels, |recorder, key| {
            recorder.register_counter(key, &METADATA).increment(0);
        });
    }

    /// Registers a gauge without changing its value.
    pub fn declare_level(&self, metric: &'static str, labels: Labels<'_>) {
        self.with(metric, labels, |recorder, key| {
            recorder.register_gauge(key, &METADATA).increment(0.0);
        });
    }

    /// The same for all counts of a transport.
    pub(crate) fn declare_requests(&self) {
        self.declare_level(CLOSED_UNTIL, &[]);
        for kind in ["refused", "no_place"] {
            self.declare(RATE_LIMITED, &[("kind", kind)]);
        }
        for result in ["granted", "refused", "failed"] {
            self.declare(TOKEN_REFRESH, &[("result", result)]);
        }
    }

    /// Sets a gauge to a level.
    pub fn set(&self, metric: &'static str, labels: Labels<'_>, level: f64) {
        self.with(metric, labels, |recorder, key| {
            recorder.register_gauge(key, &METADATA).set(level);
        });
    }

    /// Records a duration in a histogram, in seconds.
    pub fn took(&self, metric: &'static str, labels: Labels<'_>, time: Duration) {
        self.with(metric, labels, |recorder, key| {
            recorder
                .register_histogram(key, &METADATA)
                .record(time.as_secs_f64());
        });
    }

    pub(crate) fn request_took(&self, operation: &'static str, time: Duration) {
        self.took(REQUEST_DURATION, &[("operation", operation)], time);
    }

    pub(crate) fn rate_limited(&self, kind: &'static str) {
        self.count(RATE_LIMITED, &[("kind", kind)]);
    }

    pub(crate) fn rate_limit_closed(&self, until: SystemTime) {
        let since = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.set(CLOSED_UNTIL, &[], since.as_secs_f64());
    }

    pub(crate) fn token_refresh(&self, result: &'static str) {
        self.count(TOKEN_REFRESH, &[("result", result)]);
    }

    fn with(&self, metric: &'static str, labels: Labels<'_>, record: impl Fn(&dyn Recorder, &Key)) {
        let value = |at: usize| labels.get(at).map_or("", |(_, value)| *value);
        let series = (metric, [value(0), value(1)]);
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&series) {
            return metrics::with_recorder(|recorder| record(recorder, key));
        }
        drop(keys);
        let provider = self.provider.clone();
        let provider = provider.map(|provider| Label::new("provider", provider));
        let others = labels
            .iter()
            .map(|(name, value)| Label::from_static_parts(name, value));
        let key = Key::from_parts(metric, provider.into_iter().chain(others).collect::<Vec<_>>());
        metrics::with_recorder(|recorder| record(recorder, &key));
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(series, key);
    }
}

const METADATA: Metadata<'static> = Metadata::new("repass", Level::INFO, None);

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
