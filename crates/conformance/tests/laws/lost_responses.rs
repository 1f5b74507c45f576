//! A storm of lost responses, and how it is settled.

use std::sync::Arc;

use repass::{CallContext, Outcome, Password, PasswordChange, PasswordService, Resolution};
use repass_conformance::{Ending, Fault, ResponsePart, SubjectMode, Timing};
use repass_sandbox::Provider;
use tokio::task::JoinSet;

use crate::services::full_stack;
use crate::test_envs::Fixture;

const CHANGES: u32 = 300;

const LOSSES: [Fault; 12] = [
    Fault::ResponseCut(Timing::AfterApply, ResponsePart::Nothing, Ending::Fin),
    Fault::ResponseCut(Timing::BeforeApply, ResponsePart::Nothing, Ending::Fin),
    Fault::ResponseCut(Timing::AfterApply, ResponsePart::Nothing, Ending::Rst),
    Fault::ResponseCut(Timing::BeforeApply, ResponsePart::Nothing, Ending::Rst),
    Fault::ResponseCut(Timing::AfterApply, ResponsePart::PartOfStatusLine, Ending::Fin),
    Fault::ResponseCut(Timing::BeforeApply, ResponsePart::PartOfStatusLine, Ending::Fin),
    Fault::Fails(Timing::AfterApply, 500),
    Fault::Fails(Timing::BeforeApply, 502),
    Fault::Fails(Timing::AfterApply, 504),
    Fault::Fails(Timing::BeforeApply, 408),
    Fault::Garbled(Timing::AfterApply),
    Fault::Garbled(Timing::BeforeApply),
];

fn change(fixture: &Fixture, mode: SubjectMode, n: u32) -> PasswordChange {
    let user = fixture.user(n).parse().unwrap();
    let new = Password::new(fixture.password(n, 1)).unwrap();
    match mode {
        SubjectMode::AdminReset => PasswordChange::reset(user, new),
        SubjectMode::SelfService => {
            let current = Password::new(repass_sandbox::numbered_password(n)).unwrap();
            PasswordChange::change(user, current, new)
        }
    }
}

async fn storm(provider: Provider, mode: SubjectMode) {
    let subject = full_stack("storm", provider, mode, false).await;
    let fixture = Arc::clone(&subject.fixture);
    let service: Arc<dyn PasswordService> = (subject.build)(&fixture);
    for (n, loss) in (1..=CHANGES).zip(LOSSES.iter().cycle()) {
        fixture.inject(*loss, &fixture.user(n), 1).unwrap();
    }
    let cx = CallContext::with_budget(std::time::Duration::from_secs(120));
    let mut calls = JoinSet::new();
    for n in 1..=CHANGES {
        let (service, cx, change) = (Arc::clone(&service), cx.clone(), change(&fixture, mode, n));
        calls.spawn(async move { (n, service.change_password(&cx, &change).await) });
    }
    let results = calls.join_all().await;
    let mut unknown = Vec::new();
    for (n, result) in results {
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
        unknown.push((n, error.unknown_outcome().unwrap().clone()));
    }

    fixture.sandbox.clear_faults();
    let applied = fixture.sandbox.changes();
    let (mut settled, mut probes) = (0, 0);
    for (n, attempt) in &unknown {
        let (user, new) = (fixture.user(*n), fixture.password(*n, 1));
        let before = fixture.password_requests();
        let resolution = service.resolve(&cx, attempt, &change(&fixture, mode, *n)).await;
        let sent = fixture.password_requests() - before;
        assert!(sent <= 1, "{sent} probes");
        probes += sent;
        let ledger = fixture.sandbox.ledger();
        let last = ledger.changes.iter().rfind(|entry| entry.user == user);
        let is_new = last.is_some_and(|entry| entry.fingerprint == fixture.sandbox.fingerprint(&new));
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
async fn lost_responses_are_resolved_at_zoom() {
    storm(Provider::Zoom, SubjectMode::AdminReset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_responses_are_resolved_at_the_portal() {
    storm(Provider::Identity, SubjectMode::SelfService).await;
}
