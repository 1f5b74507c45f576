//! The journal: the intent of each row before it is sent, and its outcome after.
//!
//! An SQLite database that contains no secrets. A row goes from `pending` to `sending`, and then to `applied`,
//! `not applied` or `unknown`. `sending` is durable before the request leaves: a row that is `sending` after a crash
//! becomes `unknown`, and a row that is `pending` was never sent. Rows and outcomes are appended; which ranges of rows are
//! being sent is recorded until each of their rows has its outcome.

mod attempts;
mod clock;
mod reader;
mod report_row;
mod schema;
mod summary;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use attempts::OpenRange;
pub(crate) use attempts::{AttemptEnd, AttemptStart, EndKind};
pub(crate) use clock::{Clock, Moment};
pub use report_row::ReportRow;
pub(crate) use summary::{JournalRow, RowPhase};
pub use summary::{ReasonCount, RowStatus, RunSummary, SessionSummary, Tally};
pub(crate) use writer::{Commit, ROW_INDEPENDENT};

use crate::BulkError;

/// The journal of one run, open for writing. There is only one writer; there may be readers.
#[derive(Debug)]
pub(crate) struct Journal {
    connection: Connection,
    // The content of the table `begun`.
    open: Vec<OpenRange>,
    clock: Clock,
}

/// A read-only view of a journal, which may be written at the same time.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    clock: Clock,
}

impl Journal {
    /// Creates a new journal.
    pub(crate) fn create(path: &Path) -> Result<Self, BulkError> {
        let journal = Self::connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        journal
            .connection
            .execute_batch(schema::TABLES)
            .map_err(unwritable)?;
        Ok(journal)
    }

    /// Opens an existing journal.
    pub(crate) fn open(path: &Path) -> Result<Self, BulkError> {
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
            open: Vec::new(),
            clock: Clock::new(),
        })
    }
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, BulkError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
        connection
            .busy_timeout(std::time::Duration::from_secs(30))
            .map_err(unreadable)?;
        schema::check(&connection)?;
        Ok(Self {
            connection,
            clock: Clock::new(),
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` needs")]
pub(crate) fn unwritable(error: rusqlite::Error) -> BulkError {
    BulkError::internal(format!("cannot write the journal: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` needs")]
pub(crate) fn unreadable(error: rusqlite::Error) -> BulkError {
    BulkError::internal(format!("cannot read the journal: {error}"))
}
