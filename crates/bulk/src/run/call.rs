//! One change, sent or probed, and what became of it.

use std::sync::Arc;

use repass_domain::{
    Attempt, CallContext, Effect, Error, ErrorKind, PasswordChange, ProviderDetail, Resolution, Violation,
};

use super::controls::OnUnknown;
use super::now;
use super::work::{Task, Work};
use crate::Provider;
use crate::journal::{Ended, State};

/// A row whose sending or probe has ended. Its passwords are gone.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) work: Work,
    pub(super) ended: Ended,
    /// The error's kind, if there was one.
    pub(super) kind: Option<ErrorKind>,
}

/// Sends a change, and settles it where that is wanted, or only settles it.
pub(super) async fn make(
    provider: Arc<Provider>,
    work: Work,
    change: PasswordChange,
    on_unknown: OnUnknown,
    cx: CallContext,
) -> Done {
    let service = &provider.service;
    if work.task == Task::Probe {
        let attempt = Attempt::new(provider.name());
        let probed = service.resolve(&cx, &attempt, &change).await;
        return Done::probed(work, probed);
    }
    let error = match service.change_password(&cx, &change).await {
        Ok(changed) => {
            let tracking_id = changed.tracking_id().map(str::to_owned);
            let ended = Ended {
                tracking_id,
                ..plain(work.line, State::Applied)
            };
            return Done {
                work,
                ended,
                kind: None,
            };
        }
        Err(error) => error,
    };
    let settled = match error.attempt() {
        Some(attempt) if on_unknown == OnUnknown::Resolve && service.capabilities().resolve => {
            service.resolve(&cx, attempt, &change).await.ok()
        }
        _ => None,
    };
    Done::failed(work, &error, settled)
}

impl Done {
    fn failed(work: Work, error: &Error, settled: Option<Resolution>) -> Self {
        let told = told(work.line, error);
        let ended = match (error.effect(), settled) {
            (Effect::Unknown, Some(Resolution::InPlace)) => in_place(told),
            (Effect::Unknown, Some(Resolution::NotInPlace)) => Ended {
                state: State::NotApplied,
                message: Some(format!(
                    "{error}; a probe found that the new password is not in place"
                )),
                ..told
            },
            _ => told,
        };
        Self {
            work,
            ended,
            kind: Some(error.kind()),
        }
    }

    fn probed(work: Work, probed: Result<Resolution, Error>) -> Self {
        let line = work.line;
        let (ended, kind) = match probed {
            Ok(Resolution::InPlace) => (in_place(plain(line, State::Applied)), None),
            Ok(Resolution::NotInPlace) => (
                Ended {
                    kind: Some(ErrorKind::ConnectionLost.as_str()),
                    message: Some("a probe found that the new password is not in place".to_owned()),
                    ..plain(line, State::NotApplied)
                },
                None,
            ),
            Ok(Resolution::StillUnknown) => (
                Ended {
                    kind: Some("unsettled"),
                    message: Some("a probe could not tell whether the new password is in place".to_owned()),
                    ..plain(line, State::Unknown)
                },
                None,
            ),
            // It says nothing about the sending before it.
            Err(error) => (
                Ended {
                    state: State::Unknown,
                    message: Some(format!("the probe failed: {error}")),
                    ..told(line, &error)
                },
                Some(error.kind()),
            ),
        };
        Self { work, ended, kind }
    }

    /// A sending that was abandoned, or that broke inside.
    pub(super) fn abandoned(work_line: u64, message: &str) -> Ended {
        Ended {
            kind: Some("interrupted"),
            message: Some(message.to_owned()),
            ..plain(work_line, State::Unknown)
        }
    }
}

fn plain(line: u64, state: State) -> Ended {
    Ended {
        line,
        state,
        kind: None,
        code: None,
        message: None,
        tracking_id: None,
        at: now(),
    }
}

fn in_place(ended: Ended) -> Ended {
    Ended {
        state: State::Applied,
        kind: None,
        code: None,
        message: Some("the answer was lost; a probe found the new password in place".to_owned()),
        ..ended
    }
}

fn told(line: u64, error: &Error) -> Ended {
    let detail = error.provider_detail();
    let code = |detail: &ProviderDetail| detail.code.clone();
    let rules = |violations: &[Violation]| {
        let codes: Vec<&str> = violations.iter().map(|broken| broken.rule().code()).collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    };
    let state = match error.effect() {
        Effect::NotApplied => State::NotApplied,
        Effect::Unknown => State::Unknown,
    };
    Ended {
        kind: Some(error.kind().as_str()),
        code: rules(error.violations()).or_else(|| detail.and_then(code)),
        message: Some(error.to_string()),
        tracking_id: detail.and_then(|detail| detail.tracking_id.clone()),
        ..plain(line, state)
    }
}
