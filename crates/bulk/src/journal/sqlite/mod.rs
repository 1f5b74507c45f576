//! The journal of a run in a directory: an SQLite database.
//!
//! Rows and outcomes are appended; which ranges of rows are being sent is recorded until each of their rows has its
//! outcome.

mod attempts;
mod clock;
mod copy;
mod reader;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use attempts::OpenRange;
use clock::{Clock, Moment};

use crate::BulkError;

/// The journal of a run in a directory: an SQLite database. There is only one writer; there may be readers.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    path: PathBuf,
    // The content of the table `begun`.
    open: Vec<OpenRange>,
    clock: Clock,
}

/// A read-only view of a journal, which may be written at the same time.
#[derive(Debug)]
pub(crate) struct SqliteReader {
    connection: Connection,
    // Locked by the process that works on the run.
    lock: PathBuf,
    clock: Clock,
}

/// The name of the file, next to the journal, that a process locks while it works on the run.
pub(crate) const LOCK: &str = "lock";

impl SqliteJournal {
    /// Creates a new journal in this file.
    ///
    /// # Errors
    /// The file cannot be created, or is a journal already.
    pub fn create(path: &Path) -> Result<Self, BulkError> {
        let journal = Self::connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        journal
            .connection
            .execute_batch(schema::TABLES)
            .map_err(unwritable)?;
        Ok(journal)
    }

    /// Opens the journal in this file, and migrates it if an earlier repass has written it.
    ///
    /// # Errors
    /// It is not a journal, or one of a later repass.
    pub fn open(path: &Path) -> Result<Self, BulkError> {
        let journal = Self::connect(path, OpenFlags::empty())?;
        schema::check(&journal.connection)?;
        schema::migrate(&journal.connection)?;
        Ok(journal)
    }

    fn connect(path: &Path, more: OpenFlags) -> Result<Self, BulkError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
        connection.execute_batch(schema::DURABLE).map_err(unwritable)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self {
            connection,
            path: path.to_owned(),
            open: Vec::new(),
            clock: Clock::new(),
        })
    }
}

impl SqliteReader {
    pub(crate) fn open(path: &Path) -> Result<Self, BulkError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
        connection
            .busy_timeout(std::time::Duration::from_secs(30))
            .map_err(unreadable)?;
        schema::check(&connection)?;
        Ok(Self {
            connection,
            lock: path.with_file_name(LOCK),
            clock: Clock::new(),
        })
    }

    // Whether a process has locked the run.
    fn is_locked(&self) -> bool {
        File::open(&self.lock).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` needs")]
fn unwritable(error: rusqlite::Error) -> BulkError {
    BulkError::internal(format!("cannot write the journal: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` needs")]
fn unreadable(error: rusqlite::Error) -> BulkError {
    BulkError::internal(format!("cannot read the journal: {error}"))
}
