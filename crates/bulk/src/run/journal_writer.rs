//! The thread that writes the journal. Everything that is pending is written together, so that many rows share a sync.

use std::fs::File;
use std::sync::mpsc::Receiver;

use repass_domain::UserKey;
use tokio::sync::oneshot;

use super::send_gate::{SendIntent, SendKind};
use crate::BulkError;
use crate::input::InvalidRow;
use crate::journal::{AttemptEnd, AttemptStart, Commit, Journal, NewRow, READ_WHOLE};

/// What to write.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    pub(super) bad: Vec<InvalidRow>,
    pub(super) ended: Vec<AttemptEnd>,
    /// Calls that are about to send.
    pub(super) begin: Vec<SendIntent>,
    /// The whole input was read.
    pub(super) whole: bool,
}

/// The result of a write: the lines that must not be sent, because another process changes the same account. The other
/// calls that were about to send may send now.
pub(super) type WriteResult = Result<Vec<u64>, BulkError>;

pub(super) struct WriteRequest {
    pub(super) batch: WriteBatch,
    pub(super) done: oneshot::Sender<WriteResult>,
}

/// The only writer of the journal.
pub(super) struct JournalWriter {
    pub(super) journal: Box<dyn Journal>,
    /// The ids of the session's providers in the journal.
    pub(super) numbers: Vec<u64>,
    /// How long an attempt at each may take, in milliseconds.
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

    fn write(&mut self, batch: WriteBatch) -> WriteResult {
        self.unwritten.extend(batch.ended);
        let mut refused = Vec::new();
        if !(self.unwritten.is_empty() && batch.bad.is_empty() && batch.begin.is_empty()) {
            refused = self.commit(&batch.bad, &batch.begin)?;
        }
        if batch.whole {
            self.journal.set_fact(READ_WHOLE, "yes")?;
        }
        Ok(refused)
    }

    fn commit(&mut self, bad: &[InvalidRow], begin: &[SendIntent]) -> WriteResult {
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
}
