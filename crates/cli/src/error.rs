//! Why a command did not do what it is for.

use serde::Serialize;

use crate::exit::Exit;
use repass::{ConfigError, Error, ErrorKind, FieldProblem, UnknownOutcome, UnknownProvider, Violation};

/// Why a command did not do what it is for.
#[derive(Debug)]
pub(super) enum CliError {
    /// The call as typed, or the configuration, has to be mended; nothing was sent.
    Invalid {
        kind: &'static str,
        problems: Vec<String>,
    },
    /// The call was made, and this is its error.
    Call { provider: String, error: Error },
    /// The probe of an unknown outcome failed, so that the outcome stays unknown.
    ProbeFailed { provider: String, error: Error },
    /// This kept the probe of an unknown outcome from being made, so that the outcome stays unknown.
    NotProbed(Box<Self>),
    /// Interrupted before anything was sent.
    Interrupted,
    /// Interrupted twice while a change was under way.
    Abandoned { attempt: UnknownOutcome },
    /// Something that should not happen.
    Internal(String),
}

impl CliError {
    pub(super) fn usage(problem: impl Into<String>) -> Self {
        Self::Invalid {
            kind: "usage",
            problems: vec![problem.into()],
        }
    }

    pub(super) fn config(problem: impl Into<String>) -> Self {
        Self::Invalid {
            kind: "config",
            problems: vec![problem.into()],
        }
    }

    pub(super) fn internal(problem: impl Into<String>) -> Self {
        Self::Internal(problem.into())
    }

    /// The same, where it kept a probe from being made: that says nothing about the change.
    pub(super) fn without_probe(self) -> Self {
        match self {
            Self::ProbeFailed { .. } | Self::Abandoned { .. } | Self::NotProbed(_) => self,
            other => Self::NotProbed(Box::new(other)),
        }
    }

    /// Several at once: all there is to mend, or else the first.
    pub(super) fn combine(mut errors: Vec<Self>) -> Self {
        let kinds = || {
            errors.iter().filter_map(|stop| match stop {
                Self::Invalid { kind, .. } => Some(*kind),
                _ => None,
            })
        };
        // What has to be mended is so later, too.
        let first = kinds().find(|kind| *kind != NO_SECRET).or_else(|| kinds().next());
        match first {
            _ if errors.len() == 1 => errors.remove(0),
            Some(kind) => Self::Invalid {
                kind,
                problems: errors.iter().flat_map(Self::lines).collect(),
            },
            None => errors
                .into_iter()
                .next()
                .unwrap_or_else(|| Self::internal("stopped without a reason")),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Invalid { kind, .. } if *kind == NO_SECRET => Exit::Unavailable,
            Self::Invalid { .. } => Exit::Usage,
            Self::Call { error, .. } => Exit::of(error),
            Self::ProbeFailed { .. } | Self::Abandoned { .. } | Self::NotProbed(_) => Exit::Unknown,
            Self::Interrupted => Exit::Interrupted,
            Self::Internal(_) => Exit::Internal,
        }
    }

    /// One line for each thing to mend.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems, .. } => problems.clone(),
            Self::Call { provider, error } if !error.field_problems().is_empty() => {
                let problems = error.field_problems().iter();
                let mut lines: Vec<_> = problems.map(|problem| format!("{provider}: {problem}")).collect();
                if let Some(detail) = error.provider_detail() {
                    lines.push(format!("{provider}: the provider refuses the update ({detail})"));
                }
                lines
            }
            Self::Call { provider, error } => vec![match error.unknown_outcome() {
                None => format!("{provider}: {error}"),
                Some(_) => format!("{provider}: outcome unknown: {error}"),
            }],
            Self::ProbeFailed { provider, error } => {
                vec![format!("{provider}: outcome still unknown: {error}")]
            }
            Self::NotProbed(why) => {
                let mut lines = why.lines();
                lines.push("no probe was made, so the outcome is as unknown as it was".to_owned());
                lines
            }
            Self::Interrupted => vec!["interrupted; nothing was sent".to_owned()],
            Self::Abandoned { attempt } => vec![format!(
                "{}: abandoned while the change was under way, so its outcome is unknown; settle it with `repass \
                 resolve` and the same passwords, or by the same profile update once more",
                attempt.provider()
            )],
            Self::Internal(problem) => vec![problem.clone()],
        }
    }

    /// The same for programs.
    pub(super) fn report(&self) -> Report {
        let message = self.lines().join("\n");
        match self {
            Self::Invalid { kind, problems } => Report {
                problems: problems.clone(),
                ..Report::new("not_applied", Some(kind), message)
            },
            Self::Call { provider, error } => Report::of_error(provider, error, error.outcome().as_str()),
            // Its attempt was made up for the probe.
            Self::ProbeFailed { provider, error } => Report {
                attempt: None,
                ..Report::of_error(provider, error, "unknown")
            },
            Self::NotProbed(why) => Report {
                outcome: "unknown",
                message,
                ..why.report()
            },
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

/// The kind of a configuration that is good, but whose secrets did not come in time.
const NO_SECRET: &str = ErrorKind::Unreachable.as_str();

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let problems = error.problems().iter().map(ToString::to_string).collect();
        let kind = if error.is_transient() { NO_SECRET } else { "config" };
        Self::Invalid { kind, problems }
    }
}

impl From<UnknownProvider> for CliError {
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) field_problems: Vec<FieldProblem>,
    pub(super) tracking_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<UnknownOutcome>,
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

    fn of_error(provider: &str, error: &Error, outcome: &'static str) -> Self {
        Self {
            provider: Some(provider.to_owned()),
            violations: error.violations().to_vec(),
            field_problems: error.field_problems().to_vec(),
            tracking_id: error
                .provider_detail()
                .and_then(|detail| detail.tracking_id.clone()),
            // Rounded up: to come back too early is to be refused again.
            retry_after_seconds: error
                .retry_after()
                .map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
            attempt: error.unknown_outcome().cloned(),
            ..Self::new(outcome, Some(error.kind().as_str()), error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repass::{ErrorKind, ProviderDetail};

    fn json(stop: &CliError) -> serde_json::Value {
        serde_json::to_value(stop.report()).unwrap()
    }

    fn call(error: Error) -> CliError {
        CliError::Call {
            provider: "zoom".into(),
            error,
        }
    }

    #[test]
    fn everything_to_mend_is_told_together() {
        let unsupported = Error::not_applied(ErrorKind::Unsupported, "it cannot");
        let stop = CliError::combine(vec![
            CliError::usage("a"),
            CliError::config("b"),
            call(unsupported),
        ]);
        assert_eq!(stop.lines(), ["a", "b", "zoom: it cannot"]);
        assert_eq!(stop.exit(), Exit::Usage);
        assert_eq!(json(&stop)["problems"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn an_answer_that_says_when_to_come_back_says_so_rounded_up() {
        let error = Error::not_applied(ErrorKind::RateLimited, "slow down")
            .with_retry_after(Some(std::time::Duration::from_millis(1200)))
            .with_detail(ProviderDetail {
                tracking_id: Some("t-1".into()),
                ..ProviderDetail::default()
            });
        let stop = call(error);
        let report = json(&stop);
        assert_eq!(report["outcome"], "not_applied");
        assert_eq!(report["kind"], "rate_limited");
        assert_eq!(report["retry_after_seconds"], 2);
        assert_eq!(report["tracking_id"], "t-1");
        assert_eq!(stop.exit(), Exit::RateLimited);
    }

    #[test]
    fn an_unknown_outcome_carries_its_attempt() {
        let stop = call(Error::unknown(
            ErrorKind::TimedOut,
            "late",
            UnknownOutcome::new("zoom"),
        ));
        assert_eq!(stop.exit(), Exit::Unknown);
        let report = json(&stop);
        assert_eq!(
            (&report["outcome"], &report["attempt"]["provider"]),
            (&"unknown".into(), &"zoom".into())
        );
    }

    #[test]
    fn a_failed_probe_settles_nothing_whatever_failed() {
        let error = Error::not_applied(ErrorKind::Unreachable, "no connection");
        let stop = CliError::ProbeFailed {
            provider: "zoom".into(),
            error,
        };
        assert_eq!(
            (stop.exit(), &json(&stop)["outcome"]),
            (Exit::Unknown, &"unknown".into())
        );
    }

    #[test]
    fn what_keeps_a_probe_from_being_made_is_unknown_whatever_it_is() {
        let mut refused = vec![
            CliError::usage("no password source"),
            CliError::config("a file is readable by others"),
            CliError::internal("broken"),
            CliError::Interrupted,
            CliError::Abandoned {
                attempt: UnknownOutcome::new("zoom"),
            },
        ];
        refused.extend(ErrorKind::ALL.map(|kind| call(Error::not_applied(kind, "no"))));
        for stop in refused {
            let kind = json(&stop)["kind"].clone();
            let stop = stop.without_probe();
            let report = json(&stop);
            assert_eq!(
                (stop.exit(), &report["outcome"]),
                (Exit::Unknown, &"unknown".into()),
                "{report}"
            );
            assert_eq!(report["kind"], kind);
            assert!(stop.lines().last().unwrap().contains("unknown"), "{report}");
        }
    }

    #[test]
    fn an_abandoned_call_is_unknown_and_an_early_interrupt_is_not() {
        let stop = CliError::Abandoned {
            attempt: UnknownOutcome::new("zoom"),
        };
        assert_eq!(
            (stop.exit(), &json(&stop)["outcome"]),
            (Exit::Unknown, &"unknown".into())
        );
        let stop = CliError::Interrupted;
        assert_eq!(
            (stop.exit() as u8, &json(&stop)["outcome"]),
            (130, &"not_applied".into())
        );
    }
}
