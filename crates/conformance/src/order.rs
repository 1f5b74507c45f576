//! Several callers who change one user's password at once.

use std::pin::Pin;

use repass_domain::{CallContext, PasswordChange};

use crate::bench::Bench;
use crate::drive::together;
use crate::report::Verdict;
use crate::{Subject, Suite};

const CALLERS: usize = 8;

pub(crate) async fn verdict(suite: &Suite, subject: &dyn Subject) -> Verdict {
    if !subject.keeps_order() {
        return Verdict::Skipped("it promises no order".to_owned());
    }
    let bench = Bench::new(subject).await;
    let cx = CallContext::with_budget(suite.budget);
    let before = bench.world().seen().await;
    // By the current password, each of them is right only after the one before.
    let changes: Vec<PasswordChange> = (1..=CALLERS).map(|n| bench.change(n)).collect();
    let call = |change| Box::pin(bench.service.change_password(&cx, change)) as Pin<Box<_>>;
    let calls = changes.iter().map(|change| call(change) as _).collect();
    for (n, result) in together(calls).await.into_iter().enumerate() {
        if let Err(error) = result {
            return Verdict::Broken(format!("caller {} of {CALLERS} failed: {error}", n + 1));
        }
    }
    let set = bench.seen_late().await.set - before.set;
    let world = bench.world();
    if set != CALLERS as u64 {
        return Verdict::Broken(format!("{CALLERS} callers set the password {set} times"));
    }
    if !world.accepts(&world.password(CALLERS)).await {
        return Verdict::Broken("the last caller's password is not the one that stays".to_owned());
    }
    Verdict::Held
}
