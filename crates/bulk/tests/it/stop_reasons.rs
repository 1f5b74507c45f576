//! What stops a session before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use repass_bulk::{
    Canary, Hooks, Progress, RowSource, RowStatus, SessionOptions, Shutdown, StopReason, Tally,
};
use tokio::sync::watch;

use crate::world::{World, options};

fn one_at_a_time() -> SessionOptions {
    SessionOptions {
        concurrency: 1,
        ..options()
    }
}

fn pending(world: &World) -> usize {
    world
        .outcomes()
        .iter()
        .filter(|(_, outcome)| *outcome == RowStatus::Pending)
        .count()
}

#[tokio::test]
async fn session_stops_at_max_failures_and_max_unknown() {
    let users = ["nobody1", "nobody2", "lost1", "lost2", "ann"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (run, stopped) = world
        .go(
            run,
            &manifest,
            SessionOptions {
                max_failures: Some(2),
                ..one_at_a_time()
            },
        )
        .await;
    assert_eq!((stopped, pending(&world)), (StopReason::MaxFailures(2), 3));
    let (run, stopped) = world
        .go(
            run,
            &manifest,
            SessionOptions {
                max_unknown: Some(1),
                ..one_at_a_time()
            },
        )
        .await;
    assert_eq!((stopped, pending(&world)), (StopReason::MaxUnknown(1), 2));
    let (_, stopped) = world.go(run, &manifest, one_at_a_time()).await;
    assert_eq!((stopped, pending(&world)), (StopReason::Completed, 0));
}

#[tokio::test]
async fn canary_confirms_after_its_rows_have_ended() {
    let users = ["ann", "bob", "carol", "dora"];
    for (answer, expected) in [(true, StopReason::Completed), (false, StopReason::CanaryDeclined)] {
        let world = World::new(&users);
        let (run, manifest) = world.begin(&users);
        let canary = Canary {
            rows: 2,
            confirm: Box::new(move |tally| {
                assert_eq!((tally.applied, tally.pending), (2, 2));
                Box::pin(async move { answer })
            }),
        };
        let (_, stopped) = world
            .go(
                run,
                &manifest,
                SessionOptions {
                    canary: Some(canary),
                    ..options()
                },
            )
            .await;
        assert_eq!((stopped, pending(&world)), (expected, if answer { 0 } else { 2 }));
    }
}

#[tokio::test]
async fn session_stops_after_a_streak_of_row_independent_failures() {
    let users: Vec<String> = (0..100).map(|number| format!("down{number}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::FailureStreak(20, "no connection".to_owned()));
    assert!(pending(&world) > 60);
}

#[tokio::test]
async fn shutdown_drains_first_and_abandons_second() {
    let users = ["ann", "hang", "bob"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (shutdown, listen) = watch::channel(Shutdown::None);
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let observe = move |_: &repass_bulk::RowEvent<'_>| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    let going = run.execute(
        &manifest,
        vec![world.service.provider()],
        vec![RowSource::Journal],
        one_at_a_time(),
        Hooks {
            progress: Arc::new(Progress::from(Tally::default())),
            shutdown: listen,
            on_row: Box::new(observe),
        },
    );
    let signals = async {
        while world.service.sent() < 2 {
            tokio::task::yield_now().await;
        }
        shutdown.send_replace(Shutdown::Drain);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        shutdown.send_replace(Shutdown::Abandon);
    };
    let (gone, ()) = tokio::join!(going, signals);
    assert_eq!(gone.unwrap().1, StopReason::Abandoned);
    assert_eq!(
        world.outcomes(),
        [
            (2, RowStatus::Applied),
            (3, RowStatus::Unknown),
            (4, RowStatus::Pending)
        ]
    );
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn shutdown_leaves_rows_waiting_for_the_rate_limit_pending() {
    let users = ["hang", "wait1", "wait2", "ann"];
    for first in [Shutdown::Drain, Shutdown::Abandon] {
        let world = World::new(&users);
        let (run, manifest) = world.begin(&users);
        let (shutdown, listen) = watch::channel(Shutdown::None);
        let progress = Arc::new(Progress::from(run.tally().unwrap()));
        let going = run.execute(
            &manifest,
            vec![world.service.provider()],
            vec![RowSource::Journal],
            options(),
            Hooks {
                progress: Arc::clone(&progress),
                shutdown: listen,
                on_row: Box::new(|_| {}),
            },
        );
        let signals = async {
            while world.service.sent() < 2 || progress.tally().applied < 1 {
                tokio::task::yield_now().await;
            }
            // Those in line are asked about when their turn comes.
            shutdown.send_replace(first);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            world.service.up();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            shutdown.send_replace(Shutdown::Abandon);
        };
        let (gone, ()) = tokio::join!(going, signals);
        let (run, stopped) = gone.unwrap();
        assert_eq!(stopped, StopReason::Abandoned);
        let outcomes: Vec<_> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
        let pending = RowStatus::Pending;
        assert_eq!(
            outcomes,
            [RowStatus::Unknown, pending, pending, RowStatus::Applied],
            "{first:?}"
        );
        assert_eq!(progress.tally(), run.tally().unwrap());
        assert_eq!(world.service.applied("wait1"), 0);
    }
}
