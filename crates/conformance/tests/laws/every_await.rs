//! A call of the full stack, dropped at each point at which it waits.

use std::time::Duration;

use repass::{CallContext, Password, PasswordChange};
use repass_conformance::{OracleCounts, Subject as _, SubjectMode, TestEnv, until_pending};
use repass_sandbox::{Fault, Provider, Timing};
use tokio::time::sleep;

use crate::services::{ENOUGH, full_stack};
use crate::test_envs::SandboxSubject;

/// Far more than there are.
const MOST: usize = 500;

fn change(subject: &SandboxSubject, env: &dyn TestEnv, n: usize) -> PasswordChange {
    let new = Password::new(env.password(n)).unwrap();
    match subject.mode {
        SubjectMode::AdminReset => PasswordChange::reset(env.user(), new),
        SubjectMode::SelfService => {
            PasswordChange::change(env.user(), Password::new(env.current()).unwrap(), new)
        }
    }
}

/// When a call is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drop {
    /// As soon as it waits.
    AtOnce,
    /// When the provider has made the change, or after a while.
    Late,
}

/// Every response takes its time, the token's too, so that each of them is waited for.
fn late_answers() -> Fault {
    let mut fault = Fault::default();
    fault.matching.times = u32::MAX;
    fault.action.when = Timing::AfterApply;
    fault.action.delay_ms = 20;
    fault
}

/// What is left of a call that was dropped after it has waited so often; `None` if it came to its end before.
async fn left_by(subject: &SandboxSubject, times: usize, when: Drop) -> Option<OracleCounts> {
    let env = subject.env().await;
    subject.fixture.sandbox.inject(late_answers()).unwrap();
    let (cx, service) = (CallContext::with_budget(ENOUGH), env.service());
    let first = change(subject, &*env, 1);
    let mut call = service.change_password(&cx, &first);
    if times > 0
        && let Ok(result) = until_pending(call.as_mut(), times, ENOUGH).await
    {
        assert!(result.is_ok(), "{result:?}");
        let counts = env.counts().await;
        assert_eq!((counts.set, counts.abandoned), (1, Some(0)));
        return None;
    }
    if when == Drop::Late {
        for _ in 0..20 {
            sleep(Duration::from_millis(10)).await;
            if env.counts().await.set > 0 {
                break;
            }
        }
    }
    drop(call);
    // What has left before the drop arrives.
    sleep(Duration::from_millis(10)).await;
    let counts = env.counts().await;
    if subject.mode == SubjectMode::AdminReset {
        let next = service.change_password(&cx, &change(subject, &*env, 2)).await;
        assert!(next.is_ok(), "the user's lock and slot are free again: {next:?}");
    }
    Some(counts)
}

/// At how many points a call waits, and at how many of them it was applied when it was dropped.
async fn every_await(subject: &SandboxSubject, when: Drop) -> (usize, usize) {
    let (mut points, mut applied) = (0, 0);
    while let Some(counts) = left_by(subject, points, when).await {
        let name = subject.name;
        assert!(counts.set <= 1, "{name}, wait {points}: {counts:?}");
        let records = u64::from(points > 0);
        assert_eq!(
            counts.abandoned,
            Some(records),
            "{name}, wait {points}: {counts:?}"
        );
        applied += usize::from(counts.set == 1);
        points += 1;
        assert!(points < MOST, "{name} never comes to its end");
    }
    println!(
        "{}, dropped {when:?}: {points} points, applied at {applied}",
        subject.name
    );
    (points, applied)
}

// On one thread, so that nothing happens between two waits that the call would have to wait for in another run.
#[tokio::test]
async fn call_dropped_at_any_await_is_applied_at_most_once_and_audited() {
    use Provider::{Identity, Zoom};
    use SubjectMode::{AdminReset, SelfService};
    for (name, provider, mode, tls) in [
        ("Zoom, plain", Zoom, AdminReset, false),
        ("Zoom, TLS", Zoom, AdminReset, true),
        ("portal change, plain", Identity, SelfService, false),
        ("portal change, TLS", Identity, SelfService, true),
        ("portal reset, plain", Identity, AdminReset, false),
    ] {
        let subject = full_stack(name, provider, mode, tls).await;
        let (points, _) = every_await(&subject, Drop::AtOnce).await;
        assert!(points > 3, "it connects, fetches a token, sends and reads");
        let (_, applied) = every_await(&subject, Drop::Late).await;
        assert!(applied > 0, "it waits for its answer");
    }
}
