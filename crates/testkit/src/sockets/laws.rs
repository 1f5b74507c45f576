//! What must hold of every call over sockets.

use std::collections::{BTreeMap, HashMap};

use repass::{ErrorKind, Outcome};

use super::{BUDGET, Call, Doubt, GRACE, TestEnv};
use crate::simulation::Summary;

pub(super) fn judge(env: &TestEnv, calls: &[Call]) -> Summary {
    let mut applied = HashMap::new();
    for total in env.sandbox.ledger().totals {
        applied.insert((total.provider, total.user), total.count);
    }
    let mut summary = Summary::default();
    for call in calls {
        let of_call = (call.planned.provider, call.planned.user.clone());
        let count = applied.get(&of_call).copied().unwrap_or(0);
        // What is not counted is taken for one.
        let requests = env.gateway.as_ref();
        let requests = requests.map_or(1, |gateway| gateway.requests(&call.planned.user));
        summary.add(Summary {
            calls: 1,
            attempts: requests,
            outcomes: BTreeMap::from([(outcome(call), 1)]),
            broken: broken(call, count, requests)
                .into_iter()
                .map(|law| {
                    format!(
                        "seed {}: {law}: {:?}, {}, applied {count} times, {requests} requests: {:?} after {:?}",
                        env.seed, call.planned, call.expectation.what, call.result, call.elapsed
                    )
                })
                .collect(),
        });
    }
    summary
}

fn outcome(call: &Call) -> &'static str {
    match &call.result {
        Ok(_) => "applied",
        Err(error) => error.outcome().as_str(),
    }
}

fn broken(call: &Call, count: u64, requests: usize) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let mut law = |holds: bool, text| {
        if !holds {
            broken.push(text);
        }
    };
    let expectation = &call.expectation;
    let most = 1 + expectation.repeats;
    law(count <= most, "never twice");
    law(call.elapsed <= BUDGET + GRACE, "a call returns within its budget");
    law(
        expectation.doubt != Doubt::Must || requests <= 1,
        "what may have been acted on is not resent",
    );
    law(
        !format!("{:?}", call.result).contains(call.planned.new),
        "no password in an error",
    );
    match &call.result {
        Ok(_) => law((1..=most).contains(&count), "applied means exactly once"),
        Err(error) if error.outcome() == Outcome::NotApplied => {
            law(count == 0, "not applied means never");
            // On a busy machine a call may never come to send.
            let unsent = matches!(
                error.kind(),
                ErrorKind::BudgetExhausted | ErrorKind::Unreachable | ErrorKind::RateLimited
            );
            law(
                expectation.doubt != Doubt::Must || requests == 0 || unsent,
                "in doubt is not certain",
            );
            law(
                !expectation.declined || error.kind() != ErrorKind::UserNotFound,
                "only the provider knows its users",
            );
        }
        // A busy machine may use up the budget without a fault; that is as ambiguous.
        Err(error) if error.kind() == ErrorKind::TimedOut && call.elapsed >= BUDGET => {}
        Err(_) => law(
            expectation.doubt != Doubt::No,
            "unknown only where it is ambiguous",
        ),
    }
    broken
}
