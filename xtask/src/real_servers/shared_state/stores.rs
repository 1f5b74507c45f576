//! The stores of several processes, in this one: the contract, a process that is cut off, and a database that is gone.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use repass::UserId;
use repass_bulk::BulkError;
use repass_bulk::journal::{
    AttemptEnd, AttemptStart, Commit, CopyMark, EndKind, Journal, NewRow, Part, RowPhase,
};
use repass_postgres::{Database, Membership, PostgresIdempotencyStore, Settings, SharedRuns};
use repass_sidecar::{IdempotencyStore, KeyState, KeyedRequest, StoredResponse};
use repass_testkit::idempotency_contract::{self, request, response};
use repass_testkit::journal_contract;
use repass_transport::TrustedRoots;
use tokio::runtime::{Builder, Runtime};
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::super::servers::Result;
use super::SECRET;
use super::cluster::Cluster;
use super::user_locks;

const SECOND: Duration = Duration::from_secs(1);

pub(super) async fn check(cluster: &Cluster) -> Result<()> {
    let first = database(cluster)?;
    assert_eq!(
        first.check().await?.schema_version,
        0,
        "before the first migration"
    );
    let unmigrated = Membership::join(Arc::clone(&first)).await;
    expect_refusal(unmigrated.id().map(drop), "repass shared migrate")?;
    drop(unmigrated);
    let latest = Database::SCHEMA_VERSION;
    assert_eq!(first.migrate().await?, (0, latest), "the first migration");
    assert_eq!(first.migrate().await?, (latest, latest), "repeated");
    let health = first.check().await?;
    assert_eq!(health.is_secret_shared, None, "no process has connected");
    println!(
        "  migrated; server {}, latency {:?}, clock difference {:?}",
        health.server_version, health.latency, health.clock_difference
    );
    cluster.execute("ALTER SYSTEM SET fsync TO off")?;
    cluster.restart()?;
    expect_refusal(first.check().await.map(drop), "fsync")?;
    cluster.execute("ALTER SYSTEM SET fsync TO on")?;
    cluster.restart()?;
    replication().await?;
    another_secret(cluster).await?;
    let store =
        |membership: &Arc<Membership>| Arc::new(PostgresIdempotencyStore::new(Arc::clone(membership)));
    let (ours, theirs) = (join(cluster).await?, join(cluster).await?);
    let (here, there) = (store(&ours), store(&theirs));
    idempotency_contract::check(&[Arc::clone(&here) as _, Arc::clone(&there) as _]).await;
    println!("  the contract of idempotency keys holds for two processes");
    let runs_database = database(cluster)?;
    block_in_place(|| journal(cluster, &runs_database));
    println!("  the contract of journals holds for two processes");
    lost(cluster, &here).await?;
    expired(cluster, &here).await?;
    outage(cluster, &here).await?;
    refused_response(cluster, &here).await?;
    missing_right(cluster).await?;
    user_locks::check(cluster, [database(cluster)?, database(cluster)?]).await
}

// Each access has a lease of its own, as another process has.
fn journal(cluster: &Cluster, database: &Database) {
    let open = || SharedRuns::new(database).expect("access to the runs");
    let journal = open().create("contract").expect("a new run");
    assert!(open().create("contract").is_err(), "the name is taken");
    assert!(open().open("other").is_err(), "there is no such run");
    journal_contract::check(journal, |journal| {
        drop(journal);
        let start = Instant::now();
        let journal = open().open("contract").expect("the run");
        let reader = journal.reader().expect("a reader");
        while reader.is_active().expect("the lease can be read") {
            assert!(start.elapsed() < Membership::LEASE + 2 * SECOND, "the lease ends");
            std::thread::sleep(Duration::from_millis(100));
        }
        journal
    });
    let end_lease = || {
        let end = "UPDATE repass.processes SET until = clock_timestamp() - interval '1 s'";
        cluster.execute(end).expect("the lease ends");
        // It finds out at its next renewal.
        std::thread::sleep(2 * SECOND);
    };
    journal_contract::check_neighbours(open().create("neighbours").expect("a new run"));
    journal_contract::check_parts(open().create("parts").expect("a new run"));
    journal_contract::check_given(open().create("given").expect("a new run"));
    journal_contract::check_reload(open().create("reload").expect("a new run"));
    let first = open().create("two").expect("a new run");
    journal_contract::check_two(first, open().open("two").expect("the run"));
    let first = open().create("lease").expect("a new run");
    journal_contract::check_lease(first, end_lease, || open().open("lease").expect("the run"));
    copies(cluster, &open());
    restored(cluster, &open());
    loaded_after_failover(cluster, &open());
    switched_to_asynchronous(cluster, &open());
    let second = open();
    neighbour_gone(cluster, &open(), &second);
    assert_eq!(
        open().names().expect("the runs"),
        [
            "neighbour",
            "switched",
            "loaded",
            "restored",
            "copy",
            "lease",
            "two",
            "reload",
            "given",
            "parts",
            "neighbours",
            "contract"
        ]
    );
}

// A run that is copied here cannot be opened before it is complete.
fn copies(cluster: &Cluster, runs: &SharedRuns) {
    let begin = |mark: &str| {
        let copy = runs.copy("copy", CopyMark::New(mark));
        copy.and_then(|mut copy| copy.set_fact("move", mark).map(|()| copy))
    };
    let whole = |mark: &str| runs.copy("copy", CopyMark::Whole(mark));
    let mut stopped = begin("first").expect("a copy");
    let rows = r#"[{"line":1,"user":"a","provider":1,"state":0,"unsettled":false,"batch":0,"attempts":0,"session":0,"started":0,
        "finished":0,"kind":null,"code":null,"message":null,"tracking_id":null}]"#;
    stopped.add(Part::Rows, rows).expect("rows");
    assert!(runs.open("copy").is_err(), "it is not complete");
    assert!(whole("first").is_err(), "it does not have the whole run");
    for change in [
        "DELETE FROM repass.bulk_facts WHERE name = 'move' AND value = 'removed'",
        "UPDATE repass.bulk_runs SET timeline = '0' WHERE name = 'copy'",
    ] {
        let mut copy = begin("removed").expect("it takes the place of one that was stopped");
        cluster
            .execute(change)
            .expect("it is being removed, or the database has failed over");
        assert!(copy.end(7).is_err(), "after {change}");
    }
    for _ in 0..2 {
        let mut copy = begin("second").expect("it takes the place of one that was stopped");
        copy.add(Part::Rows, rows).expect("the same rows");
        copy.end(7).expect("the end");
        assert!(
            begin("third").is_err(),
            "the run of the second may be marked as moved"
        );
    }
    assert!(stopped.end(7).is_err(), "the first is gone");
    assert!(whole("first").is_err(), "the second took its place");
    let change = "UPDATE repass.bulk_runs SET timeline = '0' WHERE name = 'copy'";
    cluster
        .execute(change)
        .expect("the database has failed over since");
    whole("second")
        .and_then(|mut copy| copy.complete())
        .expect("the same copy");
    assert!(runs.open("copy").is_ok());
    assert!(whole("second").and_then(|mut copy| copy.complete()).is_ok());
    assert!(begin("second").is_err(), "it is a run");
}

// A database that was restored from a backup may not know what was sent since.
fn restored(cluster: &Cluster, runs: &SharedRuns) {
    let mut journal = run_of(runs, "restored", 2..=2);
    let change = "UPDATE repass.bulk_runs SET timeline = '0' WHERE name = 'restored'";
    cluster.execute(change).expect("another history");
    let mut moving = runs.start_move("restored").expect("no worker is there");
    let rows = moving.part(Part::Rows, 0..=9).expect("rows");
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).expect("an array");
    assert_eq!(rows[0]["state"], 4, "it may have been sent: {rows:?}");
    moving.set_moved("mark elsewhere").expect("the mark");
    assert!(runs.start_move("restored").is_err(), "it has moved");
    assert!(journal.begin_session(1).is_err(), "it has moved");
    assert!(journal.requeue().is_err(), "it has moved");
}

fn run_of(runs: &SharedRuns, name: &str, lines: RangeInclusive<u64>) -> Box<dyn Journal> {
    let mut journal = runs.create(name).expect("a new run");
    load(&mut *journal, lines).expect("its rows");
    journal
}

fn load(journal: &mut dyn Journal, lines: RangeInclusive<u64>) -> std::result::Result<(), BulkError> {
    let provider = journal.provider_id("zoom")?;
    let user = UserId::new("user").expect("an id");
    let row = |line| NewRow {
        line,
        user: Some(&user),
        provider: Some(provider),
        invalid: None,
    };
    journal.ingest(&lines.map(row).collect::<Vec<_>>(), 1).map(drop)
}

fn start(line: u64) -> AttemptStart<'static> {
    AttemptStart {
        line,
        batch: 1,
        fresh: None,
        again: false,
        resent: false,
    }
}

// Rows that were confirmed last may be missing after a failover, in the middle of the input.
fn loaded_after_failover(cluster: &Cluster, runs: &SharedRuns) {
    let mut journal = run_of(runs, "loaded", 2..=5);
    let session = journal.begin_session(1).expect("a session");
    let starts = [start(3), start(4), start(5)];
    let kind = |line, state, kind| AttemptEnd {
        kind: Some(kind),
        ..AttemptEnd::new(line, state, 1)
    };
    let ends = [
        kind(3, RowPhase::Unknown, "timed_out"),
        kind(4, RowPhase::NotApplied, "unreachable"),
        kind(5, RowPhase::NotApplied, "password_refused"),
    ];
    for (started, ended) in [(&starts[..], &[][..]), (&[], &ends)] {
        let entries = Commit {
            started,
            ended,
            ..Commit::default()
        };
        journal.commit(&entries, session).expect("what was sent");
    }
    journal.end_session(session, 1).expect("the end");
    let change = "UPDATE repass.bulk_runs SET timeline = '0' WHERE name = 'loaded'";
    cluster.execute(change).expect("another history");
    let mut loading = runs.open("loaded").expect("the run");
    // Also after another process has noted it.
    for _ in 0..2 {
        assert!(load(&mut *loading, 6..=6).is_err());
        let refused = loading.set_fact("read_whole", "yes");
        let refused = refused.expect_err("rows may be missing");
        assert!(refused.to_string().contains("failed over"), "{refused}");
        loading.set_fact("moving", "elsewhere").expect("it is of no load");
        journal.mark_interrupted(1).expect("what was sent is unknown");
    }
    loading.mark_interrupted(1).expect("it begins once more");
    load(&mut *loading, 2..=6).expect("the whole input");
    loading.set_fact("read_whole", "yes").expect("the fact");
    let reader = journal.reader().expect("a reader");
    let rows = (2..=6).map(|line| reader.row(line).expect("the row").expect("a row"));
    // Sent for the first time, again, or again after an error that had nothing to do with the row.
    let lost = (RowPhase::Unknown, 0);
    assert_eq!(
        rows.map(|row| (row.state, row.batch)).collect::<Vec<_>>(),
        [
            lost,
            lost,
            lost,
            (RowPhase::NotApplied, 1),
            (RowPhase::Pending, 0)
        ]
    );
    assert_eq!(reader.unknown_earlier(3).expect("its attempts"), [1]);

    // Which password was sent of it is lost: the one that a probe finds in place. A probe that set an older one since leaves
    // both in doubt.
    let session = journal.begin_session(1).expect("a session");
    for (batch, set, state, expected) in [
        (7, false, RowPhase::NotApplied, (RowPhase::Unknown, 0, false)),
        (7, false, RowPhase::Applied, (RowPhase::Applied, 7, false)),
        (5, false, RowPhase::NotApplied, (RowPhase::Applied, 7, false)),
        (5, false, RowPhase::Applied, (RowPhase::Applied, 7, false)),
        (5, true, RowPhase::Applied, (RowPhase::Applied, 7, true)),
    ] {
        let probe = AttemptEnd {
            sent: EndKind::Probe { batch, set },
            ..AttemptEnd::new(2, state, 1)
        };
        let ended = Commit {
            ended: &[probe],
            ..Commit::default()
        };
        journal.commit(&ended, session).expect("its result");
        let row = reader.row(2).expect("the row").expect("a row");
        assert_eq!((row.state, row.batch, row.unsettled), expected);
    }
}

// A run that counts on its standby begins nothing without one: after a failover it would be pending.
fn switched_to_asynchronous(cluster: &Cluster, runs: &SharedRuns) {
    let mut journal = run_of(runs, "switched", 2..=2);
    let session = journal.begin_session(1).expect("a session");
    let change = "UPDATE repass.bulk_runs SET is_synchronous = true WHERE name = 'switched'";
    cluster.execute(change).expect("as if the standby had been there");
    let started = Commit {
        started: &[start(2)],
        ..Commit::default()
    };
    let refused = journal
        .commit(&started, session)
        .expect_err("there is no standby");
    assert!(refused.to_string().contains("switched off"), "{refused}");
    let session = journal.begin_session(1).expect("another session");
    journal.commit(&started, session).expect("the run counts on none");
}

// What a worker has begun that is gone is unknown soon, although another one is at work all the time.
fn neighbour_gone(cluster: &Cluster, runs: &SharedRuns, others: &SharedRuns) {
    let mut first = run_of(runs, "neighbour", 2..=200);
    let mut second = others.open("neighbour").expect("the run");
    let gone = first.begin_session(1).expect("a session");
    let there = second.begin_session(1).expect("a session");
    let (reader, other) = (
        first.reader().expect("a reader"),
        second.reader().expect("a reader"),
    );
    let line = reader.to_send(0, 1).expect("a row")[0].line;
    let started = Commit {
        started: &[start(line)],
        ..Commit::default()
    };
    first.commit(&started, gone).expect("the start");
    assert!(!other.to_send(0, 1).expect("rows").is_empty());
    let end = "UPDATE repass.processes SET until = clock_timestamp() - interval '1 s' WHERE id = (
        SELECT w.process FROM repass.bulk_workers w JOIN repass.bulk_runs r ON r.id = w.run
        WHERE r.name = 'neighbour' ORDER BY w.id LIMIT 1)";
    cluster.execute(end).expect("the lease of the first ends");
    std::thread::sleep(Membership::LEASE);
    assert!(!other.to_send(0, 1).expect("more rows").is_empty());
    let state = other.row(line).expect("the row").map(|row| row.state);
    assert_eq!(state, Some(RowPhase::Unknown));
    second.end_session(there, 1).expect("the end");
}

fn settings(cluster: &Cluster) -> Settings {
    Settings {
        url: cluster.url().into(),
        roots: TrustedRoots::default(),
        schema: Settings::DEFAULT_SCHEMA.to_owned(),
        secret: SECRET.as_bytes().to_vec().into(),
    }
}

pub(super) fn database(cluster: &Cluster) -> Result<Arc<Database>> {
    Ok(Arc::new(Database::new(&settings(cluster))?))
}

async fn join(cluster: &Cluster) -> Result<Arc<Membership>> {
    Ok(Membership::join(database(cluster)?).await)
}

fn expect_refusal<T>(result: std::result::Result<T, impl Display>, word: &str) -> Result<()> {
    match result {
        Err(error) if error.to_string().contains(word) => Ok(()),
        Err(error) => Err(format!("refused without `{word}`: {error}").into()),
        Ok(_) => Err(format!("not refused, although `{word}`").into()),
    }
}

// A standby takes no writes, and a primary may lose them in a failover unless a standby confirms them.
async fn replication() -> Result<()> {
    let primary = Cluster::start_with_successors(1)?;
    let standby = primary.start_standby()?;
    let alone = |server: &Cluster| {
        Database::new(&Settings {
            url: server.own_url().into(),
            ..settings(server)
        })
    };
    expect_refusal(alone(&standby)?.check().await.map(drop), "is a standby")?;
    alone(&primary)?.check().await?;
    primary.execute("ALTER SYSTEM SET synchronous_standby_names TO ''")?;
    primary.restart()?;
    let start = Instant::now();
    while primary.query("SELECT count(*) FROM pg_stat_replication")?.trim() != "1" {
        assert!(start.elapsed() < 30 * SECOND, "the standby connects again");
        sleep(Duration::from_millis(50)).await;
    }
    expect_refusal(alone(&primary)?.check().await.map(drop), "none is synchronous")?;
    println!("  a standby is refused, and a primary whose standby confirms nothing");
    Ok(())
}

// Its hashes would find nothing of the others. Each connection finds out, whichever process was first.
async fn another_secret(cluster: &Cluster) -> Result<()> {
    let (first, ours) = (database(cluster)?, join(cluster).await?);
    assert_eq!(first.check().await?.is_secret_shared, Some(true));
    let settings = Settings {
        secret: vec![8; 32].into(),
        ..settings(cluster)
    };
    let other = Arc::new(Database::new(&settings)?);
    assert_eq!(other.check().await?.is_secret_shared, Some(false));
    let stranger = Membership::join(other).await;
    expect_refusal(stranger.id(), "the secret is not the one")?;
    assert!(ours.id().is_ok(), "the others go on");
    cluster.execute(
        "UPDATE repass.settings SET value = value || '\\x00' WHERE name = 'secret'; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'repass'",
    )?;
    let start = Instant::now();
    while ours.id().is_ok() {
        assert!(
            start.elapsed() < Membership::LEASE + 2 * SECOND,
            "found out when it connects again"
        );
        sleep(Duration::from_millis(20)).await;
    }
    expect_refusal(ours.id(), "the secret is not the one")?;
    cluster.execute("UPDATE repass.settings SET value = substring(value FOR 32) WHERE name = 'secret'")?;
    println!("  a process with another secret is refused, at each connection");
    Ok(())
}

/// The store of a process that is suspended between two steps: nothing of it runs, its lease neither.
struct Suspended {
    runtime: Option<Runtime>,
    store: Arc<PostgresIdempotencyStore>,
}

impl Suspended {
    fn join(cluster: &Cluster) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let joined = block_in_place(|| runtime.block_on(join(cluster)))?;
        let store = block_in_place(|| runtime.block_on(async { PostgresIdempotencyStore::new(joined) }));
        Ok(Self {
            runtime: Some(runtime),
            store: Arc::new(store),
        })
    }

    fn run<T>(&self, step: impl Future<Output = T>) -> Result<T> {
        let runtime = self.runtime.as_ref().ok_or("it has ended")?;
        Ok(block_in_place(|| runtime.block_on(step)))
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

// A process is gone with a request in flight; later it stores the response after all.
async fn lost(cluster: &Cluster, here: &PostgresIdempotencyStore) -> Result<()> {
    let asked = request();
    let there = Suspended::join(cluster)?;
    assert!(matches!(
        there.run(there.store.reserve(&asked))??,
        KeyState::Reserved
    ));
    let start = Instant::now();
    let mut sent_last = Duration::ZERO;
    let attempt = loop {
        if there.store.may_send(&asked.key) {
            sent_last = start.elapsed();
        }
        match here.reserve(&asked).await? {
            KeyState::InFlight => sleep(Duration::from_millis(20)).await,
            KeyState::Lost(attempt) => break attempt,
            other => return Err(format!("a key whose process is gone: {other:?}").into()),
        }
    };
    let after = start.elapsed();
    assert_eq!(attempt.id(), asked.attempt.id(), "the handle of the lost attempt");
    assert!(sent_last < after, "it sends nothing once others take it for lost");
    assert!(after < Membership::LEASE + 2 * SECOND, "{after:?}");
    println!("  a key of a suspended process: sent until {sent_last:.1?}, lost after {after:.1?}");
    there.run(there.store.store(&asked.key, response("late")))?;
    expect_answer(here, &asked, &response("late")).await
}

// A lost key is kept for thirty days, and one of a living process for as long as that lives.
async fn expired(cluster: &Cluster, here: &PostgresIdempotencyStore) -> Result<()> {
    let (living, young, old) = (request(), request(), request());
    let gone = Suspended::join(cluster)?;
    for asked in [&young, &old] {
        assert!(matches!(
            gone.run(gone.store.reserve(asked))??,
            KeyState::Reserved
        ));
    }
    assert!(matches!(here.reserve(&living).await?, KeyState::Reserved));
    let row = |asked: &KeyedRequest| format!("position('{}' IN attempt) > 0", asked.attempt.id());
    let (kept, removed) = (
        PostgresIdempotencyStore::LOST_RETENTION.mul_f64(0.99),
        PostgresIdempotencyStore::LOST_RETENTION + SECOND,
    );
    for (asked, age) in [(&living, removed), (&young, kept), (&old, removed)] {
        cluster.execute(&format!(
            "UPDATE repass.idempotency_keys SET reserved_at = now() - interval '{} s' WHERE {}",
            age.as_secs(),
            row(asked)
        ))?;
    }
    cluster.execute(&format!(
        "UPDATE repass.processes SET until = now() - interval '1 s' \
         WHERE id = (SELECT process FROM repass.idempotency_keys WHERE {})",
        row(&old)
    ))?;
    // A process removes what has expired when it starts.
    let _new = PostgresIdempotencyStore::new(join(cluster).await?);
    let start = Instant::now();
    while !matches!(here.reserve(&old).await?, KeyState::Reserved) {
        assert!(start.elapsed() < 5 * SECOND, "removed");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(here.reserve(&young).await?, KeyState::Lost(_)));
    assert!(matches!(here.reserve(&living).await?, KeyState::InFlight));
    println!("  a lost key is kept for thirty days");
    Ok(())
}

// What is in flight may be sent and gets its response; nothing new is reserved.
async fn outage(cluster: &Cluster, store: &PostgresIdempotencyStore) -> Result<()> {
    let asked = request();
    assert!(matches!(store.reserve(&asked).await?, KeyState::Reserved));
    cluster.crash()?;
    assert!(store.may_send(&asked.key), "shorter than a lease");
    assert!(store.reserve(&request()).await.is_err(), "without a database");
    store.store(&asked.key, response("during the outage")).await;
    cluster.resume()?;
    assert!(store.flush(10 * SECOND).await, "written when it is back");
    let start = Instant::now();
    loop {
        match store.reserve(&asked).await {
            Ok(KeyState::Answered(answer)) if answer == response("during the outage") => break,
            Err(_) if start.elapsed() < 10 * SECOND => sleep(Duration::from_millis(50)).await,
            other => return Err(format!("after an outage: {other:?}").into()),
        }
    }
    println!("  a crash of the database: the response in flight was stored when it was back");
    Ok(())
}

// A row that the database refuses delays no other, and is stored once it is accepted.
async fn refused_response(cluster: &Cluster, store: &PostgresIdempotencyStore) -> Result<()> {
    cluster.execute("ALTER TABLE repass.idempotency_keys ADD CONSTRAINT refused CHECK (status <> 418)")?;
    let (bad, good) = (request(), request());
    let refused = StoredResponse {
        status: 418,
        ..response("refused at first")
    };
    for asked in [&bad, &good] {
        assert!(matches!(store.reserve(asked).await?, KeyState::Reserved));
    }
    store.store(&bad.key, refused.clone()).await;
    store.store(&good.key, response("stored")).await;
    expect_answer(store, &good, &response("stored")).await?;
    assert!(
        store.warning().is_some_and(|warning| warning.contains(": 1;")),
        "{:?}",
        store.warning()
    );
    assert!(store.check().is_ok(), "other responses are stored");
    // What waits is bounded: then nothing new is begun, though the database is there.
    let big = request();
    assert!(matches!(store.reserve(&big).await?, KeyState::Reserved));
    let filling = StoredResponse {
        body: vec![b'x'; 16 * 1024 * 1024].into(),
        ..refused.clone()
    };
    store.store(&big.key, filling).await;
    let full = store
        .reserve(&request())
        .await
        .err()
        .ok_or("no key is reserved")?;
    assert!(full.to_string().contains("2 responses wait"), "{full}");
    assert_eq!(store.check(), Err(full));
    cluster.execute("ALTER TABLE repass.idempotency_keys DROP CONSTRAINT refused")?;
    assert!(store.flush(15 * SECOND).await, "tried again");
    expect_answer(store, &bad, &refused).await?;
    assert_eq!(store.warning(), None);
    println!("  a response that was refused delayed no other");
    Ok(())
}

async fn expect_answer(
    store: &PostgresIdempotencyStore,
    asked: &KeyedRequest,
    expected: &StoredResponse,
) -> Result<()> {
    match store.reserve(asked).await? {
        KeyState::Answered(answer) if answer == *expected => Ok(()),
        other => Err(format!("instead of {expected:?}: {other:?}").into()),
    }
}

// A role without a right on one table gets no lease, also if it had the right before.
async fn missing_right(cluster: &Cluster) -> Result<()> {
    cluster.execute(
        "CREATE ROLE worker LOGIN; GRANT USAGE ON SCHEMA repass TO worker; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA repass TO worker; \
         REVOKE DELETE ON repass.idempotency_keys FROM worker",
    )?;
    let settings = Settings {
        url: cluster.url().replacen("repass@", "worker@", 1).into(),
        ..settings(cluster)
    };
    let database = Arc::new(Database::new(&settings)?);
    assert_eq!(
        database.check().await?.missing_rights,
        ["DELETE on idempotency_keys"]
    );
    let membership = Membership::join(Arc::clone(&database)).await;
    expect_refusal(membership.id(), "DELETE on idempotency_keys")?;
    cluster.execute("GRANT DELETE ON repass.idempotency_keys TO worker")?;
    assert!(database.check().await?.missing_rights.is_empty());
    let start = Instant::now();
    while membership.id().is_err() {
        assert!(start.elapsed() < 5 * SECOND, "a lease once the right is granted");
        sleep(Duration::from_millis(20)).await;
    }
    let store = PostgresIdempotencyStore::new(Arc::clone(&membership));
    let (released, stored) = (request(), request());
    for asked in [&released, &stored] {
        assert!(matches!(store.reserve(asked).await?, KeyState::Reserved));
    }
    cluster.execute("REVOKE DELETE ON repass.idempotency_keys FROM worker")?;
    store.release(&released.key);
    let start = Instant::now();
    while store.reserve(&request()).await.is_ok() {
        assert!(
            start.elapsed() < 5 * SECOND,
            "nothing new once a write lacked a right"
        );
        sleep(Duration::from_millis(20)).await;
    }
    store.store(&stored.key, response("without a right")).await;
    cluster.execute("GRANT DELETE ON repass.idempotency_keys TO worker")?;
    assert!(store.flush(15 * SECOND).await, "stored once the right is granted");
    expect_answer(&store, &stored, &response("without a right")).await?;
    assert!(matches!(store.reserve(&released).await?, KeyState::Reserved));
    cluster.execute("REVOKE INSERT ON repass.bulk_outcomes FROM worker")?;
    assert_eq!(
        database.check().await?.missing_rights,
        ["INSERT on bulk_outcomes"]
    );
    assert!(matches!(store.reserve(&request()).await?, KeyState::Reserved));
    let mut run = SharedRuns::new(&database)?.create("without a right")?;
    expect_refusal(run.begin_session(0), "INSERT on bulk_outcomes")?;
    cluster.execute(
        "GRANT INSERT ON repass.bulk_outcomes TO worker; \
         REVOKE EXECUTE ON FUNCTION repass.end_bulk_worker FROM PUBLIC",
    )?;
    expect_refusal(run.begin_session(0), "EXECUTE on end_bulk_worker")?;
    cluster.execute("GRANT EXECUTE ON FUNCTION repass.end_bulk_worker TO PUBLIC")?;
    assert!(run.begin_session(0).is_ok());
    println!("  a role that lacks a right gets no lease, and no session of a bulk run");
    Ok(())
}
