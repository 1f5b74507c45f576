//! Going on after a crash, and with what is unknown.

use std::sync::Arc;

use repass_bulk::{
    Controls, Haste, OnUnknown, Operator, Outcome, Progress, Run, SecretState, Source, Stopped, Tally,
};
use tokio::sync::watch;

use crate::service::Service;
use crate::world::{World, controls};

fn unknown_ones(on_unknown: OnUnknown) -> Controls {
    Controls {
        on_unknown,
        ..controls()
    }
}

/// Goes on until so many calls hang, and is then gone as after a crash.
async fn crash_while_hanging(world: &World, run: Run, terms: &repass_bulk::Terms, calls: usize) {
    let (_haste, listen) = watch::channel(Haste::None);
    let nobody = |_: &repass_bulk::Event<'_>| {};
    let providers = vec![world.service.provider()];
    let going = run.go(
        terms,
        providers,
        vec![Source::Journal],
        controls(),
        Operator {
            progress: Arc::new(Progress::from(Tally::default())),
            haste: listen,
            observe: Box::new(nobody),
        },
    );
    let hang = async {
        while world.service.calls() < calls {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = going => panic!("it ended"),
        () = hang => {}
    }
}

/// The journal's thread of the crashed session ends a little later than its future.
async fn open(world: &World) -> (Run, repass_bulk::Terms) {
    loop {
        match Run::open(&world.run()) {
            Ok(opened) => return opened,
            Err(problem) if problem.to_string().contains("another process") => tokio::task::yield_now().await,
            Err(problem) => panic!("{problem}"),
        }
    }
}

#[tokio::test]
async fn what_was_under_way_in_a_crash_is_unknown_and_the_rest_goes_on() {
    let users = [
        "hang1", "hang2", "hang3", "hang4", "hang5", "hang6", "hang7", "hang8", "ann", "bob",
    ];
    let world = World::new(&users);
    let (run, terms) = world.begin(&users);
    crash_while_hanging(&world, run, &terms, 8).await;
    let (run, terms) = open(&world).await;
    let (_, stopped) = world.go(run, &terms, controls()).await;
    assert_eq!(stopped, Stopped::Done);
    let outcomes = world.outcomes();
    assert!(
        outcomes[..8]
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Unknown),
        "{outcomes:?}"
    );
    assert!(
        outcomes[8..]
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Applied),
        "{outcomes:?}"
    );
    assert_eq!(world.records()[0].kind.as_deref(), Some("interrupted"));
    world.assert_current();
    let unknown = world
        .secrets()
        .into_iter()
        .filter(|secret| secret.state == SecretState::Unknown);
    assert_eq!(unknown.count(), 8);
}

#[tokio::test]
async fn what_was_under_way_in_a_crash_can_be_reissued_at_once() {
    let users = ["hang1", "hang2"];
    let world = World::new(&users);
    let (run, terms) = world.begin(&users);
    crash_while_hanging(&world, run, &terms, 2).await;
    let (mut run, _) = open(&world).await;
    assert_eq!(run.reissue().unwrap(), 2);
}

#[tokio::test]
async fn an_unknown_outcome_is_left_settled_or_reissued_as_is_wanted() {
    let users = ["lost", "vain", "ann"];
    for (on_unknown, expected) in [
        (
            OnUnknown::Leave,
            [Outcome::Unknown, Outcome::Unknown, Outcome::Applied],
        ),
        (
            OnUnknown::Resolve,
            [Outcome::Applied, Outcome::NotApplied, Outcome::Applied],
        ),
        (
            OnUnknown::Reissue,
            [Outcome::Applied, Outcome::Applied, Outcome::Applied],
        ),
    ] {
        let world = World::new(&users);
        let (run, terms) = world.begin(&users);
        let (_, stopped) = world.go(run, &terms, unknown_ones(on_unknown)).await;
        assert_eq!(stopped, Stopped::Done);
        let outcomes: Vec<Outcome> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(outcomes, expected, "{on_unknown:?}");
        world.assert_current();
        let applied = usize::from(on_unknown == OnUnknown::Reissue) + 1;
        assert_eq!(world.service.applied("lost"), applied, "{on_unknown:?}");
    }
}

#[tokio::test]
async fn a_later_session_settles_with_the_sealed_passwords() {
    let users = ["lost", "vain", "ann"];
    let world = World::new(&users);
    let (run, terms) = world.begin(&users);
    let (run, _) = world.go(run, &terms, controls()).await;
    let secrets = Source::Secrets {
        path: world.secrets_file(),
        key: world.key(),
    };
    let (_, stopped) = world.feed(run, &terms, vec![secrets], controls()).await;
    assert_eq!(stopped, Stopped::Done);
    let outcomes: Vec<Outcome> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Applied, Outcome::NotApplied, Outcome::Applied]
    );
    world.assert_current();
    assert_eq!(world.service.calls(), 3, "a probe is no change");
}

#[tokio::test]
async fn a_later_session_reissues_and_the_first_password_is_superseded() {
    let users = ["lost", "vain"];
    let world = World::new(&users);
    let (run, terms) = world.begin(&users);
    let (mut run, _) = world.go(run, &terms, controls()).await;
    assert_eq!(run.reissue().unwrap(), 2);
    assert_eq!(
        run.tally().unwrap().unknown,
        2,
        "they stay unknown until one is applied"
    );
    let (_, stopped) = world.go(run, &terms, controls()).await;
    assert_eq!(stopped, Stopped::Done);
    assert!(
        world
            .outcomes()
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Applied)
    );
    world.assert_current();
    let states: Vec<SecretState> = world.secrets().into_iter().map(|secret| secret.state).collect();
    let (old, new) = (SecretState::Superseded, SecretState::Current);
    assert_eq!(states, [old, old, new, new]);
}

#[tokio::test]
async fn a_fresh_password_that_is_refused_settles_nothing() {
    let users = ["lost"];
    let mut world = World::new(&users);
    let (run, terms) = world.begin(&users);
    let (mut run, _) = world.go(run, &terms, controls()).await;
    run.reissue().unwrap();
    world.service = Service::new(&["bob"]);
    let (_, _) = world.go(run, &terms, controls()).await;
    assert_eq!(world.outcomes(), [(2, Outcome::Unknown)]);
    let states: Vec<SecretState> = world.secrets().into_iter().map(|secret| secret.state).collect();
    assert_eq!(states, [SecretState::Unknown, SecretState::Refused]);
}

#[tokio::test]
async fn a_passing_reason_is_tried_again_and_another_is_not() {
    let users = ["down", "nobody", "ann"];
    let world = World::new(&users);
    let (run, terms) = world.begin(&users);
    let (mut run, _) = world.go(run, &terms, controls()).await;
    world.service.up();
    assert_eq!(run.try_again().unwrap(), 1);
    let (_, _) = world.go(run, &terms, controls()).await;
    let told: Vec<_> = world
        .records()
        .into_iter()
        .map(|row| (row.outcome, row.attempts))
        .collect();
    assert_eq!(
        told,
        [
            (Outcome::Applied, 2),
            (Outcome::NotApplied, 1),
            (Outcome::Applied, 1)
        ]
    );
    world.assert_current();
}

/// As a full disk leaves two rows: both were begun, and only one outcome could be written.
fn half_written() -> (World, Run, repass_bulk::Terms) {
    let world = World::new(&["ann", "bob"]);
    let (run, terms) = world.begin(&["ann", "bob"]);
    let journal = rusqlite::Connection::open(world.run().join("journal.sqlite")).unwrap();
    journal
        .execute_batch(
            "INSERT INTO begun SELECT 1, min(line), max(line), 1, 1, 1 FROM rows;
             INSERT INTO outcomes SELECT min(line), 3, 0, 1, 1, 1, 1, 2, 'unreachable', NULL, NULL, NULL FROM rows",
        )
        .unwrap();
    (world, run, terms)
}

#[tokio::test]
async fn what_could_not_be_written_is_unknown_and_its_neighbour_is_tried_again() {
    let nothing: fn(&mut Run) = |_| {};
    for (before, calls, expected) in [
        (nothing, 0, [Outcome::NotApplied, Outcome::Unknown]),
        (
            |run| assert_eq!(run.try_again().unwrap(), 1),
            1,
            [Outcome::Applied, Outcome::Unknown],
        ),
        (
            |run| assert_eq!(run.reissue().unwrap(), 1),
            1,
            [Outcome::NotApplied, Outcome::Applied],
        ),
    ] {
        let (world, mut run, terms) = half_written();
        before(&mut run);
        let (_, stopped) = world.go(run, &terms, controls()).await;
        assert_eq!((stopped, world.service.calls()), (Stopped::Done, calls));
        let outcomes: Vec<_> = world.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(outcomes, expected);
        let journal = rusqlite::Connection::open(world.run().join("journal.sqlite")).unwrap();
        let begun: u64 = journal
            .query_row("SELECT count(*) FROM begun", [], |row| row.get(0))
            .unwrap();
        assert_eq!(begun, 0);
    }
}
