//! Passwords that the input gives.

use repass_bulk::{PasswordSource, RowSource, RowStatus, Run, RunManifest, StopReason};

use crate::world::{World, options};

const TEXT: &str = "user,new_password,current_password\nann,\" New one \",\nbob,New-2,Old-Passw0rd-1\ncarol,New-3,wrong\n,x,\n";

fn manifest() -> RunManifest {
    RunManifest {
        passwords: PasswordSource::Input,
        input: None,
        provider: None,
        secrets: None,
    }
}

fn source(text: &str) -> RowSource {
    RowSource::Input {
        input: Box::new(World::input(text, PasswordSource::Input).unwrap()),
        resolve: false,
    }
}

fn reported(world: &World) -> Vec<(u64, RowStatus, Option<String>)> {
    let rows = world.records().into_iter();
    rows.map(|row| (row.line, row.outcome, row.kind)).collect()
}

fn expected() -> Vec<(u64, RowStatus, Option<String>)> {
    vec![
        (2, RowStatus::Applied, None),
        (3, RowStatus::Applied, None),
        (
            4,
            RowStatus::NotApplied,
            Some("wrong_current_password".to_owned()),
        ),
        (5, RowStatus::NotApplied, Some("invalid_row".to_owned())),
    ]
}

#[tokio::test]
async fn input_passwords_are_sent_unchanged_while_streaming() {
    let world = World::new(&["ann", "bob", "carol"]);
    let (run, _) = Run::create(&world.run(), manifest(), None).unwrap();
    let (run, stopped) = world.feed(run, &manifest(), vec![source(TEXT)], options()).await;
    assert_eq!((stopped, reported(&world)), (StopReason::Completed, expected()));
    assert!(world.service.accepts("ann", " New one ") && world.service.accepts("bob", "New-2"));
    assert!(run.is_fully_read().unwrap());
    // Once more: nothing is done twice.
    let (_, stopped) = world.feed(run, &manifest(), vec![source(TEXT)], options()).await;
    assert_eq!((stopped, world.service.calls()), (StopReason::Completed, 3));
}

#[tokio::test]
async fn input_passwords_are_read_again_for_ingested_rows() {
    let world = World::new(&["ann", "bob", "carol"]);
    let (mut run, _) = Run::create(&world.run(), manifest(), None).unwrap();
    run.ingest(World::input(TEXT, PasswordSource::Input).unwrap())
        .unwrap();
    assert_eq!(run.tally().unwrap().pending, 3);
    let (_, stopped) = world.feed(run, &manifest(), vec![source(TEXT)], options()).await;
    assert_eq!((stopped, reported(&world)), (StopReason::Completed, expected()));
}

#[tokio::test]
async fn resume_with_a_different_input_is_rejected() {
    for text in [
        "user,new_password\nbob,New-1\n",
        "user,new_password\nann,New-1\nbob,New-2\ncarol,New-3\nx,y\n\ndora,New-4\n",
    ] {
        let world = World::new(&["ann", "bob", "carol"]);
        let (mut run, _) = Run::create(&world.run(), manifest(), None).unwrap();
        run.ingest(World::input(TEXT, PasswordSource::Input).unwrap())
            .unwrap();
        let (_, stopped) = world.feed(run, &manifest(), vec![source(text)], options()).await;
        let StopReason::Error(problem) = stopped else {
            panic!("{stopped:?}")
        };
        assert!(problem.to_string().ends_with("pass the same input"), "{problem}");
    }
}
