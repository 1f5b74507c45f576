//! A call of the full stack, dropped at each point at which it waits.

use std::time::Duration;

use repass::{CallContext, Password, PasswordChange};
use repass_conformance::{By, Seen, Subject as _, World, until_pending};
use repass_sandbox::{Fault, Provider, When};
use tokio::time::sleep;

use crate::services::{ENOUGH, full_stack};
use crate::worlds::OverSandbox;

/// Far more than there are.
const MOST: usize = 500;

fn change(subject: &OverSandbox, world: &dyn World, n: usize) -> PasswordChange {
    let new = Password::new(world.password(n)).unwrap();
    match subject.by {
        By::Administrator => PasswordChange::reset(world.user(), new),
        By::CurrentPassword => {
            PasswordChange::change(world.user(), Password::new(world.current()).unwrap(), new)
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

/// Every answer takes its time, the token's too, so that each of them is waited for.
fn late_answers() -> Fault {
    let mut fault = Fault::default();
    fault.matching.times = u32::MAX;
    fault.action.when = When::AfterApply;
    fault.action.delay_ms = 20;
    fault
}

/// What is left of a call that was dropped after it has waited so often; `None` if it came to its end before.
async fn left_by(subject: &OverSandbox, times: usize, when: Drop) -> Option<Seen> {
    let world = subject.world().await;
    subject.place.sandbox.inject(late_answers()).unwrap();
    let (cx, service) = (CallContext::with_budget(ENOUGH), world.service());
    let first = change(subject, &*world, 1);
    let mut call = service.change_password(&cx, &first);
    if times > 0
        && let Ok(result) = until_pending(call.as_mut(), times, ENOUGH).await
    {
        assert!(result.is_ok(), "{result:?}");
        let seen = world.seen().await;
        assert_eq!((seen.set, seen.abandoned), (1, Some(0)));
        return None;
    }
    if when == Drop::Late {
        for _ in 0..20 {
            sleep(Duration::from_millis(10)).await;
            if world.seen().await.set > 0 {
                break;
            }
        }
    }
    drop(call);
    // What has left before the drop arrives.
    sleep(Duration::from_millis(10)).await;
    let seen = world.seen().await;
    if subject.by == By::Administrator {
        let next = service.change_password(&cx, &change(subject, &*world, 2)).await;
        assert!(
            next.is_ok(),
            "the user's turn and the place are free again: {next:?}"
        );
    }
    Some(seen)
}

/// At how many points a call waits, and at how many of them it was applied when it was dropped.
async fn every_await(subject: &OverSandbox, when: Drop) -> (usize, usize) {
    let (mut points, mut applied) = (0, 0);
    while let Some(seen) = left_by(subject, points, when).await {
        let name = subject.name;
        assert!(seen.set <= 1, "{name}, wait {points}: {seen:?}");
        let records = u64::from(points > 0);
        assert_eq!(seen.abandoned, Some(records), "{name}, wait {points}: {seen:?}");
        applied += usize::from(seen.set == 1);
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
async fn dropped_at_every_await_it_is_applied_at_most_once_and_on_record() {
    use By::{Administrator, CurrentPassword};
    use Provider::{Identity, Zoom};
    for (name, provider, by, tls) in [
        ("Zoom, plain", Zoom, Administrator, false),
        ("Zoom, TLS", Zoom, Administrator, true),
        ("portal change, plain", Identity, CurrentPassword, false),
        ("portal change, TLS", Identity, CurrentPassword, true),
        ("portal reset, plain", Identity, Administrator, false),
    ] {
        let subject = full_stack(name, provider, by, tls).await;
        let (points, _) = every_await(&subject, Drop::AtOnce).await;
        assert!(points > 3, "it connects, fetches a token, sends and reads");
        let (_, applied) = every_await(&subject, Drop::Late).await;
        assert!(applied > 0, "it waits for its answer");
    }
}
