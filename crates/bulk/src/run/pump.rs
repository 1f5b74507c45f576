//! What stands between a row and its sending: its password is sealed, then its intent is journalled, each on the
//! disk. Everything that waits is done at once, so that many rows share a sync.

use std::sync::mpsc::Receiver;

use repass_domain::PasswordChange;
use tokio::sync::oneshot;

use super::now;
use super::work::{Task, Work};
use crate::input::BadRow;
use crate::journal::{Ended, Journal, Sending, Started};
use crate::secrets::{Entry, SecretsFile};
use crate::{Problem, Provider};

/// What is to be written, and which rows are to be sent when it is.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bad: Vec<BadRow>,
    pub(super) ended: Vec<Ended>,
    pub(super) begin: Vec<Work>,
    /// The whole input is read.
    pub(super) whole: bool,
}

/// A row that may be sent now.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) work: Work,
    pub(super) change: PasswordChange,
}

pub(super) struct Order {
    pub(super) batch: Batch,
    pub(super) done: oneshot::Sender<Result<Vec<Ready>, Problem>>,
}

/// The only writer of the journal and the file of secrets.
pub(super) struct Pump {
    pub(super) journal: Journal,
    pub(super) secrets: Option<SecretsFile>,
    pub(super) providers: Vec<(Provider, u64)>,
    pub(super) session: u64,
    /// What a full disk has kept from the journal until now.
    pub(super) owed: Vec<Ended>,
}

impl Pump {
    /// Works off orders until nobody gives any more. Whether outcomes are left that could not be written.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> (Journal, usize) {
        while let Ok(Order { batch, done }) = orders.recv() {
            // A session that is gone asks for nothing.
            let _ = done.send(self.write(batch));
        }
        let left = if self.owed.is_empty() || self.commit(&[], &[], 0).is_ok() {
            0
        } else {
            self.owed.len()
        };
        (self.journal, left)
    }

    fn write(&mut self, batch: Batch) -> Result<Vec<Ready>, Problem> {
        self.owed.extend(batch.ended);
        let (ready, number) = match self.sealed(batch.begin) {
            Ok(sealed) => sealed,
            Err(problem) => {
                self.commit(&batch.bad, &[], 0)?;
                return Err(problem);
            }
        };
        let started: Vec<Started<'_>> = ready
            .iter()
            .map(|row| Started {
                line: row.work.line,
                fresh: (row.work.task == Task::SendFresh)
                    .then(|| (&row.work.user, self.providers[row.work.provider].1)),
                again: row.work.task == Task::SendAgain,
            })
            .collect();
        let owed = std::mem::take(&mut self.owed);
        let sending = Sending {
            session: self.session,
            batch: number,
            at: now(),
        };
        if let Err(problem) = self.journal.commit(&batch.bad, &owed, &started, sending) {
            self.owed = owed;
            return Err(problem);
        }
        if batch.whole {
            self.journal.note(super::READ_WHOLE, "yes")?;
        }
        Ok(ready)
    }

    fn commit(&mut self, bad: &[BadRow], started: &[Started<'_>], number: u64) -> Result<(), Problem> {
        let sending = Sending {
            session: self.session,
            batch: number,
            at: now(),
        };
        self.journal.commit(bad, &self.owed, started, sending)?;
        self.owed.clear();
        Ok(())
    }

    // The rows with their passwords, and the number of their batch.
    fn sealed(&mut self, begin: Vec<Work>) -> Result<(Vec<Ready>, u64), Problem> {
        let ready: Result<Vec<Ready>, Problem> = begin.into_iter().map(|work| self.ready(work)).collect();
        let ready = ready?;
        let Some(secrets) = &mut self.secrets else {
            return Ok((ready, 1));
        };
        let number = secrets.next_batch();
        if ready.is_empty() {
            return Ok((ready, number));
        }
        let providers = &self.providers;
        let entries: Vec<Entry<'_>> = ready
            .iter()
            .map(|row| Entry {
                line: row.work.line,
                user: row.work.user.expose(),
                provider: providers[row.work.provider].0.name(),
                attempt: row.work.attempts + 1,
                new: row.change.new_password(),
            })
            .collect();
        secrets.seal(&entries)?;
        drop(entries);
        Ok((ready, number))
    }

    fn ready(&self, mut work: Work) -> Result<Ready, Problem> {
        let new = match work.new.take() {
            Some(new) => new,
            None => self.providers[work.provider]
                .0
                .policies
                .generate()
                .map_err(|error| Problem::machine(error.to_string()))?,
        };
        let user = work.user.clone();
        let change = match work.current.take() {
            Some(current) => PasswordChange::replace(user, current, new),
            None => PasswordChange::reset(user, new),
        };
        Ok(Ready { work, change })
    }
}
