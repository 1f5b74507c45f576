//! The thread that writes the journal and the file of secrets: passwords are sealed, then intents are recorded, each
//! durably. Everything that is pending is written together, so that many rows share a sync.

use std::fs::File;
use std::sync::mpsc::Receiver;

use repass_domain::{Error, Password, PasswordChange, UserKey};
use tokio::sync::oneshot;

use super::row::PendingRow;
use super::send_gate::{SendIntent, SendKind};
use crate::input::InvalidRow;
use crate::journal::{AttemptEnd, AttemptStart, Commit, Journal, NewRow, READ_WHOLE};
use crate::secrets::{Entry, SecretsWriter};
use crate::{BulkError, Provider};

/// What to write.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    pub(super) bad: Vec<InvalidRow>,
    pub(super) ended: Vec<AttemptEnd>,
    /// Calls that are about to send.
    pub(super) begin: Vec<SendIntent>,
    /// Rows whose passwords are generated and sealed. They are sealed well ahead, in larger batches than are in flight
    /// at once; a sealed password that is never sent does no harm.
    pub(super) seal: Vec<PendingRow>,
    /// The whole input was read.
    pub(super) whole: bool,
}

/// A row whose password is sealed.
#[derive(Debug)]
pub(super) struct SealedRow {
    pub(super) row: PendingRow,
    pub(super) change: PasswordChange,
    pub(super) batch: u64,
}

/// The result of a write. The calls that were about to send may send now.
#[derive(Debug)]
pub(super) struct WriteResult {
    /// The lines that must not be sent, because another process changes the same account.
    pub(super) refused: Vec<u64>,
    pub(super) sealed: Result<Vec<SealedRow>, BulkError>,
}

pub(super) struct WriteRequest {
    pub(super) batch: WriteBatch,
    pub(super) done: oneshot::Sender<Result<WriteResult, BulkError>>,
}

/// The only writer of the journal and the file of secrets.
pub(super) struct JournalWriter {
    pub(super) journal: Box<dyn Journal>,
    pub(super) secrets: Option<SecretsWriter>,
    pub(super) providers: Vec<Provider>,
    /// Their ids in the journal.
    pub(super) numbers: Vec<u64>,
    /// The max_attempt_ms attempt at each, in milliseconds.
    pub(super) max_attempt_ms: Vec<i64>,
    pub(super) session: u64,
    /// Ends that could not be written yet, for example because the disk is full.
    pub(super) unwritten: Vec<AttemptEnd>,
    /// Held until the last write, even if the session's future was dropped.
    pub(super) lock: Option<File>,
}

impl JournalWriter {
    /// Processes requests until all senders are dropped, then retries the ends that could not be written.
    pub(super) fn run(mut self, requests: &Receiver<WriteRequest>) -> Self {
        while let Ok(WriteRequest { batch, done }) = requests.recv() {
            // The session may be gone.
            let _ = done.send(self.write(batch));
        }
        if !self.unwritten.is_empty() {
            // The session reports what is still unwritten.
            let _ = self.commit(&[], &[]);
        }
        self
    }

    fn write(&mut self, batch: WriteBatch) -> Result<WriteResult, BulkError> {
        self.unwritten.extend(batch.ended);
        let mut refused = Vec::new();
        if !(self.unwritten.is_empty() && batch.bad.is_empty() && batch.begin.is_empty()) {
            refused = self.commit(&batch.bad, &batch.begin)?;
        }
        if batch.whole {
            self.journal.set_fact(READ_WHOLE, "yes")?;
        }
        Ok(WriteResult {
            refused,
            sealed: self.sealed(batch.seal),
        })
    }

    fn commit(&mut self, bad: &[InvalidRow], begin: &[SendIntent]) -> Result<Vec<u64>, BulkError> {
        let bad: Vec<NewRow<'_>> = bad.iter().map(InvalidRow::as_new_row).collect();
        let started: Vec<AttemptStart<'_>> = begin
            .iter()
            .filter(|intent| !intent.kind.is_probe())
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
            .filter(|intent| intent.kind == SendKind::ProbeBySetting)
            .map(|intent| (intent.line, self.max_attempt_ms[intent.provider]))
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
            bad: &bad,
            ended: &self.unwritten,
            started: &started,
            probing: &probing,
            providers: &self.numbers,
        };
        let refused = self.journal.commit(&entries, self.session)?;
        self.unwritten.clear();
        Ok(refused)
    }

    // The rows with their passwords, once those are durable.
    fn sealed(&mut self, rows: Vec<PendingRow>) -> Result<Vec<SealedRow>, BulkError> {
        let number = match &mut self.secrets {
            Some(secrets) if !rows.is_empty() => secrets.next_batch()?,
            _ => 1,
        };
        // One generator per provider, which buffers randomness.
        let mut fresh: Vec<_> = self
            .providers
            .iter()
            .map(|provider| provider.policies.passwords())
            .collect();
        let mut ready = Vec::with_capacity(rows.len());
        for row in rows {
            let fresh = &mut fresh[row.provider];
            ready.push(seal_row(row, number, fresh)?);
        }
        let Some(secrets) = self.secrets.as_mut().filter(|_| !ready.is_empty()) else {
            return Ok(ready);
        };
        let providers = &self.providers;
        let entries: Vec<Entry<'_>> = ready
            .iter()
            .map(|row| Entry {
                line: row.row.line,
                user: row.row.user.expose(),
                provider: providers[row.row.provider].name(),
                attempt: row.row.attempts + 1,
                new: row.change.new_password(),
            })
            .collect();
        secrets.seal(number, &entries)?;
        Ok(ready)
    }
}

fn seal_row(
    mut row: PendingRow,
    batch: u64,
    fresh: &mut impl Iterator<Item = Result<Password, Error>>,
) -> Result<SealedRow, BulkError> {
    let new = match row.new.take() {
        Some(new) => new,
        None => match fresh.next() {
            Some(made) => made.map_err(|error| BulkError::internal(error.to_string()))?,
            None => return Err(BulkError::internal("no password could be generated")),
        },
    };
    let user = row.user.clone();
    let change = match row.current.take() {
        Some(current) => PasswordChange::change(user, current, new),
        None => PasswordChange::reset(user, new),
    };
    Ok(SealedRow { row, change, batch })
}
