//! A view of a run: its summary, its rows and its passwords.

use super::moved_run::Moved;
use super::run_name::RunName;
use crate::journal::{JournalReader, ReasonCount, ReportRow, RunSummary};
use crate::secrets::{Key, SecretRecord, SecretStatus, read_sealed};
use crate::{BulkError, RowStatus};

/// A view of a run, which may be active.
#[derive(Debug)]
pub struct RunReader {
    pub(super) name: RunName,
    pub(super) journal: Box<dyn JournalReader>,
}

impl RunReader {
    /// A view of the run of this name, in a journal that several processes share.
    pub fn new(name: String, journal: Box<dyn JournalReader>) -> Self {
        let name = RunName::shared(name);
        Self { name, journal }
    }

    /// What people call the run.
    pub fn name(&self) -> &RunName {
        &self.name
    }

    pub(crate) fn journal(&self) -> &dyn JournalReader {
        &*self.journal
    }

    /// Reads the summary of the run.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn summary(&self) -> Result<RunSummary, BulkError> {
        self.journal.summary()
    }

    /// Whether a process is working on the run.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_active(&self) -> Result<bool, BulkError> {
        self.journal.is_active()
    }

    /// Where the run has moved, if it has: what is here is how it was then.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn moved_to(&self) -> Result<Option<String>, BulkError> {
        Ok(Moved::of(&*self.journal)?.map(Moved::place))
    }

    /// Lists why rows of the run are not applied or unknown, the most frequent reason first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn reasons(&self) -> Result<Vec<ReasonCount>, BulkError> {
        self.journal.reasons()
    }

    /// Passes each row of the run, or each of one status, to `take`, in the order of the input.
    ///
    /// # Errors
    /// The journal cannot be read, or an error of `take`.
    pub fn for_each_row(
        &self,
        only: Option<RowStatus>,
        mut take: impl FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        self.journal.for_each_row(only, &mut take)
    }

    /// Passes every password that the run's journal keeps to `take`, as [`read_secrets`](crate::read_secrets) does with
    /// those in a file.
    ///
    /// # Errors
    /// The journal keeps no passwords or cannot be read, or the key does not open them; or `take` fails.
    pub fn read_secrets(
        &self,
        key: &Key,
        take: impl FnMut(SecretRecord) -> Result<(), BulkError>,
    ) -> Result<u64, BulkError> {
        read_sealed(&*self.journal, key, take)
    }

    /// Returns whether a password of this run is the user's current one.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn secret_status(&self, record: &SecretRecord) -> Result<SecretStatus, BulkError> {
        record.status(&*self.journal)
    }
}
