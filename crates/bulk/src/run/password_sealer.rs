//! The thread that generates passwords and seals them, durably, before their rows may be sent.

use std::sync::mpsc::Receiver;

use repass_domain::{Error, Password, PasswordChange};
use tokio::sync::oneshot;

use super::row::PendingRow;
use crate::secrets::{Entry, SecretsWriter};
use crate::{BulkError, Provider};

/// A row whose password is sealed.
#[derive(Debug)]
pub(super) struct SealedRow {
    pub(super) row: PendingRow,
    pub(super) change: PasswordChange,
    pub(super) batch: u64,
}

pub(super) type SealResult = Result<Vec<SealedRow>, BulkError>;

/// Rows to seal, well ahead and in larger batches than are in flight at once. A sealed password that is never sent does no
/// harm.
pub(super) struct SealRequest {
    pub(super) rows: Vec<PendingRow>,
    pub(super) done: oneshot::Sender<SealResult>,
}

/// The only writer of the passwords.
pub(super) struct PasswordSealer {
    /// Where generated passwords are kept.
    pub(super) secrets: Option<SecretsWriter>,
    pub(super) providers: Vec<Provider>,
}

impl PasswordSealer {
    /// Processes requests until all senders are dropped.
    pub(super) fn run(mut self, requests: &Receiver<SealRequest>) {
        while let Ok(SealRequest { rows, done }) = requests.recv() {
            // The session may be gone.
            let _ = done.send(self.sealed(rows));
        }
    }

    // The rows with their passwords, once those are durable.
    fn sealed(&mut self, rows: Vec<PendingRow>) -> SealResult {
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
