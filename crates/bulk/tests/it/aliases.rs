//! One account under several names.

use repass_bulk::{OnUnknown, RowSource, RowStatus, Run, SecretStatus, SessionOptions, StopReason};

use crate::service::Service;
use crate::world::{World, options};

fn world(users: &[&str]) -> World {
    let mut world = World::new(&[]);
    world.service = Service::aliased(users);
    world
}

fn duplicates(world: &World) -> Vec<(u64, String)> {
    let records = world.records().into_iter();
    records
        .filter(|row| row.kind.as_deref() == Some("duplicate_row"))
        .map(|row| {
            let message = row.message.unwrap();
            (row.line, message.split(':').next().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn account_with_two_names_is_changed_once() {
    for rows in [
        ["ann", "mail-ann", "bob", "mail-nobody"],
        ["mail-ann", "ann", "bob", "mail-nobody"],
    ] {
        let world = world(&["ann", "bob"]);
        let (run, manifest) = world.begin(&rows);
        let (_, stopped) = world.go(run, &manifest, options()).await;
        assert_eq!(stopped, StopReason::Completed);
        assert_eq!(
            (world.service.applied("ann"), world.service.applied("bob")),
            (1, 1)
        );
        assert_eq!(duplicates(&world), [(3, "duplicate of line 2".to_owned())]);
        assert_eq!(world.records()[3].kind.as_deref(), Some("user_not_found"));
        let mut current = Vec::new();
        for secret in world.secrets() {
            match secret.state {
                SecretStatus::Current => current.push((secret.line, secret.password)),
                state => assert_eq!((secret.line > 2, state), (true, SecretStatus::NotSent)),
            }
        }
        assert_eq!(current.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
        assert!(world.service.accepts("ann", &current[0].1));
    }
}

#[tokio::test]
async fn names_that_the_provider_takes_for_one_are_changed_once() {
    let mut world = World::new(&[]);
    world.service = Service::without_case(&["ann", "ANN", "bob"]);
    let (run, manifest) = world.begin(&["ann", "ANN", "bob"]);
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    assert_eq!(
        (world.service.applied("ann"), world.service.applied("ANN")),
        (1, 0)
    );
    assert_eq!(duplicates(&world), [(3, "duplicate of line 2".to_owned())]);
}

#[tokio::test]
async fn account_changed_by_an_earlier_session_is_a_duplicate() {
    for rows in [["mail-lost", "lost"], ["lost", "mail-lost"]] {
        let world = world(&["lost"]);
        let (run, manifest) = world.begin(&rows);
        let one = SessionOptions {
            concurrency: 1,
            max_unknown: Some(1),
            ..options()
        };
        let (run, stopped) = world.go(run, &manifest, one).await;
        assert_eq!(stopped, StopReason::MaxUnknown(1));
        assert_eq!(world.outcomes()[1], (3, RowStatus::Pending));
        drop(run);
        let (run, manifest) = Run::open(&world.run()).unwrap();
        let (run, stopped) = world.go(run, &manifest, options()).await;
        assert_eq!(stopped, StopReason::Completed);
        assert_eq!(
            world.outcomes(),
            [(2, RowStatus::Unknown), (3, RowStatus::NotApplied)]
        );
        assert_eq!(duplicates(&world), [(3, "duplicate of line 2".to_owned())]);
        assert_eq!(world.service.calls(), 1);
        // The row itself may be sent again, and is no duplicate of itself.
        let again = SessionOptions {
            on_unknown: OnUnknown::Reissue,
            ..options()
        };
        let (_, stopped) = world.feed(run, &manifest, vec![RowSource::Reissue], again).await;
        assert_eq!(stopped, StopReason::Completed);
        assert_eq!(world.outcomes()[0], (2, RowStatus::Applied));
    }
}
