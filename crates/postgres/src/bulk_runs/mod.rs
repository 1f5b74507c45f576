//! Bulk runs that several processes work on, with their journals in the database.
//!
//! The lines of a run are free, or claimed by a worker, which is a session of one process. A worker sends only what it
//! has claimed. Each write of a worker is one transaction, which first checks that its lease lasts. When the lease is
//! over, what the worker has begun becomes unknown, because it may have been sent, and the rest of its claims free.

mod copy;
mod journal;
mod link;
mod new_rows;
mod reader;
mod sealed;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use repass_bulk::BulkError;
use repass_bulk::journal::{CopiedJournal, CopyMark, Journal, JournalReader, MovingJournal};
use tokio_postgres::Row;

use self::copy::{PostgresCopy, PostgresMove};
use self::journal::PostgresJournal;
use self::link::Link;
use self::reader::PostgresReader;
use crate::Database;

/// The bulk runs in a database that several processes share.
///
/// Its functions block, and so do those of the journals that it opens. They use connections of their own, on a thread
/// of their own, so they may be called from anywhere; only [`Journal::commit`] must not be called on a thread that runs
/// async code.
#[derive(Clone)]
pub struct SharedRuns(Arc<Link>);

/// One run, as its journal and its readers know it.
#[derive(Debug, Clone)]
struct RunHandle {
    link: Arc<Link>,
    run: i32,
    worker: Arc<Worker>,
}

/// The session of this process, if there is one: its readers claim rows for it.
#[derive(Debug, Default)]
struct Worker {
    id: std::sync::atomic::AtomicI64,
    is_ended: AtomicBool,
}

impl Worker {
    fn id(&self) -> Option<i64> {
        Some(self.id.load(Ordering::Acquire)).filter(|id| *id > 0)
    }
}

impl SharedRuns {
    /// Prepares the access to the runs in this database, and connects to nothing yet.
    ///
    /// # Errors
    /// The thread of its own cannot be started.
    pub fn new(database: &Database) -> Result<Self, BulkError> {
        Link::new(database).map(|link| Self(Arc::new(link)))
    }

    /// Creates a run under a name that no other run has.
    ///
    /// # Errors
    /// The name is taken or not usable, or the database cannot be used. Then there is no such run.
    pub fn create(&self, name: &str) -> Result<Box<dyn Journal>, BulkError> {
        check_name(name)?;
        let insert = "INSERT INTO bulk_runs (name, timeline) VALUES ($1, database_timeline()) \
                      ON CONFLICT (name) DO NOTHING RETURNING id";
        let found = self.find(insert, name)?;
        let run = found.ok_or_else(|| name_is_taken(name))?;
        Ok(Box::new(PostgresJournal::new(self.handle(run))))
    }

    /// Opens a run for a session of this process. Other processes may work on it at the same time.
    ///
    /// # Errors
    /// There is no such run, or the database cannot be used.
    pub fn open(&self, name: &str) -> Result<Box<dyn Journal>, BulkError> {
        Ok(Box::new(PostgresJournal::new(self.existing(name)?)))
    }

    /// Opens a view of a run.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reader(&self, name: &str) -> Result<Box<dyn JournalReader>, BulkError> {
        Ok(Box::new(PostgresReader::new(self.existing(name)?)))
    }

    /// Opens a copy of a run that moves here under this name, which no other run has.
    ///
    /// # Errors
    /// The name is taken or not usable, there is no such copy, or the database cannot be used.
    pub fn copy(&self, name: &str, mark: CopyMark<'_>) -> Result<Box<dyn CopiedJournal>, BulkError> {
        check_name(name)?;
        let named = |more: &str| vec![Box::new(name.to_owned()) as _, Box::new(more.to_owned()) as _];
        let (CopyMark::New(known) | CopyMark::Whole(known)) = mark;
        let id = match mark {
            CopyMark::New(mark) => {
                let clear = "SELECT clear_bulk_copy($1, $2)";
                let may_be_more = |rows: Vec<Row>| rows.first().is_some_and(|row| row.get(0));
                while may_be_more(self.0.query(clear, named(mark))?) {}
                let insert = "INSERT INTO bulk_runs (name, timeline, is_complete) VALUES ($1, database_timeline(), false) \
                              ON CONFLICT (name) DO NOTHING RETURNING id";
                self.find(insert, name)?.ok_or_else(|| name_is_taken(name))?
            }
            CopyMark::Whole(mark) => {
                let select =
                    "SELECT r.id FROM bulk_runs r JOIN bulk_facts m ON m.run = r.id AND m.name = 'move'
                    JOIN bulk_facts w ON w.run = r.id AND w.name = 'read_whole'
                    WHERE r.name = $1 AND m.value = $2";
                let rows = self.0.query(select, named(mark))?;
                let missing = || {
                    BulkError::usage(format!(
                        "the run has moved to the shared run {name}, which is not in this database; use the \
                         configuration that it was moved with, and a database that was not restored from before"
                    ))
                };
                rows.first().map(|row| row.get(0)).ok_or_else(missing)?
            }
        };
        Ok(Box::new(PostgresCopy::new(self.handle(id), known)))
    }

    /// Locks a run that moves elsewhere, so that no session begins.
    ///
    /// # Errors
    /// There is no such run, workers are at work on it, or the database cannot be used.
    pub fn start_move(&self, name: &str) -> Result<Box<dyn MovingJournal>, BulkError> {
        Ok(Box::new(PostgresMove::start(self.existing(name)?)?))
    }

    /// The names of all runs, the latest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn names(&self) -> Result<Vec<String>, BulkError> {
        let select = "SELECT name FROM bulk_runs WHERE is_complete ORDER BY created_at DESC";
        let rows = self.0.query(select, Vec::new())?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn existing(&self, name: &str) -> Result<RunHandle, BulkError> {
        let found = self.find("SELECT id FROM bulk_runs WHERE name = $1 AND is_complete", name)?;
        let run = found.ok_or_else(|| {
            BulkError::usage(format!(
                "there is no run {name} in the shared state; start it with `repass bulk run INPUT --shared --run {name}`"
            ))
        })?;
        Ok(self.handle(run))
    }

    fn find(&self, statement: &'static str, name: &str) -> Result<Option<i32>, BulkError> {
        let rows = self.0.query(statement, vec![Box::new(name.to_owned())])?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    fn handle(&self, run: i32) -> RunHandle {
        RunHandle {
            link: Arc::clone(&self.0),
            run,
            worker: Arc::default(),
        }
    }
}

impl fmt::Debug for SharedRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRuns").finish_non_exhaustive()
    }
}

fn check_name(name: &str) -> Result<(), BulkError> {
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err(BulkError::usage(
            "the name of a run has 1 to 100 bytes and no control characters; name it otherwise",
        ));
    }
    Ok(())
}

fn name_is_taken(name: &str) -> BulkError {
    BulkError::usage(format!(
        "a run {name} exists already; work on it with `repass bulk work {name}`, or name the new one otherwise"
    ))
}

// Numbers of the journal are below 2^63: lines, batches and counts.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
