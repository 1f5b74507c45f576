//! Writes the journal of a run.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use repass_bulk::journal::{
    Commit, Journal, JournalReader, NewRow, READ_WHOLE, ROW_INDEPENDENT, SealedStore, different_input,
};
use repass_bulk::{BulkError, Tally};
use tokio_postgres::Row;

use super::link::{CommitLink, Parameter, unusable};
use super::new_rows::NewRows;
use super::reader::PostgresReader;
use super::sealed::PostgresSealedStore;
use super::turn::{OpenRange, Turn, now};
use super::{RunHandle, signed, unsigned};
use crate::Membership;
use crate::database::within;

/// The journal of a run, for one session of this process at a time.
#[derive(Debug)]
pub(super) struct PostgresJournal {
    handle: RunHandle,
    // Of the session.
    lease: Option<(Arc<Membership>, i64)>,
    commits: Option<CommitLink>,
    // What the session has begun.
    open: Vec<OpenRange>,
    // The history of the database in which this process began to load rows.
    loaded_in: Option<String>,
    // Commits of the session, and ranges that it has begun.
    turn: i64,
    number: i64,
}

/// Why rows are unknown that a process has begun and not ended.
pub(super) const GONE: &str =
    "the process was stopped or cut off while the change was in flight; it may have been applied";

/// The kinds of errors after which `resume` sends a row again.
pub(super) fn requeued_kinds() -> Vec<String> {
    ROW_INDEPENDENT.iter().map(ToString::to_string).collect()
}

/// The error of a session that others have taken for gone.
pub(super) fn lease_is_over() -> BulkError {
    BulkError::internal(
        "this process was away from the shared state for too long, so its rows in flight are unknown and others \
         have the rest; start it again to go on",
    )
}

/// Notes that the database has failed over since, or was restored from a backup, and what that means for the rows.
fn note_timeline(handle: &RunHandle) -> Result<(), BulkError> {
    let differs = "SELECT timeline <> database_timeline() FROM bulk_runs WHERE id = $1";
    let rows = handle.link.query(differs, vec![Box::new(handle.run)])?;
    if !rows.first().is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    let (shared, run) = (handle.link.shared(), handle.run);
    handle.link.wait(async move {
        // Every row may become unknown, which takes longer than a statement may.
        let begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL statement_timeout = '10min'";
        let noted = async {
            let mut connection = within(async {
                let mut connection = shared.connection().await?;
                connection.is_in_transaction = true;
                connection.client.batch_execute(begin).await?;
                Ok(connection)
            })
            .await?;
            let note = "SELECT note_bulk_timeline($1, $2, $3, $4)";
            connection
                .query(note, &[&run, &now(), &GONE, &requeued_kinds()])
                .await?;
            within(async { Ok(connection.client.batch_execute("COMMIT").await?) }).await?;
            connection.is_in_transaction = false;
            Ok(())
        };
        match noted.await {
            Ok(()) => Ok(()),
            Err(problem) => Err(shared.give_up(&problem).await),
        }
    })
}

/// Makes the rows unknown that processes which are gone have begun.
pub(super) fn mark_workers_gone(handle: &RunHandle) -> Result<(), BulkError> {
    let mark = "SELECT mark_bulk_workers_gone($1, $2, $3)";
    let values: Vec<Parameter> = vec![Box::new(handle.run), Box::new(now()), Box::new(GONE)];
    handle.link.query(mark, values).map(drop)
}

impl PostgresJournal {
    pub(super) fn new(handle: RunHandle) -> Self {
        Self {
            handle,
            lease: None,
            commits: None,
            open: Vec::new(),
            loaded_in: None,
            turn: 0,
            number: 0,
        }
    }

    fn query(&self, statement: &'static str, more: Vec<Parameter>) -> Result<Vec<Row>, BulkError> {
        let mut parameters: Vec<Parameter> = vec![Box::new(self.handle.run)];
        parameters.extend(more);
        self.handle.link.query(statement, parameters)
    }

    // The history of the database that the run was last noted in.
    fn timeline(&self) -> Result<String, BulkError> {
        let rows = self.query("SELECT timeline FROM bulk_runs WHERE id = $1", Vec::new())?;
        let row = rows
            .first()
            .ok_or_else(|| BulkError::internal("the run is gone"))?;
        Ok(row.get(0))
    }

    fn add(&mut self, rows: NewRows, at: i64) -> Result<Tally, BulkError> {
        let timeline = match self.loaded_in.take() {
            Some(timeline) => timeline,
            None => self.timeline()?,
        };
        self.loaded_in = Some(timeline.clone());
        let (shared, run) = (self.handle.link.shared(), self.handle.run);
        self.handle.link.wait(async move {
            let added = within(async {
                let mut connection = shared.connection().await?;
                Ok(rows.add(&mut connection, run, at, &timeline).await?)
            });
            match added.await {
                Ok(added) => added.map_err(different_input),
                Err(problem) => Err(shared.give_up(&problem).await),
            }
        })
    }
}

impl Journal for PostgresJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, BulkError> {
        Ok(Box::new(PostgresReader::new(self.handle.clone())))
    }

    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError> {
        let insert = "WITH load AS MATERIALIZED (SELECT check_bulk_load($4))
            INSERT INTO bulk_facts SELECT $1, $2, $3 FROM load ON CONFLICT (run, name) DO UPDATE SET value = excluded.value";
        let timeline = self.loaded_in.clone().filter(|_| name == READ_WHOLE);
        let values: Vec<Parameter> = vec![
            Box::new(name.to_owned()),
            Box::new(value.to_owned()),
            Box::new(timeline),
        ];
        self.query(insert, values).map(drop)
    }

    fn provider_id(&mut self, name: &str) -> Result<u64, BulkError> {
        let insert = "INSERT INTO bulk_providers (run, id, name)
            SELECT $1, coalesce(max(id), 0) + 1, $2 FROM bulk_providers WHERE run = $1
            ON CONFLICT DO NOTHING";
        let select = "SELECT id FROM bulk_providers WHERE run = $1 AND name = $2";
        let values = || -> Vec<Parameter> { vec![Box::new(self.handle.run), Box::new(name.to_owned())] };
        // Another process may add one at the same time.
        for _ in 0..100 {
            if let Some(row) = self.handle.link.query(select, values())?.first() {
                return Ok(unsigned(row.get(0)));
            }
            self.handle.link.query(insert, values())?;
        }
        Err(BulkError::internal("the provider cannot be added to the run"))
    }

    fn set_limits(&mut self, provider: u64, rate: Option<f64>, longest: i64) -> Result<(), BulkError> {
        let update = "UPDATE bulk_providers SET allowed = $3, longest = $4 WHERE run = $1 AND id = $2";
        let values: Vec<Parameter> = vec![Box::new(signed(provider)), Box::new(rate), Box::new(longest)];
        self.query(update, values).map(drop)
    }

    fn set_identity(&mut self, provider: u64, identity: &str) -> Result<(), BulkError> {
        let update = "UPDATE bulk_providers SET identity = $3 WHERE run = $1 AND id = $2";
        let values: Vec<Parameter> = vec![Box::new(signed(provider)), Box::new(identity.to_owned())];
        self.query(update, values).map(drop)
    }

    fn accounts(&self) -> Result<Vec<(u64, String, u64)>, BulkError> {
        let select = "SELECT provider, account, line FROM bulk_accounts WHERE run = $1";
        let rows = self.handle.link.query(select, vec![Box::new(self.handle.run)])?;
        let account = |row: &Row| (unsigned(row.get(0)), row.get(1), unsigned(row.get(2)));
        Ok(rows.iter().map(account).collect())
    }

    fn mark_interrupted(&mut self, _: i64) -> Result<(), BulkError> {
        note_timeline(&self.handle)?;
        self.loaded_in = None;
        mark_workers_gone(&self.handle)
    }

    fn begin_session(&mut self, at: i64) -> Result<u64, BulkError> {
        note_timeline(&self.handle)?;
        let shared = self.handle.link.shared();
        let run = self.handle.run;
        let commits = CommitLink::new(&self.handle.link)?;
        // Connecting takes as long as hundreds of rows, so all connections are made at the same time.
        let begin = async move {
            tokio::spawn(Arc::clone(&shared).connect_for_seals());
            let membership = Arc::clone(shared.membership().await);
            let process = membership.id().map_err(|error| unusable(&error))?;
            let begun = within(async {
                let begin = "SELECT begin_bulk_worker($1, $2, $3, $4, $5)";
                let kinds = requeued_kinds();
                let mut connection = shared.connection().await?;
                shared.check_rights(&connection.client).await?;
                Ok(connection
                    .query(begin, &[&run, &process, &at, &GONE, &kinds])
                    .await?)
            });
            let begun = match begun.await {
                Ok(begun) => begun,
                Err(problem) => return Err(shared.give_up(&problem).await),
            };
            let worker = begun.first().map_or(0, |row| row.get(0));
            Ok(((membership, process), worker))
        };
        let (lease, worker) = thread::scope(|scope| {
            scope.spawn(|| commits.connect());
            self.handle.link.wait(begin)
        })?;
        self.lease = Some(lease);
        self.commits = Some(commits);
        (self.open, self.turn, self.number) = (Vec::new(), 0, 0);
        self.handle.worker.is_ended.store(false, Ordering::Release);
        self.handle.worker.id.store(worker, Ordering::Release);
        Ok(unsigned(worker))
    }

    fn end_session(&mut self, session: u64, at: i64) -> Result<(), BulkError> {
        self.handle.worker.is_ended.store(true, Ordering::Release);
        let end = "SELECT end_bulk_worker($1, $2, $3)";
        let values: Vec<Parameter> = vec![Box::new(self.handle.run), Box::new(signed(session)), Box::new(at)];
        self.handle.link.query(end, values).map(drop)
    }

    fn may_send(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let lease = self.lease.clone();
        Arc::new(move || {
            lease
                .as_ref()
                .is_some_and(|(membership, process)| membership.may_send(*process))
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ingest(&mut self, rows: &[NewRow<'_>], at: i64) -> Result<Tally, BulkError> {
        self.add(NewRows::of(rows, None), at)
    }

    fn ingest_sealed(&mut self, rows: &[NewRow<'_>], sealed: &[u8], at: i64) -> Result<Tally, BulkError> {
        self.add(NewRows::of(rows, Some(sealed)), at)
    }

    fn requeue(&mut self) -> Result<usize, BulkError> {
        let requeue = "SELECT requeue_bulk_rows($1, $2)";
        let values: Vec<Parameter> = vec![Box::new(self.handle.run), Box::new(requeued_kinds())];
        let rows = self.handle.link.query(requeue, values)?;
        let count = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        Ok(usize::try_from(count).unwrap_or_default())
    }

    fn commit(&mut self, entries: &Commit<'_>, session: u64) -> Result<Vec<u64>, BulkError> {
        let Some(commits) = &self.commits else {
            return Err(BulkError::internal("the run has no session in this process"));
        };
        let turn = Turn::new(
            entries,
            (self.handle.run, signed(session)),
            self.turn + 1,
            self.number,
            &self.open,
        )?;
        let written = commits.wait(turn.commit(&commits.slot))?;
        self.turn += 1;
        (self.open, self.number) = (written.open, written.number);
        Ok(written.refused)
    }

    fn sealed_store(&self) -> Option<Box<dyn SealedStore>> {
        Some(Box::new(PostgresSealedStore(self.handle.clone())))
    }
}
