//! Calls that must not send anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use repass_domain::{CallContext, Error, ErrorKind, Outcome, UnknownOutcome};

use crate::bench::{Bench, name_of};
use crate::report::Verdict;
use crate::{Seen, Subject, Suite};

pub(crate) async fn unsupported(suite: &Suite, subject: &dyn Subject) -> Verdict {
    let bench = Bench::new(subject).await;
    let changes = bench.unsupported();
    if changes.is_empty() {
        return Verdict::Skipped("it takes both authorities".to_owned());
    }
    let (cx, before) = (CallContext::with_budget(suite.budget), bench.world().seen().await);
    for change in changes {
        let result = bench.service.change_password(&cx, &change).await;
        let is_refused =
            |error: &Error| error.kind() == ErrorKind::Unsupported && error.outcome() == Outcome::NotApplied;
        if !result.as_ref().is_err_and(is_refused) {
            let name = name_of(change.mode());
            return Verdict::Broken(format!("it says that it takes no {name}, and does"));
        }
    }
    silent(&before, &bench.seen_late().await).into()
}

pub(crate) async fn no_budget(subject: &dyn Subject) -> Verdict {
    let bench = Bench::new(subject).await;
    let (cx, change) = (CallContext::with_budget(Duration::ZERO), bench.change(1));
    let before = bench.world().seen().await;
    match bench.service.change_password(&cx, &change).await {
        Err(error) if error.outcome() == Outcome::NotApplied => {}
        Err(_) => return Verdict::Broken("it says unknown".to_owned()),
        Ok(_) => return Verdict::Broken("it says applied".to_owned()),
    }
    let attempt = UnknownOutcome::new(bench.service.provider());
    if bench.service.resolve(&cx, &attempt, &change).await.is_ok() {
        return Verdict::Broken("it resolves all the same".to_owned());
    }
    silent(&before, &bench.seen_late().await).into()
}

pub(crate) async fn withheld(suite: &Suite, subject: &dyn Subject) -> Verdict {
    let bench = Bench::new(subject).await;
    if !bench.service.capabilities().before_send {
        return Verdict::Skipped("it does not await before_send".to_owned());
    }
    let before = bench.world().seen().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let asking = Arc::clone(&asked);
    let cx = CallContext::with_budget(suite.budget).with_before_send(Arc::new(move || {
        asking.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { false })
    }));
    let result = bench.service.change_password(&cx, &bench.change(1)).await;
    if !result.is_err_and(|error| error.outcome() == Outcome::NotApplied) {
        return Verdict::Broken("it does not say that a withheld change is not applied".to_owned());
    }
    if asked.load(Ordering::Relaxed) == 0 {
        return Verdict::Broken("it does not ask before it sends".to_owned());
    }
    // A token or a look at the user may have been asked for before.
    if bench.seen_late().await.set == before.set {
        Verdict::Held
    } else {
        Verdict::Broken("it sent a change that was withheld".to_owned())
    }
}

// One of each kind that files and terminals bring in: a line break, a byte order mark, an arrow key, a blank.
const UNTYPEABLE: [&str; 4] = ["{}\n", "\u{feff}{}", "{}\u{1b}[D", "{}\u{a0}"];

pub(crate) async fn typeable(suite: &Suite, subject: &dyn Subject) -> Verdict {
    let bench = Bench::new(subject).await;
    let (cx, before) = (CallContext::with_budget(suite.budget), bench.world().seen().await);
    for form in UNTYPEABLE {
        let change = bench.untypeable(form);
        match bench.service.change_password(&cx, &change).await {
            Err(error)
                if (error.kind(), error.outcome()) == (ErrorKind::PasswordRefused, Outcome::NotApplied) => {}
            Err(_) => {
                return Verdict::Broken("it does not refuse a password that nobody can type".to_owned());
            }
            Ok(_) => return Verdict::Broken("it sets a password that nobody can type".to_owned()),
        }
    }
    silent(&before, &bench.seen_late().await).into()
}

fn silent(before: &Seen, after: &Seen) -> Result<(), String> {
    if before.set == after.set && before.contacts == after.contacts {
        Ok(())
    } else {
        Err("it sent something all the same".to_owned())
    }
}
