//! One change, sent or probed, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{
    CallContext, Error, ErrorKind, Outcome, PasswordChange, ProviderDetail, Resolution, UnknownOutcome,
    Violation,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::accounts::{AccountLookup, Accounts};
use super::journal_writer::SealedRow;
use super::now;
use super::options::OnUnknown;
use super::row::{PendingRow, Task};
use super::send_gate::{SendGate, SendRequest};
use crate::Provider;
use crate::input::DUPLICATE;
use crate::journal::{AttemptEnd, EndKind, RowPhase};

/// A row whose sending or probe has ended. Its passwords are gone, but those that are probed once more.
#[derive(Debug)]
pub(super) struct CallResult {
    pub(super) work: PendingRow,
    pub(super) ended: AttemptEnd,
    /// The error's kind, if there was one.
    pub(super) kind: Option<ErrorKind>,
    /// It was not sent, and stays as it was.
    pub(super) untouched: bool,
    /// It was told not to send: there is nothing to tell either.
    pub(super) withheld: bool,
    /// What a later probe may settle.
    pub(super) probe_later: Option<PasswordChange>,
}

/// How all calls of a session are made.
#[derive(Debug, Clone)]
pub(super) struct CallOptions {
    pub(super) on_unknown: OnUnknown,
    pub(super) budget: Duration,
    pub(super) asks: mpsc::UnboundedSender<SendRequest>,
    pub(super) accounts: Arc<Accounts>,
}

/// Sends a change, and settles it where that is wanted, or only settles it.
pub(super) fn start(
    provider: Arc<Provider>,
    ready: SealedRow,
    call_options: CallOptions,
) -> impl Future<Output = CallResult> + Send + 'static {
    // Lines begin in their order here, and not in that in which they are polled.
    let has_aliases = provider.service.capabilities().canonical_ids && ready.work.task != Task::Probe;
    let look_up = has_aliases.then(|| call_options.accounts.begin(ready.work.line));
    run(provider, ready, call_options, look_up)
}

async fn run(
    provider: Arc<Provider>,
    ready: SealedRow,
    call_options: CallOptions,
    look_up: Option<AccountLookup>,
) -> CallResult {
    let SealedRow {
        work,
        mut change,
        batch,
    } = ready;
    let service = &provider.service;
    let CallOptions {
        on_unknown,
        mut budget,
        asks,
        ..
    } = call_options;
    let capabilities = service.capabilities();
    let awaits = capabilities.before_send;
    let mut account = None;
    if let Some(look_up) = look_up {
        let start = Instant::now();
        let cx = CallContext::with_budget(budget);
        let unsent = || SendGate::of(&work, batch, capabilities, None, asks.clone());
        change = match service.canonical_id(&cx, change.user()).await {
            Ok(Some(id)) => change.with_canonical_id(id),
            Ok(None) => change,
            Err(error) => {
                let gate = unsent();
                return CallResult::failed(work, &error, None).sent(&gate, batch);
            }
        };
        budget = cx.after(start.elapsed()).budget();
        let key = service.user_key(change.canonical_id().unwrap_or(change.user()));
        if let Some(first) = look_up.found(provider.name(), &key).await {
            let gate = unsent();
            return CallResult::duplicate(work, first).sent(&gate, batch);
        }
        account = Some(key);
    }
    let gate = SendGate::of(&work, batch, capabilities, account, asks);
    let Some(cx) = gate.context(awaits, budget).await else {
        return CallResult::withheld(work);
    };
    if work.task == Task::Probe {
        let attempt = UnknownOutcome::new(provider.name());
        let probed = service.resolve(&cx, &attempt, &change).await;
        return CallResult::probed(work, batch, probed, &gate, change);
    }
    let made = service.change_password(&cx, &change).await;
    let error = match made {
        Ok(changed) => {
            let ended = AttemptEnd {
                tracking_id: changed.tracking_id().map(str::to_owned),
                ..end(work.line, RowPhase::Applied)
            };
            return CallResult::new(work, ended, None).sent(&gate, batch);
        }
        Err(error) => error,
    };
    if error.outcome() == Outcome::NotApplied && gate.withheld() {
        return CallResult::withheld(work);
    }
    let settles = on_unknown == OnUnknown::Resolve && capabilities.resolve;
    let settled = match error.unknown_outcome().filter(|_| settles) {
        Some(attempt) => {
            let probe = gate.probe(capabilities);
            match probe.context(awaits, budget).await {
                Some(cx) => service.resolve(&cx, attempt, &change).await.ok(),
                None => None,
            }
        }
        None => None,
    };
    let mut done = CallResult::failed(work, &error, settled).sent(&gate, batch);
    // Such a probe proves nothing but that it is in place.
    if !capabilities.resolve_sets_password && settled == Some(Resolution::NotInPlace) {
        done.work.batch = batch;
        done.probe_later = Some(change);
    }
    done
}

impl CallResult {
    fn new(work: PendingRow, ended: AttemptEnd, kind: Option<ErrorKind>) -> Self {
        Self {
            work,
            ended,
            kind,
            untouched: false,
            withheld: false,
            probe_later: None,
        }
    }

    fn duplicate(work: PendingRow, first: u64) -> Self {
        let ended = AttemptEnd {
            kind: Some(DUPLICATE),
            message: Some(format!(
                "duplicate of line {first}: the same account at the provider, by another name"
            )),
            ..end(work.line, RowPhase::NotApplied)
        };
        Self::new(work, ended, None)
    }

    fn withheld(work: PendingRow) -> Self {
        let ended = end(work.line, RowPhase::Pending);
        Self {
            untouched: true,
            withheld: true,
            ..Self::new(work, ended, None)
        }
    }

    // What it is the end of, by what the journal has of it.
    fn sent(mut self, gate: &SendGate, batch: u64) -> Self {
        let PendingRow {
            task, user, provider, ..
        } = &self.work;
        let fresh = || (*task == Task::SendNew).then(|| (user.clone(), *provider));
        self.ended.sent = if gate.granted() {
            EndKind::Recorded
        } else if self.ended.state == RowPhase::NotApplied {
            // It was unknown before it was sent again, and it was not.
            self.untouched = *task == Task::Reissue;
            EndKind::NotSent(fresh())
        } else {
            EndKind::Unrecorded(batch, fresh())
        };
        self
    }

    fn failed(work: PendingRow, error: &Error, settled: Option<Resolution>) -> Self {
        let told = told(work.line, error);
        let ended = match (error.outcome(), settled) {
            (Outcome::Unknown, Some(Resolution::InPlace)) => in_place(told),
            // True when it was probed, and the change may still be on its way.
            (Outcome::Unknown, Some(Resolution::NotInPlace)) => AttemptEnd {
                message: Some(format!(
                    "{error}; a probe right after it did not find the new password in place, which is no proof yet: \
                     the change may still take effect"
                )),
                ..told
            },
            _ => told,
        };
        Self::new(work, ended, Some(error.kind()))
    }

    fn probed(
        work: PendingRow,
        batch: u64,
        probed: Result<Resolution, Error>,
        gate: &SendGate,
        change: PasswordChange,
    ) -> Self {
        let line = work.line;
        let mut probe_later = None;
        let (ended, kind) = match probed {
            Ok(Resolution::InPlace) => (in_place(end(line, RowPhase::Applied)), None),
            Ok(Resolution::NotInPlace) if gate.late() && !gate.may_have_set() => (
                AttemptEnd {
                    kind: Some(ErrorKind::ConnectionLost.as_str()),
                    message: Some(
                        "a probe found that the new password is not in place, when nothing of the change could be on \
                         its way any more"
                            .to_owned(),
                    ),
                    ..end(line, RowPhase::NotApplied)
                },
                None,
            ),
            Ok(Resolution::NotInPlace) => {
                probe_later = Some(change);
                (
                    unsettled(
                        line,
                        "a probe did not find the new password in place, which is no proof yet: the change may still \
                         take effect; probe again later",
                    ),
                    None,
                )
            }
            Ok(Resolution::StillUnknown) => (
                unsettled(line, "a probe could not tell whether the new password is in place"),
                None,
            ),
            // It says nothing about the sending before it.
            Err(error) => (
                AttemptEnd {
                    state: RowPhase::Unknown,
                    message: Some(format!("the probe failed: {error}")),
                    ..told(line, &error)
                },
                Some(error.kind()),
            ),
        };
        let withheld = gate.withheld();
        Self {
            untouched: withheld,
            withheld,
            probe_later,
            ..Self::new(
                work,
                AttemptEnd {
                    sent: EndKind::Probe {
                        batch,
                        set: gate.may_have_set(),
                    },
                    ..ended
                },
                kind,
            )
        }
    }
}

/// A sending or probe that was abandoned, or that broke inside.
pub(super) fn abandoned(line: u64, message: &str, sent: EndKind) -> AttemptEnd {
    AttemptEnd {
        kind: Some("interrupted"),
        message: Some(message.to_owned()),
        sent,
        ..end(line, RowPhase::Unknown)
    }
}

fn unsettled(line: u64, message: &str) -> AttemptEnd {
    AttemptEnd {
        kind: Some("unsettled"),
        message: Some(message.to_owned()),
        ..end(line, RowPhase::Unknown)
    }
}

fn end(line: u64, phase: RowPhase) -> AttemptEnd {
    AttemptEnd::new(line, phase, now())
}

fn in_place(ended: AttemptEnd) -> AttemptEnd {
    AttemptEnd {
        state: RowPhase::Applied,
        kind: None,
        code: None,
        message: Some("the answer was lost; a probe found the new password in place".to_owned()),
        ..ended
    }
}

fn told(line: u64, error: &Error) -> AttemptEnd {
    let detail = error.provider_detail();
    let code = |detail: &ProviderDetail| detail.code.clone();
    let rules = |violations: &[Violation]| {
        let codes: Vec<&str> = violations.iter().map(|broken| broken.rule().code()).collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    };
    let state = match error.unknown_outcome() {
        None => RowPhase::NotApplied,
        Some(_) => RowPhase::Unknown,
    };
    AttemptEnd {
        kind: Some(error.kind().as_str()),
        code: rules(error.violations()).or_else(|| detail.and_then(code)),
        message: Some(error.to_string()),
        tracking_id: detail.and_then(|detail| detail.tracking_id.clone()),
        ..end(line, state)
    }
}
