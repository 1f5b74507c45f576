//! A storm of lost answers, and how it is settled.

use std::sync::Arc;

use repass::{CallContext, Outcome, Password, PasswordChange, PasswordService, Resolution};
use repass_conformance::{AnswerPart, By, Ending, Fault, When};
use repass_sandbox::Provider;
use tokio::task::JoinSet;

use crate::services::full_stack;
use crate::worlds::Place;

const CHANGES: u32 = 300;

const LOSSES: [Fault; 12] = [
    Fault::AnswerCut(When::Applied, AnswerPart::Nothing, Ending::Fin),
    Fault::AnswerCut(When::Unseen, AnswerPart::Nothing, Ending::Fin),
    Fault::AnswerCut(When::Applied, AnswerPart::Nothing, Ending::Rst),
    Fault::AnswerCut(When::Unseen, AnswerPart::Nothing, Ending::Rst),
    Fault::AnswerCut(When::Applied, AnswerPart::PartOfStatusLine, Ending::Fin),
    Fault::AnswerCut(When::Unseen, AnswerPart::PartOfStatusLine, Ending::Fin),
    Fault::Fails(When::Applied, 500),
    Fault::Fails(When::Unseen, 502),
    Fault::Fails(When::Applied, 504),
    Fault::Fails(When::Unseen, 408),
    Fault::Garbled(When::Applied),
    Fault::Garbled(When::Unseen),
];

fn change(place: &Place, by: By, n: u32) -> PasswordChange {
    let user = place.user(n).parse().unwrap();
    let new = Password::new(place.password(n, 1)).unwrap();
    match by {
        By::Administrator => PasswordChange::reset(user, new),
        By::CurrentPassword => {
            let current = Password::new(repass_sandbox::numbered_password(n)).unwrap();
            PasswordChange::change(user, current, new)
        }
    }
}

async fn storm(provider: Provider, by: By) {
    let subject = full_stack("storm", provider, by, false).await;
    let place = Arc::clone(&subject.place);
    let service: Arc<dyn PasswordService> = (subject.build)(&place);
    for (n, loss) in (1..=CHANGES).zip(LOSSES.iter().cycle()) {
        place.inject(*loss, &place.user(n), 1).unwrap();
    }
    let cx = CallContext::with_budget(std::time::Duration::from_secs(120));
    let mut calls = JoinSet::new();
    for n in 1..=CHANGES {
        let (service, cx, change) = (Arc::clone(&service), cx.clone(), change(&place, by, n));
        calls.spawn(async move { (n, service.change_password(&cx, &change).await) });
    }
    let results = calls.join_all().await;
    let mut unknown = Vec::new();
    for (n, result) in results {
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
        unknown.push((n, error.unknown_outcome().unwrap().clone()));
    }

    place.sandbox.clear_faults();
    let applied = place.sandbox.changes();
    let (mut settled, mut probes) = (0, 0);
    for (n, attempt) in &unknown {
        let (user, new) = (place.user(*n), place.password(*n, 1));
        let before = place.password_requests();
        let resolution = service.resolve(&cx, attempt, &change(&place, by, *n)).await;
        let sent = place.password_requests() - before;
        assert!(sent <= 1, "{sent} probes");
        probes += sent;
        let ledger = place.sandbox.ledger();
        let last = ledger.changes.iter().rfind(|entry| entry.user == user);
        let is_new = last.is_some_and(|entry| entry.fingerprint == place.sandbox.fingerprint(&new));
        match resolution {
            Ok(Resolution::InPlace) => assert!(is_new, "{user} is said to have the new password"),
            Ok(Resolution::NotInPlace) => assert!(!is_new, "{user} is said to have the old password"),
            Ok(_) | Err(_) => continue,
        }
        settled += 1;
    }
    println!(
        "{provider}: {} unknown, {applied} of them applied; {settled} settled with {probes} probes",
        unknown.len()
    );
    assert_eq!(unknown.len(), CHANGES as usize);
    assert_eq!(
        applied,
        CHANGES as usize / 2,
        "every other one was applied, each once"
    );
    assert!(settled * 1000 >= unknown.len() * 999, "{settled} settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_lost_answers_is_settled_at_zoom() {
    storm(Provider::Zoom, By::Administrator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_lost_answers_is_settled_at_the_portal() {
    storm(Provider::Identity, By::CurrentPassword).await;
}
