//! Calls that are dropped in the middle.

use std::time::Duration;

use repass_domain::CallContext;

use crate::harness::Harness;
use crate::report::LawResult;
use crate::{Fault, Subject, Suite, until_pending};

/// How often each of these calls has waited when it is dropped: before it has connected, while it connects,
/// while it sends or waits for its response.
const PENDING: [usize; 3] = [1, 2, 4];

/// A call that waits for longer than this, as under a fault that is silent, is dropped as well.
const LIMIT: Duration = Duration::from_millis(100);

pub(crate) async fn result(suite: &Suite, subject: &dyn Subject, fault: Fault) -> LawResult {
    let mut dropped = 0;
    for pending in PENDING {
        let harness = Harness::new(subject).await;
        if let Err(skip) = harness.inject(fault).await {
            return LawResult::Skipped(skip.to_string());
        }
        match drop_one(suite, &harness, fault, pending).await {
            Ok(was_dropped) => dropped += usize::from(was_dropped),
            Err(how) => return LawResult::Broken(how),
        }
    }
    if dropped == 0 {
        return LawResult::Skipped("it never waits".to_owned());
    }
    LawResult::Held
}

/// Whether it was dropped before it came to its end.
async fn drop_one(suite: &Suite, harness: &Harness, fault: Fault, pending: usize) -> Result<bool, String> {
    let (cx, change) = (CallContext::with_budget(suite.budget), harness.change(1));
    let before = harness.env().counts().await;
    let mut call = harness.service.change_password(&cx, &change);
    let Err(pending) = until_pending(call.as_mut(), pending, LIMIT).await else {
        return Ok(false);
    };
    drop(call);
    let after = harness.late_counts().await;
    let set = after.set - before.set;
    if set > fault.deliveries() {
        return Err(format!(
            "dropped at wait {pending}, it set the password {set} times"
        ));
    }
    match (before.abandoned, after.abandoned) {
        (Some(before), Some(after)) if after != before + 1 => Err(format!(
            "dropped at wait {pending}, it left {} records of that",
            after - before
        )),
        _ => harness.no_secret_in(None).map(|()| true),
    }
}
