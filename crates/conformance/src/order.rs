//! Several callers who change one user's password at once.

use std::pin::Pin;

use repass_domain::{CallContext, PasswordChange};

use crate::drive::together;
use crate::harness::Harness;
use crate::report::LawResult;
use crate::{Subject, Suite};

const CALLERS: usize = 8;

pub(crate) async fn result(suite: &Suite, subject: &dyn Subject) -> LawResult {
    if !subject.keeps_order() {
        return LawResult::Skipped("it promises no order".to_owned());
    }
    let harness = Harness::new(subject).await;
    let cx = CallContext::with_budget(suite.budget);
    let before = harness.env().counts().await;
    // By the current password, each of them is right only after the one before.
    let changes: Vec<PasswordChange> = (1..=CALLERS).map(|n| harness.change(n)).collect();
    let call = |change| Box::pin(harness.service.change_password(&cx, change)) as Pin<Box<_>>;
    let calls = changes.iter().map(|change| call(change) as _).collect();
    for (n, result) in together(calls).await.into_iter().enumerate() {
        if let Err(error) = result {
            return LawResult::Broken(format!("caller {} of {CALLERS} failed: {error}", n + 1));
        }
    }
    let set = harness.late_counts().await.set - before.set;
    let env = harness.env();
    if set != CALLERS as u64 {
        return LawResult::Broken(format!("{CALLERS} callers set the password {set} times"));
    }
    if !env.accepts(&env.password(CALLERS)).await {
        return LawResult::Broken("the last caller's password is not the one that stays".to_owned());
    }
    LawResult::Held
}
