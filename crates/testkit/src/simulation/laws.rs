//! What must hold of every call, whatever happened to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use repass::{Error, ErrorKind, Outcome, Resolution};

use super::provider::{Attempt, NetworkOutcome, Provider};
use super::{Call, CallOutcome, Summary};

/// Timers fire on whole milliseconds.
const TICK: Duration = Duration::from_millis(2);

pub(crate) fn judge(seed: u64, providers: &[Arc<Provider>], calls: &[Call]) -> Summary {
    let mut summary = Summary::default();
    let states: Vec<_> = providers.iter().map(|provider| provider.state()).collect();
    let applied: Vec<HashMap<&str, usize>> = states
        .iter()
        .map(|state| {
            let mut counts = HashMap::new();
            for (_, password) in &state.ledger {
                *counts.entry(password.as_str()).or_default() += 1;
            }
            counts
        })
        .collect();
    for call in calls {
        let attempts = states[call.provider].attempts.get(&call.password);
        let attempts = attempts.map_or(&[][..], Vec::as_slice);
        let count = applied[call.provider]
            .get(call.password.as_str())
            .copied()
            .unwrap_or(0);
        summary.calls += 1;
        summary.attempts += attempts.len();
        for hint in labels(call) {
            *summary.outcomes.entry(hint).or_default() += 1;
        }
        let repeats = states[call.provider].repeats.get(&call.password);
        let repeats = repeats.copied().unwrap_or(0);
        for law in broken(call, attempts, count, repeats) {
            summary.broken.push(format!(
                "seed {seed}: {law}: {call:?}, applied {count} times, {attempts:?}, {repeats} of them sent twice"
            ));
        }
    }
    summary
}

fn labels(call: &Call) -> Vec<&'static str> {
    let outcome = match &call.outcome {
        CallOutcome::Applied => "applied",
        CallOutcome::Dropped => "dropped",
        CallOutcome::Failed(error) => error.outcome().as_str(),
    };
    let resolution = match &call.resolution {
        None => return vec![outcome],
        Some(Ok(Resolution::InPlace)) => "resolved: in place",
        Some(Ok(Resolution::NotInPlace)) => "resolved: not in place",
        Some(Ok(Resolution::StillUnknown)) => "resolved: still unknown",
        Some(Err(_)) => "resolved: the probe failed",
    };
    vec![outcome, resolution]
}

// `repeats`: how many sendings are not the client's but a gateway's.
fn broken(call: &Call, attempts: &[Attempt], count: usize, repeats: usize) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let mut law = |holds: bool, text| {
        if !holds {
            broken.push(text);
        }
    };
    let ambiguous = |attempt: &Attempt| attempt.seen == NetworkOutcome::Ambiguous;
    let may_be_in_doubt =
        |attempt: &Attempt| matches!(attempt.seen, NetworkOutcome::Ambiguous | NetworkOutcome::Either);
    let is_final = |attempt: &Attempt| {
        matches!(
            attempt.seen,
            NetworkOutcome::Answered
                | NetworkOutcome::Ambiguous
                | NetworkOutcome::Either
                | NetworkOutcome::Declined
        )
    };
    let probed = call.resolution.is_some();
    law(
        call.elapsed <= call.budget + TICK,
        "a call returns within its budget",
    );
    law(
        !call.budget.is_zero() || attempts.is_empty(),
        "without budget nothing is sent",
    );
    if !probed {
        law(count <= 1 + repeats, "never twice");
        let before_last = attempts.len().saturating_sub(1);
        law(
            !attempts[..before_last].iter().any(is_final),
            "what was answered, or may have been acted on, is not resent",
        );
    }
    match &call.outcome {
        CallOutcome::Applied => law((1..=1 + repeats).contains(&count), "applied means exactly once"),
        CallOutcome::Dropped => {}
        CallOutcome::Failed(error) if error.outcome() == Outcome::NotApplied => {
            law(count == 0, "not applied means never");
            law(!attempts.iter().any(ambiguous), "in doubt is not certain");
            law(resent(call, error, attempts), "what helps is sent again");
            let declined = attempts
                .last()
                .is_some_and(|last| last.seen == NetworkOutcome::Declined);
            law(
                !declined || error.kind() != ErrorKind::UserNotFound,
                "only the provider knows its users",
            );
        }
        CallOutcome::Failed(_) => {
            law(
                attempts.iter().any(may_be_in_doubt),
                "unknown only where it is ambiguous",
            );
        }
    }
    let seen = |truth| attempts.iter().any(|attempt| attempt.in_place == Some(truth));
    match &call.resolution {
        Some(Ok(Resolution::InPlace)) => law(count >= 1 && seen(true), "in place was true at the probe"),
        Some(Ok(Resolution::NotInPlace)) => law(seen(false), "not in place was true at the probe"),
        _ => {}
    }
    broken
}

/// Whether the table's resends were made: a call must not give up where another sending could help
/// and its budget allows it.
fn resent(call: &Call, error: &Error, attempts: &[Attempt]) -> bool {
    let Some(last) = attempts.last() else { return true };
    let kind = error.kind();
    let left = call.budget.saturating_sub(call.elapsed);
    // Others may have been reported to wait longer than this call can.
    if kind == ErrorKind::BudgetExhausted || error.retry_after().is_some_and(|delay| delay >= left) {
        return true;
    }
    let count = |seen| attempts.iter().filter(|attempt| attempt.seen == seen).count();
    match last.seen {
        NetworkOutcome::Refused => count(NetworkOutcome::Refused) >= 5 || left < Duration::from_secs(4),
        // It waits longer where the server's word turned out to be too short.
        NetworkOutcome::Limited(hint) => {
            let wait = error.retry_after().max(hint).unwrap_or(Duration::from_secs(1));
            wait + Duration::from_millis(250) >= left
        }
        // Without a response of its own the call had no other token to try.
        NetworkOutcome::TokenRejected => {
            let has_time = left >= Duration::from_secs(1);
            count(NetworkOutcome::TokenRejected) >= 2 || kind != ErrorKind::Unauthenticated || !has_time
        }
        NetworkOutcome::EncodingRefused => {
            count(NetworkOutcome::EncodingRefused) >= 2 || left < Duration::from_secs(1)
        }
        NetworkOutcome::Answered
        | NetworkOutcome::Ambiguous
        | NetworkOutcome::Either
        | NetworkOutcome::Declined => true,
    }
}
