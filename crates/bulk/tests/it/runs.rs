//! Runs from their beginning to their end.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use std::path::Path;

use repass_bulk::{
    Hooks, Progress, ProviderIdentity, RowSource, RowStatus, Run, RunReader, Shutdown, StopReason, Tally,
};
use tokio::sync::watch;

use crate::world::{World, options};

#[tokio::test]
async fn run_records_every_outcome_and_every_password_can_be_read_back() {
    let users = ["ann", "bob", "nobody", "ann", "a/b", "carol"];
    let world = World::new(&["ann", "bob", "carol"]);
    let (run, manifest) = world.begin(&users);
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let reported: Vec<_> = world
        .records()
        .into_iter()
        .map(|row| (row.line, row.outcome, row.kind, row.attempts))
        .collect();
    let not = |line, kind: &str, attempts| (line, RowStatus::NotApplied, Some(kind.to_owned()), attempts);
    assert_eq!(
        reported,
        [
            (2, RowStatus::Applied, None, 1),
            (3, RowStatus::Applied, None, 1),
            not(4, "user_not_found", 1),
            not(5, "duplicate_row", 0),
            not(6, "invalid_row", 0),
            (7, RowStatus::Applied, None, 1),
        ]
    );
    assert!(
        world.records()[3]
            .message
            .as_deref()
            .unwrap()
            .starts_with("duplicate of line 2")
    );
    world.assert_current();
    world.assert_nothing_in_clear();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.run()), 0o700);
    assert_eq!(mode(world.run().join("journal.sqlite")), 0o600);
    assert_eq!(mode(world.secrets_file()), 0o600);
}

#[tokio::test]
async fn rows_share_seal_batches() {
    let users: Vec<String> = (0..3000).map(|number| format!("user{number}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let world = World::new(&users);
    let (run, manifest) = world.begin(&users);
    let (run, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let facts = run.reader().unwrap().summary().unwrap();
    assert_eq!((facts.tally.rows, facts.tally.applied), (3000, 3000));
    assert!(facts.sessions[0].clean && facts.read_whole);
    world.assert_current();
    let text = std::fs::read_to_string(world.secrets_file()).unwrap();
    let batches = text.matches("BEGIN AGE").count();
    assert!((3..30).contains(&batches), "{batches}");
}

#[tokio::test]
async fn run_is_locked_by_one_process() {
    let world = World::new(&["ann"]);
    let (run, manifest) = world.begin(&["ann"]);
    assert!(RunReader::open(&world.run()).unwrap().is_active().unwrap());
    let second = Run::open(&world.run()).unwrap_err().to_string();
    assert!(
        second.contains("another process is working on this run"),
        "{second}"
    );
    drop(run);
    assert!(!RunReader::open(&world.run()).unwrap().is_active().unwrap());
    let again = Run::create(&world.run(), manifest, None).unwrap_err().to_string();
    assert!(again.contains("repass bulk resume"), "{again}");
    let none = Run::open(world.folder.path()).unwrap_err().to_string();
    assert!(none.contains("is not the directory of a run"), "{none}");
}

#[test]
fn run_with_incomplete_creation_cannot_be_opened() {
    // As a crash leaves it before its file of secrets is made: a journal that no one has begun.
    let world = World::new(&["ann"]);
    let (run, _) = world.begin(&["ann"]);
    drop(run);
    let journal = rusqlite::Connection::open(world.run().join("journal.sqlite")).unwrap();
    journal
        .execute("DELETE FROM facts WHERE name = 'begun'", [])
        .unwrap();
    let problem = Run::open(&world.run()).unwrap_err().to_string();
    assert!(
        problem.contains("before it began") && problem.contains("nothing was sent"),
        "{problem}"
    );
}

#[test]
fn run_with_a_generated_name_gets_a_number_if_it_exists() {
    let world = World::new(&["ann"]);
    let (run, manifest) = world.begin(&["ann"]);
    let mut folders = Vec::new();
    for _ in 0..2 {
        let (beside, _) = Run::create_numbered(&world.run(), manifest.clone(), None).unwrap();
        folders.push(Path::new(beside.name().as_str()).file_name().unwrap().to_owned());
    }
    assert_eq!(folders, ["run-2", "run-3"]);
    assert_eq!(run.tally().unwrap().pending, 1, "the first one is as it was");
    let nowhere = world.folder.path().join("none/run");
    assert!(Run::create_numbered(&nowhere, manifest, None).is_err());
}

#[tokio::test]
async fn run_is_bound_to_the_provider_identities_of_its_first_use() {
    let world = World::new(&["ann", "bob"]);
    let (mut run, manifest) = world.begin(&["ann"]);
    let system = |place: &str| ProviderIdentity {
        kind: "zoom".to_owned(),
        base_url: format!("https://{place}.example/v2"),
        account: None,
    };
    let (here, there) = (system("here"), system("there"));
    assert_eq!(run.bind(&[("zoom", &here)], &[]).unwrap(), ["zoom"]);
    assert!(run.bind(&[("zoom", &here)], &[]).unwrap().is_empty());
    let problem = run.bind(&[("zoom", &there)], &[]).unwrap_err().to_string();
    assert!(
        problem.contains("its base URL is https://there.example/v2"),
        "{problem}"
    );
    // A session at another one does not begin either.
    let (_haste, listen) = watch::channel(Shutdown::None);
    let gone = run.execute(
        &manifest,
        vec![world.service.provider().with_identity(there.clone())],
        vec![RowSource::Journal],
        options(),
        Hooks {
            progress: Arc::new(Progress::from(Tally::default())),
            shutdown: listen,
            on_row: Box::new(|_| {}),
        },
    );
    assert!(gone.await.is_err());
    assert_eq!(world.service.calls(), 0);
    let (mut run, _) = Run::open(&world.run()).unwrap();
    run.bind(&[("zoom", &there)], &["zoom".to_owned()]).unwrap();
    assert!(run.bind(&[("zoom", &here)], &[]).is_err());
}
