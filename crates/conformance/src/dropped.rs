//! Calls that are dropped in the middle.

use std::time::Duration;

use repass_domain::CallContext;

use crate::bench::Bench;
use crate::report::Verdict;
use crate::{Fault, Subject, Suite, until_pending};

/// How often each of these calls has waited when it is dropped: before it has connected, while it connects,
/// while it sends or waits for its answer.
const PENDING: [usize; 3] = [1, 2, 4];

/// A call that waits for longer than this, as under a fault that is silent, is dropped as well.
const LIMIT: Duration = Duration::from_millis(100);

pub(crate) async fn verdict(suite: &Suite, subject: &dyn Subject, fault: Fault) -> Verdict {
    let mut dropped = 0;
    for pending in PENDING {
        let bench = Bench::new(subject).await;
        if let Err(skip) = bench.inject(fault).await {
            return Verdict::Skipped(skip.to_string());
        }
        match drop_one(suite, &bench, fault, pending).await {
            Ok(was_dropped) => dropped += usize::from(was_dropped),
            Err(how) => return Verdict::Broken(how),
        }
    }
    if dropped == 0 {
        return Verdict::Skipped("it never waits".to_owned());
    }
    Verdict::Held
}

/// Whether it was dropped before it came to its end.
async fn drop_one(suite: &Suite, bench: &Bench, fault: Fault, pending: usize) -> Result<bool, String> {
    let (cx, change) = (CallContext::with_budget(suite.budget), bench.change(1));
    let before = bench.world().seen().await;
    let mut call = bench.service.change_password(&cx, &change);
    let Err(pending) = until_pending(call.as_mut(), pending, LIMIT).await else {
        return Ok(false);
    };
    drop(call);
    let after = bench.seen_late().await;
    let set = after.set - before.set;
    if set > fault.sendings() {
        return Err(format!(
            "dropped at wait {pending}, it set the password {set} times"
        ));
    }
    match (before.abandoned, after.abandoned) {
        (Some(before), Some(after)) if after != before + 1 => Err(format!(
            "dropped at wait {pending}, it left {} records of that",
            after - before
        )),
        _ => bench.no_secret_in(None).map(|()| true),
    }
}
