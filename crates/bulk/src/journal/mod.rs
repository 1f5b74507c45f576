//! The journal: the intent of each row before it is sent, and its outcome after.
//!
//! A row goes from `pending` to `sending`, and then to `applied`, `not applied` or `unknown`. `sending` is durable before
//! the request leaves: a row that is `sending` when its process is gone becomes `unknown`, and a row that is `pending`
//! was never sent. No journal holds a password in clear.
//!
//! [`Journal`] and [`JournalReader`] are what a run needs of one. The journal of a run in a directory is an SQLite
//! database for one process; `repass-postgres` has one for the processes of several machines.

mod commit;
mod copy;
mod report_row;
mod sqlite;
mod summary;

use std::fmt::Debug;
use std::io::Read;
use std::sync::Arc;

use repass_domain::PriorState;

pub use commit::{AttemptEnd, AttemptStart, Commit, EndKind, InvalidReason, NewRow, ROW_INDEPENDENT};
pub use copy::{CopiedJournal, CopyMark, MOVED_TO, MovingJournal, Part};
pub use report_row::ReportRow;
pub use sqlite::SqliteJournal;
pub(crate) use sqlite::{LOCK, SqliteReader};
pub(crate) use summary::LOST_BATCH;
pub use summary::{JournalRow, ReasonCount, RowPhase, RowStatus, RunSummary, SessionSummary, Tally};

use crate::BulkError;

/// The name of the fact that the whole input was read.
pub const READ_WHOLE: &str = "read_whole";

/// The error of an input of which this line differs from when the run was started.
pub fn different_input(line: u64) -> BulkError {
    BulkError::usage(format!(
        "line {line} of the input differs from when the run was started; pass the same input"
    ))
}

/// The journal of one run, open for writing by one process.
///
/// What a function has written is durable when it returns. An error means that nothing of it was written, or that it
/// is not known whether it was; then the same may be written again.
pub trait Journal: Debug + Send {
    /// Opens a view of the journal, which may be used on another thread.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn reader(&self) -> Result<Box<dyn JournalReader>, BulkError>;

    /// Stores a fact of the run, in place of an earlier one of this name.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError>;

    /// Returns the id of a provider, which is added if it is new.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn provider_id(&mut self, name: &str) -> Result<u64, BulkError>;

    /// Stores the allowed rate of a provider, in changes per second, and its attempt timeout in milliseconds.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn set_limits(&mut self, provider: u64, rate: Option<f64>, longest: i64) -> Result<(), BulkError>;

    /// Stores the identity of a provider.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn set_identity(&mut self, provider: u64, identity: &str) -> Result<(), BulkError>;

    /// The accounts that were changed, where users may have several names: the provider's id, the key and the line.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn accounts(&self) -> Result<Vec<(u64, String, u64)>, BulkError>;

    /// Makes the rows unknown that processes which are gone have left `sending`.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn mark_interrupted(&mut self, at: i64) -> Result<(), BulkError>;

    /// Starts a session of this process, at a time in milliseconds since 1970, and returns its id.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn begin_session(&mut self, at: i64) -> Result<u64, BulkError>;

    /// Ends a session in an orderly way.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn end_session(&mut self, session: u64, at: i64) -> Result<(), BulkError>;

    /// Returns a check whether this process may send what the journal has as its own: whether its lease lasts, where
    /// several processes share the journal.
    fn may_send(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        Arc::new(|| true)
    }

    /// Whether other processes may work on the run at the same time. Then a session takes few rows ahead of those in
    /// flight, to leave some to the others.
    fn is_shared(&self) -> bool {
        false
    }

    /// Adds rows that are not there already, in the order of their lines, and returns the tally of those.
    ///
    /// # Errors
    /// A row [differs](different_input) from the one of its line, or a new one comes before one that is there; or the
    /// journal cannot be written.
    fn ingest(&mut self, rows: &[NewRow<'_>], at: i64) -> Result<Tally, BulkError>;

    /// The same, and keeps the passwords of the new rows: a complete age file in ASCII armor.
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest), or this journal keeps no passwords.
    fn ingest_sealed(&mut self, rows: &[NewRow<'_>], sealed: &[u8], at: i64) -> Result<Tally, BulkError> {
        let _ = (rows, sealed, at);
        Err(BulkError::internal(
            "this journal keeps no passwords of the input",
        ))
    }

    /// Makes rows pending again that failed for a [reason independent of the row](ROW_INDEPENDENT), except those with an
    /// unknown attempt. Returns how many.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn requeue(&mut self) -> Result<usize, BulkError>;

    /// Writes everything in one transaction. Returns the lines that must not be sent, because another process has
    /// begun to change the same account under another name.
    ///
    /// # Errors
    /// The journal cannot be written, or this process's lease is over. What was about to start must not be sent.
    fn commit(&mut self, entries: &Commit<'_>, session: u64) -> Result<Vec<u64>, BulkError>;

    /// Where the sealed passwords are kept, if this journal keeps them.
    fn sealed_store(&self) -> Option<Box<dyn SealedStore>> {
        None
    }
}

/// Keeps sealed passwords, in batches with numbers of their own.
pub trait SealedStore: Debug + Send {
    /// Returns the number of the next batch, which no other batch of the run has.
    ///
    /// # Errors
    /// The store cannot be written.
    fn next_batch(&mut self) -> Result<u64, BulkError>;

    /// Keeps a batch: a complete age file in ASCII armor. It is durable when this returns.
    ///
    /// # Errors
    /// The store cannot be written.
    fn append(&mut self, batch: u64, sealed: &[u8]) -> Result<(), BulkError>;
}

/// A view of a journal, which may be written at the same time.
pub trait JournalReader: Debug + Send {
    /// A fact of the run.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn fact(&self, name: &str) -> Result<Option<String>, BulkError>;

    /// Whether a process is working on the run.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn is_active(&self) -> Result<bool, BulkError>;

    /// The ids and names of the run's providers.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn providers(&self) -> Result<Vec<(u64, String)>, BulkError>;

    /// The stored identity of a provider.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn identity(&self, provider: u64) -> Result<Option<String>, BulkError>;

    /// How long ago the last request for a row can have been in flight, in milliseconds; negative while one may be, and 0
    /// if nothing is known.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn quiet_for(&self, line: u64) -> Result<i64, BulkError>;

    /// What was read before the attempt with the password of this batch; empty if nothing was kept.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn prior_state(&self, line: u64, batch: u64) -> Result<PriorState, BulkError>;

    /// Returns some of the next pending rows after a line for this process to send, except those with an unknown attempt;
    /// about `most`. No other process is given the same rows while this one is at work. Waits while others have rows that
    /// they may leave; without rows there are none left.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn to_send(&self, after: u64, most: u32) -> Result<Vec<JournalRow>, BulkError>;

    /// Returns the next rows after a line with an unknown attempt and no later one that was applied.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn to_reissue(&self, after: u64, most: u32) -> Result<Vec<JournalRow>, BulkError>;

    /// For how many rows it is unknown which password works, including rows with a password that was applied after an
    /// unknown one.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn unresolved_count(&self) -> Result<u64, BulkError>;

    /// The batches of a row's earlier unknown passwords, the last one first.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn unknown_earlier(&self, line: u64) -> Result<Vec<u64>, BulkError>;

    /// A row; `None` if it is not in the journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn row(&self, line: u64) -> Result<Option<JournalRow>, BulkError>;

    /// The phase of an earlier attempt; `None` if there was none with this batch.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn earlier(&self, line: u64, batch: u64) -> Result<Option<RowPhase>, BulkError>;

    /// The tally, with statuses by [`RowStatus::of`].
    ///
    /// # Errors
    /// The journal cannot be read.
    fn tally(&self) -> Result<Tally, BulkError>;

    /// The run as a whole.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn summary(&self) -> Result<RunSummary, BulkError>;

    /// Why rows are not applied or unknown, the most frequent reason first.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn reasons(&self) -> Result<Vec<ReasonCount>, BulkError>;

    /// Passes the session and the end of every attempt, in milliseconds since 1970, to `take`.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn finish_times(&self, take: &mut dyn FnMut(u64, i64)) -> Result<(), BulkError>;

    /// Passes every row to `take` in the order of the input, or only those of one status.
    ///
    /// # Errors
    /// The journal cannot be read, or an error of `take`.
    fn for_each_row(
        &self,
        only: Option<RowStatus>,
        take: &mut dyn FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError>;

    /// The passwords of the input for a row and those that were added with it, as [`Journal::ingest_sealed`] was given
    /// them; `None` if the journal has none for this row.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn given(&self, line: u64) -> Result<Option<Vec<u8>>, BulkError> {
        let _ = line;
        Ok(None)
    }

    /// The sealed passwords, batch after batch, if the journal keeps them.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn sealed(&self) -> Result<Option<Box<dyn Read + Send>>, BulkError> {
        Ok(None)
    }
}
