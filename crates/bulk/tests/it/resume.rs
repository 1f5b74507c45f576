//! Going on after a crash, and with what is unknown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use repass_bulk::{
    Hooks, OnUnknown, Progress, RowSource, RowStatus, Run, SecretStatus, SessionOptions, Shutdown,
    StopReason, Tally,
};
use tokio::sync::watch;

use crate::service::Service;
use crate::world::{World, options};

fn unknown_ones(on_unknown: OnUnknown) -> SessionOptions {
    SessionOptions {
        on_unknown,
        ..options()
    }
}

/// Goes on until a number of changes were sent, of which some hang, and is then gone as after a crash.
async fn crash_while_hanging(world: &World, run: Run, manifest: &repass_bulk::RunManifest, sent: usize) {
    let (_haste, listen) = watch::channel(Shutdown::None);
    let nobody = |_: &repass_bulk::RowEvent<'_>| {};
    let providers = vec![world.service.provider()];
    let going = run.execute(
        manifest,
        providers,
        vec![RowSource::Journal],
        options(),
        Hooks {
            progress: Arc::new(Progress::from(Tally::default())),
            shutdown: listen,
            on_row: Box::new(nobody),
        },
    );
    let hang = async {
        while world.service.sent() < sent {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = going => panic!("it ended"),
        () = hang => {}
    }
}

/// The journal's thread of the crashed session ends a little later than its future.
async fn open(world: &World) -> (Run, repass_bulk::RunManifest) {
    loop {
        match Run::open(&world.run()) {
            Ok(opened) => return opened,
            Err(problem) if problem.to_string().contains("another process") => tokio::task::yield_now().await,
            Err(problem) => panic!("{problem}"),
        }
    }
}

#[tokio::test]
async fn crash_makes_changes_in_flight_unknown_and_resume_sends_the_rest() {
    let users = [
        "hang1", "hang2", "hang3", "hang4", "hang5", "hang6", "hang7", "hang8", "ann", "bob",
    ];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    crash_while_hanging(&world, run, &manifest, 8).await;
    let (run, manifest) = open(&world).await;
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let outcomes = world.outcomes();
    assert!(
        outcomes[..8]
            .iter()
            .all(|(_, outcome)| *outcome == RowStatus::Unknown),
        "{outcomes:?}"
    );
    assert!(
        outcomes[8..]
            .iter()
            .all(|(_, outcome)| *outcome == RowStatus::Applied),
        "{outcomes:?}"
    );
    assert_eq!(world.records()[0].kind.as_deref(), Some("interrupted"));
    world.assert_current();
    let unknown = world
        .secrets()
        .into_iter()
        .filter(|secret| secret.state == SecretStatus::Unknown);
    assert_eq!(unknown.count(), 8);
}

#[tokio::test]
async fn crash_changes_in_flight_can_be_reissued() {
    let users = ["hang1", "hang2"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    crash_while_hanging(&world, run, &manifest, 2).await;
    let (run, _) = open(&world).await;
    assert_eq!(run.unresolved_count().unwrap(), 2);
    assert_eq!(run.tally().unwrap().unknown, 2);
}

#[tokio::test]
async fn crash_rows_waiting_for_the_rate_limit_stay_pending_and_are_sent() {
    let users = ["wait1", "hang1", "wait2", "ann"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    crash_while_hanging(&world, run, &manifest, 2).await;
    let (run, _) = open(&world).await;
    let outcomes: Vec<RowStatus> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(
        (outcomes[0], outcomes[1], outcomes[2]),
        (RowStatus::Pending, RowStatus::Unknown, RowStatus::Pending)
    );
    assert_eq!(world.records()[0].attempts, 0);
    world.service.up();
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let applied = |user| world.service.applied(user);
    assert_eq!((applied("wait1"), applied("hang1"), applied("wait2")), (1, 0, 1));
    world.assert_current();
}

#[tokio::test]
async fn attempts_count_sent_calls_not_their_retries() {
    let users = ["local", "twice", "blunt"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (mut run, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let reported: Vec<_> = world
        .records()
        .into_iter()
        .map(|row| (row.outcome, row.attempts, row.started.is_some()))
        .collect();
    assert_eq!(
        reported,
        [
            (RowStatus::NotApplied, 0, false),
            (RowStatus::Applied, 1, true),
            (RowStatus::Applied, 1, false)
        ]
    );
    let states: Vec<SecretStatus> = world.secrets().into_iter().map(|secret| secret.state).collect();
    assert_eq!(
        states,
        [
            SecretStatus::NotSent,
            SecretStatus::Current,
            SecretStatus::Current
        ]
    );
    assert_eq!(run.requeue().unwrap(), 1, "it may be sent another time");
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!((stopped, world.service.calls()), (StopReason::Completed, 4));
}

#[tokio::test]
async fn service_without_before_send_is_recorded_before_its_call() {
    let users = ["ann", "lost", "nobody", "hang"];
    let mut world = World::new(&users);
    world.service = Service::blunt(&users);
    let (run, manifest) = world.begin(&users);
    crash_while_hanging(&world, run, &manifest, 4).await;
    let (_run, _) = open(&world).await;
    let reported: Vec<_> = world.records().into_iter().map(|row| row.attempts).collect();
    assert_eq!(reported, [1, 1, 1, 1]);
    assert_eq!(world.outcomes()[3].1, RowStatus::Unknown);
}

#[tokio::test]
async fn unknown_outcome_is_left_resolved_or_reissued_by_option() {
    let users = ["lost", "vain", "ann"];
    for (on_unknown, expected) in [
        (
            OnUnknown::Leave,
            [RowStatus::Unknown, RowStatus::Unknown, RowStatus::Applied],
        ),
        (
            OnUnknown::Resolve,
            [RowStatus::Applied, RowStatus::NotApplied, RowStatus::Applied],
        ),
        (
            OnUnknown::Reissue,
            [RowStatus::Applied, RowStatus::Applied, RowStatus::Applied],
        ),
    ] {
        let world = World::new(&users);
        let (run, manifest) = world.begin(&users);
        let (_, stopped) = world.go(run, &manifest, unknown_ones(on_unknown)).await;
        assert_eq!(stopped, StopReason::Completed);
        let outcomes: Vec<RowStatus> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(outcomes, expected, "{on_unknown:?}");
        world.assert_current();
        let applied = usize::from(on_unknown == OnUnknown::Reissue) + 1;
        assert_eq!(world.service.applied("lost"), applied, "{on_unknown:?}");
    }
}

#[tokio::test]
async fn later_session_resolves_with_the_sealed_passwords() {
    let users = ["lost", "vain", "ann"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (run, _) = world.go(run, &manifest, options()).await;
    let secrets = RowSource::Secrets {
        place: repass_bulk::SecretsPlace::File(world.secrets_file()),
        key: world.key(),
    };
    let (_, stopped) = world.feed(run, &manifest, vec![secrets], options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let outcomes: Vec<RowStatus> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(
        outcomes,
        [RowStatus::Applied, RowStatus::NotApplied, RowStatus::Applied]
    );
    world.assert_current();
    assert_eq!(world.service.calls(), 3, "a probe is no change");
}

/// Far longer than any test.
const AN_HOUR: Duration = Duration::from_secs(3600);

fn secrets_of(world: &World) -> RowSource {
    RowSource::Secrets {
        place: repass_bulk::SecretsPlace::File(world.secrets_file()),
        key: world.key(),
    }
}

fn states(world: &World) -> Vec<SecretStatus> {
    world.secrets().into_iter().map(|secret| secret.state).collect()
}

#[tokio::test]
async fn probe_within_the_in_flight_window_proves_nothing() {
    let world = World::new(&["late"]);
    let (run, manifest) = world.begin(&["late"]);
    let early = |on_unknown| SessionOptions {
        in_flight_window: AN_HOUR,
        ..unknown_ones(on_unknown)
    };
    // In the run, and when it is gone on with.
    let (run, stopped) = world.go(run, &manifest, early(OnUnknown::Resolve)).await;
    assert_eq!(
        (stopped, world.service.probes().len()),
        (StopReason::Completed, 1)
    );
    assert_eq!(world.outcomes(), [(2, RowStatus::Unknown)]);
    let message = world.records()[0].message.clone().unwrap();
    assert!(message.contains("proves nothing yet"), "{message}");
    let (mut run, _) = world
        .feed(
            run,
            &manifest,
            vec![secrets_of(&world)],
            early(OnUnknown::Resolve),
        )
        .await;
    assert_eq!(world.service.probes().len(), 2);
    assert_eq!(world.outcomes(), [(2, RowStatus::Unknown)]);
    assert_eq!(states(&world), [SecretStatus::Unknown]);
    // A plain resume sends nothing.
    assert_eq!(run.requeue().unwrap(), 0);
    let (run, _) = world.go(run, &manifest, early(OnUnknown::Leave)).await;
    assert_eq!(world.service.calls(), 1);
    // It lands, and a probe says so at any time.
    world.service.up();
    let (_, _) = world
        .feed(run, &manifest, vec![secrets_of(&world)], early(OnUnknown::Leave))
        .await;
    assert_eq!(world.outcomes(), [(2, RowStatus::Applied)]);
    assert_eq!(
        (states(&world), world.service.applied("late")),
        (vec![SecretStatus::Current], 1)
    );
    world.assert_current();
}

#[tokio::test]
async fn probe_after_the_in_flight_window_proves_not_applied() {
    let world = World::new(&["vain", "ann"]);
    let (run, manifest) = world.begin(&["vain", "ann"]);
    let (run, _) = world.go(run, &manifest, options()).await;
    drop(run);
    let (run, manifest) = Run::open(&world.run()).unwrap();
    let bound = Duration::from_millis(20);
    tokio::time::sleep(bound).await;
    let late = SessionOptions {
        in_flight_window: bound,
        ..options()
    };
    let (mut run, _) = world.feed(run, &manifest, vec![secrets_of(&world)], late).await;
    assert_eq!(world.outcomes()[0], (2, RowStatus::NotApplied));
    assert_eq!(states(&world), [SecretStatus::Refused, SecretStatus::Current]);
    assert_eq!(
        run.requeue().unwrap(),
        1,
        "it is settled, so it may be sent another time"
    );
}

#[tokio::test]
async fn probe_too_early_is_repeated_within_the_session() {
    let users = ["vain", "wait"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let bound = SessionOptions {
        in_flight_window: Duration::from_millis(20),
        ..unknown_ones(OnUnknown::Resolve)
    };
    let going = world.go(run, &manifest, bound);
    let other = async {
        while world.service.probes().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.service.up();
    };
    let ((_, stopped), ()) = tokio::join!(going, other);
    assert_eq!(
        (stopped, world.service.probes().len()),
        (StopReason::Completed, 2)
    );
    assert_eq!(
        world.outcomes(),
        [(2, RowStatus::NotApplied), (3, RowStatus::Applied)]
    );
}

#[tokio::test]
async fn reissue_waits_for_the_in_flight_window() {
    let bound = Duration::from_millis(300);
    for in_one_session in [true, false] {
        let world = World::new(&["lost", "ann"]);
        let (run, manifest) = world.begin(&["lost", "ann"]);
        let reissue = || SessionOptions {
            in_flight_window: bound,
            ..unknown_ones(OnUnknown::Reissue)
        };
        let start = Instant::now();
        let run = if in_one_session {
            world.go(run, &manifest, reissue()).await.0
        } else {
            let (run, _) = world.go(run, &manifest, options()).await;
            assert_eq!(run.unresolved_count().unwrap(), 1);
            let sources = vec![RowSource::Reissue, RowSource::Journal];
            world.feed(run, &manifest, sources, reissue()).await.0
        };
        assert!(start.elapsed() >= bound, "{:?}", start.elapsed());
        assert_eq!(
            world.outcomes(),
            [(2, RowStatus::Applied), (3, RowStatus::Applied)]
        );
        assert_eq!(world.service.applied("lost"), 2);
        let (candidate, current) = (SecretStatus::Candidate, SecretStatus::Current);
        assert_eq!(states(&world), [candidate, current, candidate]);
        // A later probe shows which one it is.
        assert_eq!(run.unresolved_count().unwrap(), 1);
        let (run, _) = world
            .feed(run, &manifest, vec![secrets_of(&world)], options())
            .await;
        assert_eq!(states(&world), [SecretStatus::Superseded, current, current]);
        assert_eq!(
            (run.unresolved_count().unwrap(), world.service.probes().len()),
            (0, 1)
        );
        assert_eq!(world.outcomes()[0].1, RowStatus::Applied);
        world.assert_current();
    }
}

#[tokio::test]
async fn reissue_pending_is_not_sent_by_a_plain_resume() {
    let world = World::new(&["lost"]);
    let (run, manifest) = world.begin(&["lost"]);
    let (run, _) = world.go(run, &manifest, options()).await;
    let (shutdown, listen) = watch::channel(Shutdown::None);
    let progress = Arc::new(Progress::from(run.tally().unwrap()));
    let going = run.execute(
        &manifest,
        vec![world.service.provider()],
        vec![RowSource::Reissue, RowSource::Journal],
        SessionOptions {
            in_flight_window: AN_HOUR,
            ..unknown_ones(OnUnknown::Reissue)
        },
        Hooks {
            progress: Arc::clone(&progress),
            shutdown: listen,
            on_row: Box::new(|_| {}),
        },
    );
    let interrupt = async {
        while progress.awaiting_reissue() == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.send_replace(Shutdown::Drain);
    };
    let (gone, ()) = tokio::join!(going, interrupt);
    let (mut run, stopped) = gone.unwrap();
    assert_eq!(stopped, StopReason::Drained);
    assert_eq!(run.requeue().unwrap(), 0);
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!((stopped, world.service.calls()), (StopReason::Completed, 1));
    assert_eq!(world.outcomes(), [(2, RowStatus::Unknown)]);
}

#[tokio::test]
async fn reissue_rejected_leaves_the_first_password_unknown() {
    // With users there for whom the provider is down or who are unknown there, the fresh one is refused.
    for refusal in ["down-lost", "lost"] {
        let users = [refusal];
        let mut world = World::new(&["lost", "down-lost"]);
        let (run, manifest) = world.begin(&users);
        world.service = Service::losing(&users);
        let (run, _) = world.go(run, &manifest, options()).await;
        let set = Arc::clone(&world.service);
        assert_eq!(world.outcomes(), [(2, RowStatus::Unknown)]);
        world.service = if refusal == "lost" {
            Service::new(&["bob"])
        } else {
            Service::new(&users)
        };
        let sources = vec![RowSource::Reissue, RowSource::Journal];
        let (mut run, _) = world
            .feed(run, &manifest, sources, unknown_ones(OnUnknown::Reissue))
            .await;
        assert_eq!(world.outcomes(), [(2, RowStatus::Unknown)]);
        assert_eq!(states(&world), [SecretStatus::Unknown, SecretStatus::Refused]);
        assert_eq!(run.requeue().unwrap(), 0, "an unknown sending stands behind it");
        world.service = set;
        let (run, _) = world
            .feed(run, &manifest, vec![secrets_of(&world)], options())
            .await;
        assert_eq!(world.outcomes(), [(2, RowStatus::Applied)]);
        assert_eq!(states(&world), [SecretStatus::Current, SecretStatus::Refused]);
        assert_eq!(run.unresolved_count().unwrap(), 0);
        world.assert_current();
    }
}

#[tokio::test]
async fn requeue_takes_only_row_independent_failures() {
    let users = ["down", "nobody", "ann"];
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (mut run, _) = world.go(run, &manifest, options()).await;
    world.service.up();
    assert_eq!(run.requeue().unwrap(), 1);
    let (_, _) = world.go(run, &manifest, options()).await;
    let reported: Vec<_> = world
        .records()
        .into_iter()
        .map(|row| (row.outcome, row.attempts))
        .collect();
    assert_eq!(
        reported,
        [
            (RowStatus::Applied, 2),
            (RowStatus::NotApplied, 1),
            (RowStatus::Applied, 1)
        ]
    );
    world.assert_current();
}

/// As a full disk leaves two rows: both were begun, and only one outcome could be written.
fn half_written() -> (World, Run, repass_bulk::RunManifest) {
    let world = World::new(&["ann", "bob"]);
    let (run, manifest) = world.begin(&["ann", "bob"]);
    let journal = rusqlite::Connection::open(world.run().join("journal.sqlite")).unwrap();
    journal
        .execute_batch(
            "INSERT INTO begun SELECT 1, min(line), max(line), 1, 1, 1, 0, NULL FROM rows;
             INSERT INTO outcomes SELECT min(line), 3, 0, 1, 1, 1, 1, 2, 'unreachable', NULL, NULL, NULL FROM rows",
        )
        .unwrap();
    (world, run, manifest)
}

#[tokio::test]
async fn outcome_that_could_not_be_written_is_unknown() {
    let nothing: fn(&mut Run) = |_| {};
    for (before, source, calls, expected) in [
        (
            nothing,
            RowSource::Journal,
            0,
            [RowStatus::NotApplied, RowStatus::Unknown],
        ),
        (
            |run| assert_eq!(run.requeue().unwrap(), 1),
            RowSource::Journal,
            1,
            [RowStatus::Applied, RowStatus::Unknown],
        ),
        (
            nothing,
            RowSource::Reissue,
            1,
            [RowStatus::NotApplied, RowStatus::Applied],
        ),
    ] {
        let (world, mut run, manifest) = half_written();
        before(&mut run);
        let (_, stopped) = world.feed(run, &manifest, vec![source], options()).await;
        assert_eq!((stopped, world.service.calls()), (StopReason::Completed, calls));
        let outcomes: Vec<_> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(outcomes, expected);
        let journal = rusqlite::Connection::open(world.run().join("journal.sqlite")).unwrap();
        let begun: u64 = journal
            .query_row("SELECT count(*) FROM begun", [], |row| row.get(0))
            .unwrap();
        assert_eq!(begun, 0);
    }
}
