//! Why a command did not do what it is for.

use serde::Serialize;

use super::exit::Exit;
use crate::{Attempt, ConfigError, Effect, Error, UnknownProvider, Violation};

/// Why a command did not do what it is for.
#[derive(Debug)]
pub(super) enum Stop {
    /// The call as typed, or the configuration, has to be mended; nothing was sent.
    Mend {
        kind: &'static str,
        problems: Vec<String>,
    },
    /// The call was made, and this is its error.
    Call { provider: String, error: Error },
    /// The probe of an unknown outcome failed, so that the outcome stays unknown.
    Unsettled { provider: String, error: Error },
    /// Interrupted before anything was sent.
    Interrupted,
    /// Interrupted twice while a change was under way.
    Abandoned { attempt: Attempt },
    /// Something that should not happen.
    Internal(String),
}

impl Stop {
    pub(super) fn usage(problem: impl Into<String>) -> Self {
        Self::Mend {
            kind: "usage",
            problems: vec![problem.into()],
        }
    }

    pub(super) fn config(problem: impl Into<String>) -> Self {
        Self::Mend {
            kind: "config",
            problems: vec![problem.into()],
        }
    }

    pub(super) fn internal(problem: impl Into<String>) -> Self {
        Self::Internal(problem.into())
    }

    /// Several at once: all there is to mend, or else the first.
    pub(super) fn all(mut stops: Vec<Self>) -> Self {
        let first = stops.iter().find_map(|stop| match stop {
            Self::Mend { kind, .. } => Some(*kind),
            _ => None,
        });
        match first {
            _ if stops.len() == 1 => stops.remove(0),
            Some(kind) => Self::Mend {
                kind,
                problems: stops.iter().flat_map(Self::lines).collect(),
            },
            None => stops
                .into_iter()
                .next()
                .unwrap_or_else(|| Self::internal("stopped without a reason")),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Mend { .. } => Exit::Usage,
            Self::Call { error, .. } => Exit::of(error),
            Self::Unsettled { .. } | Self::Abandoned { .. } => Exit::Unknown,
            Self::Interrupted => Exit::Interrupted,
            Self::Internal(_) => Exit::Internal,
        }
    }

    /// One line for each thing to mend.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Mend { problems, .. } => problems.clone(),
            Self::Call { provider, error } => vec![match error.effect() {
                Effect::NotApplied => format!("{provider}: {error}"),
                Effect::Unknown => format!(
                    "{provider}: the outcome is unknown: {error}; settle it with `repass resolve` and the same \
                     passwords"
                ),
            }],
            Self::Unsettled { provider, error } => {
                vec![format!("{provider}: the outcome is still unknown: {error}")]
            }
            Self::Interrupted => vec!["interrupted; nothing was sent".to_owned()],
            Self::Abandoned { attempt } => vec![format!(
                "{}: abandoned while the change was under way, so its outcome is unknown; settle it with `repass \
                 resolve` and the same passwords",
                attempt.provider()
            )],
            Self::Internal(problem) => vec![problem.clone()],
        }
    }

    /// The same for programs.
    pub(super) fn report(&self) -> Report {
        let message = self.lines().join("\n");
        match self {
            Self::Mend { kind, problems } => Report {
                problems: problems.clone(),
                ..Report::new("not_applied", Some(kind), message)
            },
            Self::Call { provider, error } => {
                Report::of_error(provider, error, error.effect().as_str(), message)
            }
            Self::Unsettled { provider, error } => Report::of_error(provider, error, "unknown", message),
            Self::Interrupted => Report::new("not_applied", Some("interrupted"), message),
            Self::Abandoned { attempt } => Report {
                provider: Some(attempt.provider().to_owned()),
                attempt: Some(attempt.clone()),
                ..Report::new("unknown", Some("interrupted"), message)
            },
            Self::Internal(_) => Report::new("not_applied", Some("internal"), message),
        }
    }
}

impl From<ConfigError> for Stop {
    fn from(error: ConfigError) -> Self {
        let problems = error.problems().iter().map(ToString::to_string).collect();
        Self::Mend {
            kind: "config",
            problems,
        }
    }
}

impl From<UnknownProvider> for Stop {
    fn from(error: UnknownProvider) -> Self {
        Self::config(error.to_string())
    }
}

/// What `--json` prints of a change, whatever became of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// `applied`, `not_applied` or `unknown`.
    pub(super) outcome: &'static str,
    /// The error's kind; absent when applied.
    pub(super) kind: Option<&'static str>,
    pub(super) provider: Option<String>,
    pub(super) message: String,
    pub(super) violations: Vec<Violation>,
    pub(super) tracking_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<Attempt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<String>,
}

impl Report {
    pub(super) fn new(outcome: &'static str, kind: Option<&'static str>, message: String) -> Self {
        Self {
            outcome,
            kind,
            message,
            ..Self::default()
        }
    }

    fn of_error(provider: &str, error: &Error, outcome: &'static str, message: String) -> Self {
        Self {
            provider: Some(provider.to_owned()),
            violations: error.violations().to_vec(),
            tracking_id: error
                .provider_detail()
                .and_then(|detail| detail.tracking_id.clone()),
            // Rounded up: to come back too early is to be refused again.
            retry_after_seconds: error
                .retry_after()
                .map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
            attempt: error.attempt().cloned(),
            ..Self::new(outcome, Some(error.kind().as_str()), message)
        }
    }
}
