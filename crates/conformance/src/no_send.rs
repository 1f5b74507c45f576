//! Calls that must not send anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use repass_domain::{CallContext, Error, ErrorKind, Outcome, UnknownOutcome};

use crate::harness::{Harness, name_of};
use crate::report::LawResult;
use crate::{OracleCounts, Subject, Suite};

pub(crate) async fn unsupported(suite: &Suite, subject: &dyn Subject) -> LawResult {
    let harness = Harness::new(subject).await;
    let changes = harness.unsupported();
    if changes.is_empty() {
        return LawResult::Skipped("it takes both authorities".to_owned());
    }
    let (cx, before) = (
        CallContext::with_budget(suite.budget),
        harness.env().counts().await,
    );
    for change in changes {
        let result = harness.service.change_password(&cx, &change).await;
        let is_refused =
            |error: &Error| error.kind() == ErrorKind::Unsupported && error.outcome() == Outcome::NotApplied;
        if !result.as_ref().is_err_and(is_refused) {
            let name = name_of(change.mode());
            return LawResult::Broken(format!(
                "it declares that it does not support {name}, but does it"
            ));
        }
    }
    silent(&before, &harness.late_counts().await).into()
}

pub(crate) async fn no_budget(subject: &dyn Subject) -> LawResult {
    let harness = Harness::new(subject).await;
    let (cx, change) = (CallContext::with_budget(Duration::ZERO), harness.change(1));
    let before = harness.env().counts().await;
    match harness.service.change_password(&cx, &change).await {
        Err(error) if error.outcome() == Outcome::NotApplied => {}
        Err(_) => return LawResult::Broken("it says unknown".to_owned()),
        Ok(_) => return LawResult::Broken("it says applied".to_owned()),
    }
    let attempt = UnknownOutcome::new(harness.service.provider());
    if harness.service.resolve(&cx, &attempt, &change).await.is_ok() {
        return LawResult::Broken("it resolves".to_owned());
    }
    silent(&before, &harness.late_counts().await).into()
}

pub(crate) async fn withheld(suite: &Suite, subject: &dyn Subject) -> LawResult {
    let harness = Harness::new(subject).await;
    if !harness.service.capabilities().before_send {
        return LawResult::Skipped("it does not await before_send".to_owned());
    }
    let before = harness.env().counts().await;
    let request = Arc::new(AtomicUsize::new(0));
    let asking = Arc::clone(&request);
    let cx = CallContext::with_budget(suite.budget).with_before_send(Arc::new(move || {
        asking.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { false })
    }));
    let result = harness.service.change_password(&cx, &harness.change(1)).await;
    if !result.is_err_and(|error| error.outcome() == Outcome::NotApplied) {
        return LawResult::Broken("it does not say that a withheld change is not applied".to_owned());
    }
    if request.load(Ordering::Relaxed) == 0 {
        return LawResult::Broken("it does not ask before it sends".to_owned());
    }
    // A token or a look at the user may have been asked for before.
    if harness.late_counts().await.set == before.set {
        LawResult::Held
    } else {
        LawResult::Broken("it sent a change that was withheld".to_owned())
    }
}

// One of each kind that files and terminals bring in: a line break, a byte order mark, an arrow key, a blank.
const UNTYPEABLE: [&str; 4] = ["{}\n", "\u{feff}{}", "{}\u{1b}[D", "{}\u{a0}"];

pub(crate) async fn typeable(suite: &Suite, subject: &dyn Subject) -> LawResult {
    let harness = Harness::new(subject).await;
    let (cx, before) = (
        CallContext::with_budget(suite.budget),
        harness.env().counts().await,
    );
    for form in UNTYPEABLE {
        let change = harness.untypeable(form);
        match harness.service.change_password(&cx, &change).await {
            Err(error)
                if (error.kind(), error.outcome()) == (ErrorKind::PasswordRefused, Outcome::NotApplied) => {}
            Err(_) => {
                return LawResult::Broken("it does not reject a password that cannot be typed".to_owned());
            }
            Ok(_) => return LawResult::Broken("it sets a password that cannot be typed".to_owned()),
        }
    }
    silent(&before, &harness.late_counts().await).into()
}

fn silent(before: &OracleCounts, after: &OracleCounts) -> Result<(), String> {
    if before.set == after.set && before.contacts == after.contacts {
        Ok(())
    } else {
        Err("it sent something".to_owned())
    }
}
