//! What stands between a row and its sending: its password is sealed, then its intent is journalled, each on the
//! disk. Everything that waits is done at once, so that many rows share a sync.

use std::fs::File;
use std::sync::mpsc::Receiver;

use repass_domain::{Error, Password, PasswordChange, UserKey};
use tokio::sync::oneshot;

use super::row::PendingRow;
use super::send_gate::{SendIntent, SendKind};
use crate::input::InvalidRow;
use crate::journal::{AttemptEnd, AttemptStart, Commit, Journal};
use crate::secrets::{Entry, SecretsWriter};
use crate::{BulkError, Provider};

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    pub(super) bad: Vec<InvalidRow>,
    pub(super) ended: Vec<AttemptEnd>,
    /// Calls that are about to send.
    pub(super) begin: Vec<SendIntent>,
    /// Rows whose passwords are to be made and sealed. They are sealed well ahead, so that sealing is shared by
    /// more rows than are under way at once; one that is never sent is no harm.
    pub(super) seal: Vec<PendingRow>,
    /// The whole input is read.
    pub(super) whole: bool,
}

/// A row whose password is sealed.
#[derive(Debug)]
pub(super) struct SealedRow {
    pub(super) work: PendingRow,
    pub(super) change: PasswordChange,
    pub(super) batch: u64,
}

/// What was written, besides that those that were to begin may send now.
#[derive(Debug)]
pub(super) struct WriteResult {
    pub(super) sealed: Result<Vec<SealedRow>, BulkError>,
}

pub(super) struct WriteRequest {
    pub(super) batch: WriteBatch,
    pub(super) done: oneshot::Sender<Result<WriteResult, BulkError>>,
}

/// The only writer of the journal and the file of secrets.
pub(super) struct JournalWriter {
    pub(super) journal: Journal,
    pub(super) secrets: Option<SecretsWriter>,
    pub(super) providers: Vec<Provider>,
    /// Their numbers in the journal.
    pub(super) numbers: Vec<u64>,
    /// How long one sending may take at each, in milliseconds.
    pub(super) longest: Vec<i64>,
    pub(super) session: u64,
    /// What a full disk has kept from the journal until now.
    pub(super) owed: Vec<AttemptEnd>,
    /// Held until nothing is written any more, even if nobody waits for that.
    pub(super) lock: File,
}

impl JournalWriter {
    /// Works off orders until nobody gives any more, with a last try for outcomes that could not be written.
    pub(super) fn run(mut self, orders: &Receiver<WriteRequest>) -> Self {
        while let Ok(WriteRequest { batch, done }) = orders.recv() {
            // A session that is gone asks for nothing.
            let _ = done.send(self.write(batch));
        }
        if !self.owed.is_empty() {
            // What is still owed is told.
            let _ = self.commit(&[], &[]);
        }
        self
    }

    fn write(&mut self, batch: WriteBatch) -> Result<WriteResult, BulkError> {
        self.owed.extend(batch.ended);
        if !(self.owed.is_empty() && batch.bad.is_empty() && batch.begin.is_empty()) {
            self.commit(&batch.bad, &batch.begin)?;
        }
        if batch.whole {
            self.journal.set_fact(super::READ_WHOLE, "yes")?;
        }
        Ok(WriteResult {
            sealed: self.sealed(batch.seal),
        })
    }

    fn commit(&mut self, bad: &[InvalidRow], begin: &[SendIntent]) -> Result<(), BulkError> {
        let started: Vec<AttemptStart<'_>> = begin
            .iter()
            .filter(|intent| !intent.act.is_probe())
            .map(|intent| AttemptStart {
                line: intent.line,
                batch: intent.batch,
                fresh: intent
                    .fresh
                    .as_ref()
                    .filter(|_| !intent.resent)
                    .map(|user| (user, self.numbers[intent.provider])),
                again: intent.again && !intent.resent,
                resent: intent.resent,
            })
            .collect();
        let probing: Vec<(u64, i64)> = begin
            .iter()
            .filter(|intent| intent.act == SendKind::ProbeBySetting)
            .map(|intent| (intent.line, self.longest[intent.provider]))
            .collect();
        let accounts: Vec<(u64, &UserKey, u64)> = begin
            .iter()
            .filter_map(|intent| {
                let account = intent.account.as_ref()?;
                Some((self.numbers[intent.provider], account, intent.line))
            })
            .collect();
        let entries = Commit {
            accounts: &accounts,
            bad,
            ended: &self.owed,
            started: &started,
            probing: &probing,
            providers: &self.numbers,
        };
        self.journal.commit(&entries, self.session)?;
        self.owed.clear();
        Ok(())
    }

    // The rows with their passwords, once those are on the disk.
    fn sealed(&mut self, rows: Vec<PendingRow>) -> Result<Vec<SealedRow>, BulkError> {
        let number = self.secrets.as_ref().map_or(1, SecretsWriter::next_batch);
        // They share what is asked of the operating system.
        let mut fresh: Vec<_> = self
            .providers
            .iter()
            .map(|provider| provider.policies.passwords())
            .collect();
        let mut ready = Vec::with_capacity(rows.len());
        for work in rows {
            let fresh = &mut fresh[work.provider];
            ready.push(made_ready(work, number, fresh)?);
        }
        let Some(secrets) = self.secrets.as_mut().filter(|_| !ready.is_empty()) else {
            return Ok(ready);
        };
        let providers = &self.providers;
        let entries: Vec<Entry<'_>> = ready
            .iter()
            .map(|row| Entry {
                line: row.work.line,
                user: row.work.user.expose(),
                provider: providers[row.work.provider].name(),
                attempt: row.work.attempts + 1,
                new: row.change.new_password(),
            })
            .collect();
        secrets.seal(&entries)?;
        Ok(ready)
    }
}

fn made_ready(
    mut work: PendingRow,
    batch: u64,
    fresh: &mut impl Iterator<Item = Result<Password, Error>>,
) -> Result<SealedRow, BulkError> {
    let new = match work.new.take() {
        Some(new) => new,
        None => match fresh.next() {
            Some(made) => made.map_err(|error| BulkError::internal(error.to_string()))?,
            None => return Err(BulkError::internal("no password could be made")),
        },
    };
    let user = work.user.clone();
    let change = match work.current.take() {
        Some(current) => PasswordChange::change(user, current, new),
        None => PasswordChange::reset(user, new),
    };
    Ok(SealedRow { work, change, batch })
}
