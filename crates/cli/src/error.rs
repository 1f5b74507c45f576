//! Errors of commands, and the report that `--json` prints.

use serde::Serialize;

use crate::exit::Exit;
use repass::{
    ConfigError, Error, ErrorKind, FieldProblem, Grade, UnknownOutcome, UnknownProvider, Violation,
};

/// Why a command failed.
#[derive(Debug)]
pub(super) enum CliError {
    /// The arguments or the configuration are invalid; nothing was sent.
    Invalid {
        kind: &'static str,
        problems: Vec<String>,
    },
    /// The call to the provider failed.
    Call { provider: String, error: Error },
    /// The probe of an unknown outcome failed; the outcome stays unknown.
    ProbeFailed { provider: String, error: Error },
    /// The probe of an unknown outcome was not sent, for this reason; the outcome stays unknown.
    NotProbed(Box<Self>),
    /// Interrupted before anything was sent.
    Interrupted,
    /// Interrupted twice while a change was in flight.
    Abandoned { attempt: UnknownOutcome },
    /// A bug, or a failure of the machine.
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

    /// The same error as the reason why no probe was sent: the outcome of the change stays unknown.
    pub(super) fn without_probe(self) -> Self {
        match self {
            Self::ProbeFailed { .. } | Self::Abandoned { .. } | Self::NotProbed(_) => self,
            other => Self::NotProbed(Box::new(other)),
        }
    }

    /// Several errors as one: all problems to fix, or else the first error.
    pub(super) fn combine(mut errors: Vec<Self>) -> Self {
        let kinds = || {
            errors.iter().filter_map(|error| match error {
                Self::Invalid { kind, .. } => Some(*kind),
                _ => None,
            })
        };
        // An invalid configuration stays invalid, so it takes precedence over a transient problem.
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

    /// One line per problem.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Invalid { problems, .. } => problems.clone(),
            Self::Call { provider, error } if !error.field_problems().is_empty() => {
                let problems = error.field_problems().iter();
                let mut lines: Vec<_> = problems.map(|problem| format!("{provider}: {problem}")).collect();
                if let Some(detail) = error.provider_detail() {
                    lines.push(format!("{provider}: the provider rejected the update ({detail})"));
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
                lines.push("no probe was sent, so the outcome is still unknown".to_owned());
                lines
            }
            Self::Interrupted => vec!["interrupted; nothing was sent".to_owned()],
            Self::Abandoned { attempt } => vec![format!(
                "{}: abandoned while the change was in flight, so its outcome is unknown; run `repass resolve` \
                 with the same passwords, or repeat the same profile update",
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
            // The unknown outcome was created for the probe, so its id means nothing to the caller.
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

/// The kind of a valid configuration whose secrets did not arrive in time.
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

/// What `--json` prints for a change and for every error.
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
    /// How surely the row of a table is known that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grade: Option<Grade>,
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
            grade: error
                .provider_detail()
                .and_then(|detail| detail.evidence.as_ref()?.grade()),
            // Rounded up: a retry that is too early is rejected again.
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

    fn json(error: &CliError) -> serde_json::Value {
        serde_json::to_value(error.report()).unwrap()
    }

    fn call(error: Error) -> CliError {
        CliError::Call {
            provider: "zoom".into(),
            error,
        }
    }

    #[test]
    fn combined_errors_report_all_problems() {
        let unsupported = Error::not_applied(ErrorKind::Unsupported, "it cannot");
        let cli_error = CliError::combine(vec![
            CliError::usage("a"),
            CliError::config("b"),
            call(unsupported),
        ]);
        assert_eq!(cli_error.lines(), ["a", "b", "zoom: it cannot"]);
        assert_eq!(cli_error.exit(), Exit::Usage);
        assert_eq!(json(&cli_error)["problems"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn retry_after_is_reported_rounded_up() {
        let error = Error::not_applied(ErrorKind::RateLimited, "slow down")
            .with_retry_after(Some(std::time::Duration::from_millis(1200)))
            .with_detail(ProviderDetail {
                tracking_id: Some("t-1".into()),
                ..ProviderDetail::default()
            });
        let cli_error = call(error);
        let report = json(&cli_error);
        assert_eq!(report["outcome"], "not_applied");
        assert_eq!(report["kind"], "rate_limited");
        assert_eq!(report["retry_after_seconds"], 2);
        assert_eq!(report["tracking_id"], "t-1");
        assert_eq!(cli_error.exit(), Exit::RateLimited);
    }

    #[test]
    fn unknown_outcome_report_has_its_id() {
        let cli_error = call(Error::unknown(
            ErrorKind::TimedOut,
            "late",
            UnknownOutcome::new("zoom"),
        ));
        assert_eq!(cli_error.exit(), Exit::Unknown);
        let report = json(&cli_error);
        assert_eq!(
            (&report["outcome"], &report["attempt"]["provider"]),
            (&"unknown".into(), &"zoom".into())
        );
    }

    #[test]
    fn failed_probe_is_unknown_for_every_kind() {
        let error = Error::not_applied(ErrorKind::Unreachable, "no connection");
        let cli_error = CliError::ProbeFailed {
            provider: "zoom".into(),
            error,
        };
        assert_eq!(
            (cli_error.exit(), &json(&cli_error)["outcome"]),
            (Exit::Unknown, &"unknown".into())
        );
    }

    #[test]
    fn error_before_the_probe_is_unknown_for_every_error() {
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
        for cli_error in refused {
            let kind = json(&cli_error)["kind"].clone();
            let cli_error = cli_error.without_probe();
            let report = json(&cli_error);
            assert_eq!(
                (cli_error.exit(), &report["outcome"]),
                (Exit::Unknown, &"unknown".into()),
                "{report}"
            );
            assert_eq!(report["kind"], kind);
            assert!(cli_error.lines().last().unwrap().contains("unknown"), "{report}");
        }
    }

    #[test]
    fn abandoned_call_is_unknown_and_early_interrupt_is_not_applied() {
        let cli_error = CliError::Abandoned {
            attempt: UnknownOutcome::new("zoom"),
        };
        assert_eq!(
            (cli_error.exit(), &json(&cli_error)["outcome"]),
            (Exit::Unknown, &"unknown".into())
        );
        let cli_error = CliError::Interrupted;
        assert_eq!(
            (cli_error.exit() as u8, &json(&cli_error)["outcome"]),
            (130, &"not_applied".into())
        );
    }
}
