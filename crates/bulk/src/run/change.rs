//! One change or probe of a session, and its result.

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{
    CallContext, Error, ErrorKind, Outcome, PasswordChange, PriorState, ProviderDetail, Resolution,
    UnknownOutcome, Violation,
};
use tokio::time::Instant;

use super::accounts::{AccountLookup, Accounts};
use super::now;
use super::options::OnUnknown;
use super::password_sealer::SealedRow;
use super::row::{PendingRow, Task};
use super::send_gate::{Gatekeeper, SendGate};
use crate::Provider;
use crate::input::DUPLICATE;
use crate::journal::{AttemptEnd, EndKind, RowPhase};

/// A row whose attempt or probe has ended. Its passwords are dropped, except for a later probe.
#[derive(Debug)]
pub(super) struct CallResult {
    pub(super) row: PendingRow,
    pub(super) end: AttemptEnd,
    /// The error's kind, if there was one.
    pub(super) kind: Option<ErrorKind>,
    /// It was not sent, and its status stays as it was.
    pub(super) untouched: bool,
    /// The session did not let it send, so there is nothing to report.
    pub(super) withheld: bool,
    /// The change for a later probe.
    pub(super) probe_later: Option<PasswordChange>,
}

/// Options of all calls of a session.
#[derive(Debug, Clone)]
pub(super) struct CallOptions {
    pub(super) on_unknown: OnUnknown,
    pub(super) budget: Duration,
    pub(super) gatekeeper: Gatekeeper,
    pub(super) accounts: Arc<Accounts>,
}

/// Sends a change, and resolves an unknown outcome if the options say so; or only resolves it.
pub(super) fn start(
    provider: Arc<Provider>,
    ready: SealedRow,
    call_options: CallOptions,
) -> impl Future<Output = CallResult> + Send + 'static {
    // Look-ups begin in the order of the lines, not in the order in which the futures are polled.
    let has_aliases = provider.may_have_aliases && ready.row.task != Task::Probe;
    let look_up = has_aliases.then(|| call_options.accounts.begin(ready.row.line));
    run(provider, ready, call_options, look_up)
}

async fn run(
    provider: Arc<Provider>,
    ready: SealedRow,
    call_options: CallOptions,
    look_up: Option<AccountLookup>,
) -> CallResult {
    let SealedRow {
        row,
        mut change,
        batch,
    } = ready;
    let service = &provider.service;
    let CallOptions {
        on_unknown,
        mut budget,
        gatekeeper,
        ..
    } = call_options;
    let capabilities = service.capabilities();
    let asks_before_send = capabilities.before_send;
    let mut account = None;
    if let Some(look_up) = look_up {
        let start = Instant::now();
        let cx = CallContext::with_budget(budget);
        let closed_gate = || SendGate::of(&row, batch, capabilities, None, gatekeeper.clone());
        change = match service.canonical_id(&cx, change.user()).await {
            Ok(Some(id)) => change.with_canonical_id(id),
            Ok(None) => change,
            Err(error) => {
                let gate = closed_gate();
                return CallResult::failed(row, &error, None).sent(&gate, batch);
            }
        };
        budget = cx.after(start.elapsed()).budget();
        let key = service.user_key(change.canonical_id().unwrap_or(change.user()));
        if let Some(first) = look_up.claim(provider.name(), &key).await {
            let gate = closed_gate();
            return CallResult::duplicate(row, first).sent(&gate, batch);
        }
        account = Some(key);
    }
    let gate = SendGate::of(&row, batch, capabilities, account, gatekeeper);
    let Some(cx) = gate.context(asks_before_send, budget).await else {
        return CallResult::withheld(row);
    };
    if row.task == Task::Probe {
        let attempt = UnknownOutcome::new(provider.name()).with_prior_state(row.prior_state.clone());
        let resolution = service.resolve(&cx, &attempt, &change).await;
        return CallResult::probed(row, batch, resolution, &gate, change);
    }
    let error = match service.change_password(&cx, &change).await {
        Ok(receipt) => {
            let end = AttemptEnd {
                tracking_id: receipt.tracking_id().map(str::to_owned),
                ..end_of(row.line, RowPhase::Applied)
            };
            return CallResult::new(row, end, None).sent(&gate, batch);
        }
        Err(error) => error,
    };
    if error.outcome() == Outcome::NotApplied && gate.withheld() {
        return CallResult::withheld(row);
    }
    let resolves = on_unknown == OnUnknown::Resolve && capabilities.resolve;
    let resolution = match error.unknown_outcome().filter(|_| resolves) {
        Some(attempt) => {
            let probe = gate.probe(capabilities);
            match probe.context(asks_before_send, budget).await {
                Some(cx) => service.resolve(&cx, attempt, &change).await.ok(),
                None => None,
            }
        }
        None => None,
    };
    let mut result = CallResult::failed(row, &error, resolution).sent(&gate, batch);
    // A probe right after the attempt proves nothing, so it is repeated later.
    if !capabilities.resolve_sets_password && resolution == Some(Resolution::NotInPlace) {
        result.row.batch = batch;
        result.row.prior_state = result.end.prior_state.clone();
        result.probe_later = Some(change);
    }
    result
}

impl CallResult {
    fn new(row: PendingRow, end: AttemptEnd, kind: Option<ErrorKind>) -> Self {
        Self {
            row,
            end,
            kind,
            untouched: false,
            withheld: false,
            probe_later: None,
        }
    }

    fn duplicate(row: PendingRow, first: u64) -> Self {
        let end = AttemptEnd {
            kind: Some(DUPLICATE),
            message: Some(format!(
                "duplicate of line {first}: the same account at the provider, by another name"
            )),
            ..end_of(row.line, RowPhase::NotApplied)
        };
        Self::new(row, end, None)
    }

    fn withheld(row: PendingRow) -> Self {
        let end = end_of(row.line, RowPhase::Pending);
        Self {
            untouched: true,
            withheld: true,
            ..Self::new(row, end, None)
        }
    }

    // Sets which attempt has ended, by what the journal has recorded of it.
    fn sent(mut self, gate: &SendGate, batch: u64) -> Self {
        let PendingRow {
            task, user, provider, ..
        } = &self.row;
        let fresh = || (*task == Task::SendNew).then(|| (user.clone(), *provider));
        self.end.sent = if gate.granted() {
            EndKind::Recorded
        } else if self.end.state == RowPhase::NotApplied {
            // A reissue that was not sent leaves the row unknown.
            self.untouched = *task == Task::Reissue;
            EndKind::NotSent(fresh())
        } else {
            EndKind::Unrecorded(batch, fresh())
        };
        self
    }

    fn failed(row: PendingRow, error: &Error, resolution: Option<Resolution>) -> Self {
        let failure = failure(row.line, error);
        let end = match (error.outcome(), resolution) {
            (Outcome::Unknown, Some(Resolution::InPlace)) => in_place(failure),
            // The change may still be in flight after the probe.
            (Outcome::Unknown, Some(Resolution::NotInPlace)) => AttemptEnd {
                message: Some(format!(
                    "{error}; a probe right after it did not find the new password in place, which proves nothing yet: \
                     the change may still take effect"
                )),
                ..failure
            },
            _ => failure,
        };
        Self::new(row, end, Some(error.kind()))
    }

    fn probed(
        row: PendingRow,
        batch: u64,
        resolution: Result<Resolution, Error>,
        gate: &SendGate,
        change: PasswordChange,
    ) -> Self {
        let line = row.line;
        let mut probe_later = None;
        let (end, kind) = match resolution {
            Ok(Resolution::InPlace) => (in_place(end_of(line, RowPhase::Applied)), None),
            Ok(Resolution::NotInPlace) if gate.late() && !gate.may_have_set() => (
                AttemptEnd {
                    kind: Some(ErrorKind::ConnectionLost.as_str()),
                    message: Some(
                        "a probe found that the new password is not in place, when the change could no longer be in flight"
                            .to_owned(),
                    ),
                    ..end_of(line, RowPhase::NotApplied)
                },
                None,
            ),
            Ok(Resolution::NotInPlace) => {
                probe_later = Some(change);
                (
                    unresolved(
                        line,
                        "a probe did not find the new password in place, which proves nothing yet: the change may still \
                         take effect; probe again later",
                    ),
                    None,
                )
            }
            Ok(Resolution::StillUnknown) => (
                unresolved(line, "a probe could not determine whether the new password is in place"),
                None,
            ),
            // A failed probe says nothing about the attempt before it.
            Err(error) => (
                AttemptEnd {
                    state: RowPhase::Unknown,
                    message: Some(format!("the probe failed: {error}")),
                    ..failure(line, &error)
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
                row,
                AttemptEnd {
                    sent: EndKind::Probe {
                        batch,
                        set: gate.may_have_set(),
                    },
                    ..end
                },
                kind,
            )
        }
    }
}

/// The end of an attempt or probe that was abandoned or that panicked.
pub(super) fn interrupted(line: u64, message: &str, sent: EndKind) -> AttemptEnd {
    AttemptEnd {
        kind: Some("interrupted"),
        message: Some(message.to_owned()),
        sent,
        ..end_of(line, RowPhase::Unknown)
    }
}

fn unresolved(line: u64, message: &str) -> AttemptEnd {
    AttemptEnd {
        kind: Some("unsettled"),
        message: Some(message.to_owned()),
        ..end_of(line, RowPhase::Unknown)
    }
}

fn end_of(line: u64, phase: RowPhase) -> AttemptEnd {
    AttemptEnd::new(line, phase, now())
}

fn in_place(end: AttemptEnd) -> AttemptEnd {
    AttemptEnd {
        state: RowPhase::Applied,
        kind: None,
        code: None,
        message: Some("the response was lost; a probe found the new password in place".to_owned()),
        ..end
    }
}

fn failure(line: u64, error: &Error) -> AttemptEnd {
    let detail = error.provider_detail();
    let code = |detail: &ProviderDetail| detail.code.clone();
    let rules = |violations: &[Violation]| {
        let codes: Vec<&str> = violations
            .iter()
            .map(|violation| violation.rule().code())
            .collect();
        (!codes.is_empty()).then(|| codes.join(" "))
    };
    let (state, prior_state) = match error.unknown_outcome() {
        None => (RowPhase::NotApplied, PriorState::default()),
        Some(unknown) => (RowPhase::Unknown, unknown.prior_state().clone()),
    };
    AttemptEnd {
        kind: Some(error.kind().as_str()),
        code: rules(error.violations()).or_else(|| detail.and_then(code)),
        message: Some(error.to_string()),
        tracking_id: detail.and_then(|detail| detail.tracking_id.clone()),
        prior_state,
        ..end_of(line, state)
    }
}
