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
        let sealed_in = match &mut self.secrets {
            Some(secrets) if !rows.is_empty() => Some(secrets.next_batch()?),
            _ => None,
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
            // Each attempt with a given password has a number of its own: a late probe of one says nothing about the next.
            let batch = sealed_in.unwrap_or(row.attempts + 1);
            ready.push(seal_row(row, batch, fresh)?);
        }
        let (Some(secrets), Some(number)) = (self.secrets.as_mut(), sealed_in) else {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use repass_domain::{InMemoryPasswordService, LayeredPolicy, PasswordPolicy, PriorState, UserId};

    use super::super::row::Task;
    use super::*;
    use crate::RowStatus;

    // A late probe of the first attempt would otherwise end the second one.
    #[test]
    fn attempts_with_a_given_password_have_batches_of_their_own() {
        let policies = LayeredPolicy::from(PasswordPolicy::default());
        let service = Arc::new(InMemoryPasswordService::new("zoom"));
        let mut sealer = PasswordSealer {
            secrets: None,
            providers: vec![Provider::new(service, policies)],
        };
        let row = |attempts| PendingRow {
            line: 2,
            user: UserId::new("alice").unwrap(),
            provider: 0,
            new: Some(Password::new("the given one").unwrap()),
            current: None,
            attempts,
            before: RowStatus::Pending,
            task: Task::Send,
            batch: 0,
            prior_state: PriorState::default(),
            more_unknown: false,
            quiet_for: 0,
            due: None,
        };
        let ready = sealer.sealed(vec![row(0), row(1)]).unwrap();
        assert_eq!(ready.iter().map(|row| row.batch).collect::<Vec<_>>(), [1, 2]);
    }
}
