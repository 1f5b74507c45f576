//! Writes a journal.

use repass_domain::{ErrorKind, UserKey};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::attempts::{
    AttemptEnd, AttemptStart, INSERT_ROW, KEEP_EARLIER, OpenRange, end, in_flight, insert_invalid,
    mark_interrupted, start,
};
use super::{Clock, Journal, Moment, RowPhase, RowStatus, Tally, unwritable};
use crate::BulkError;
use crate::input::{InvalidRow, Item};

/// Kinds of errors that have nothing to do with the row. Such rows may be sent again.
pub(crate) const ROW_INDEPENDENT: [ErrorKind; 11] = [
    ErrorKind::Unauthenticated,
    ErrorKind::PermissionDenied,
    ErrorKind::RateLimited,
    ErrorKind::Conflict,
    ErrorKind::Misconfigured,
    ErrorKind::Unreachable,
    ErrorKind::BudgetExhausted,
    ErrorKind::ConnectionLost,
    ErrorKind::TimedOut,
    ErrorKind::ProviderFault,
    ErrorKind::Internal,
];

const NOTE_ACCOUNT: &str = "INSERT OR IGNORE INTO accounts VALUES (?1, ?2, ?3)";

/// What is written in one commit.
#[derive(Debug, Default)]
pub(crate) struct Commit<'a> {
    /// Rows that cannot be sent.
    pub(crate) bad: &'a [InvalidRow],
    /// Attempts and probes that have ended.
    pub(crate) ended: &'a [AttemptEnd],
    /// Attempts that are about to start.
    pub(crate) started: &'a [AttemptStart<'a>],
    /// Rows whose probe may set the password and is about to start, and its timeout in milliseconds.
    pub(crate) probing: &'a [(u64, i64)],
    /// The accounts that are about to be changed: the provider's id, the account's key and the line.
    pub(crate) accounts: &'a [(u64, &'a UserKey, u64)],
    /// The ids of the session's providers.
    pub(crate) providers: &'a [u64],
}

impl Journal {
    /// The accounts that were changed, where users may have several names: the provider's id, the key and the line.
    pub(crate) fn accounts(&self) -> Result<Vec<(u64, String, u64)>, BulkError> {
        let mut all = self
            .connection
            .prepare("SELECT provider, account, line FROM accounts")
            .map_err(unwritable)?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.and_then(Iterator::collect).map_err(unwritable)
    }

    /// Stores a fact of the run.
    pub(crate) fn set_fact(&self, name: &str, value: &str) -> Result<(), BulkError> {
        let sql = "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.connection
            .execute(sql, [name, value])
            .map(drop)
            .map_err(unwritable)
    }

    /// The id of a provider, which is added if it is new.
    pub(crate) fn provider_id(&self, name: &str) -> Result<u64, BulkError> {
        let known = self
            .connection
            .query_row("SELECT id FROM providers WHERE name = ?1", [name], |row| {
                row.get(0)
            });
        if let Some(id) = known.optional().map_err(unwritable)? {
            return Ok(id);
        }
        self.connection
            .execute("INSERT INTO providers (name) VALUES (?1)", [name])
            .map_err(unwritable)?;
        u64::try_from(self.connection.last_insert_rowid())
            .map_err(|error| BulkError::internal(error.to_string()))
    }

    /// Stores the allowed rate of a provider and its attempt timeout in milliseconds.
    pub(crate) fn set_limits(&self, provider: u64, rate: Option<f64>, longest: i64) -> Result<(), BulkError> {
        let sql = "UPDATE providers SET allowed = ?2, longest = ?3 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, rate, longest])
            .map(drop)
            .map_err(unwritable)
    }

    /// Stores the identity of a provider.
    pub(crate) fn set_identity(&self, provider: u64, identity: &str) -> Result<(), BulkError> {
        let sql = "UPDATE providers SET identity = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, identity])
            .map(drop)
            .map_err(unwritable)
    }

    /// Makes the rows unknown that an earlier session left `sending`.
    pub(crate) fn mark_interrupted(&mut self, at: i64) -> Result<(), BulkError> {
        self.open.clear();
        self.transaction(|transaction, _, clock| mark_interrupted(transaction, at, clock))
    }

    /// Starts a session.
    pub(crate) fn begin_session(&self, at: i64) -> Result<u64, BulkError> {
        let sql = "INSERT INTO sessions (started) VALUES (?1)";
        self.connection.execute(sql, [at]).map_err(unwritable)?;
        let id = self.connection.last_insert_rowid();
        u64::try_from(id).map_err(|error| BulkError::internal(error.to_string()))
    }

    /// Ends a session in an orderly way.
    pub(crate) fn end_session(&self, session: u64, at: i64) -> Result<(), BulkError> {
        let sql = "UPDATE sessions SET ended = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![session, at])
            .map(drop)
            .map_err(unwritable)
    }

    /// Makes rows pending again that failed for a reason independent of the row, except those with an unknown attempt.
    /// Returns how many.
    pub(crate) fn requeue(&mut self) -> Result<usize, BulkError> {
        let kinds: Vec<String> = ROW_INDEPENDENT.iter().map(|kind| format!("'{kind}'")).collect();
        let which = format!(
            "state = {} AND NOT unsettled AND kind IN ({})",
            RowPhase::NotApplied as i64,
            kinds.join(", ")
        );
        self.transaction(|transaction, _, _| {
            transaction.execute(&format!("{KEEP_EARLIER} WHERE {which}"), [])?;
            transaction.execute(&format!("UPDATE outcomes SET state = 0 WHERE {which}"), [])
        })
    }

    /// Adds rows that are not there already, and returns the tally of those.
    pub(crate) fn ingest(&mut self, items: &[Item], providers: &[u64], at: i64) -> Result<Tally, BulkError> {
        self.transaction(|transaction, _, _| {
            let mut taken = Tally::default();
            // Prepared once, not for each row.
            let mut insert = transaction.prepare_cached(INSERT_ROW)?;
            for item in items {
                match item {
                    Item::Row(row) => {
                        let provider = providers.get(row.provider);
                        let new = insert.execute(params![row.line, row.user.expose(), provider])?;
                        taken.add(RowStatus::Pending, new);
                    }
                    Item::Invalid(bad) => {
                        taken.add(RowStatus::NotApplied, insert_invalid(transaction, bad, at)?);
                    }
                }
            }
            Ok(taken)
        })
    }

    /// Writes everything in one transaction, which is durable when this returns.
    pub(crate) fn commit(&mut self, entries: &Commit<'_>, session: u64) -> Result<(), BulkError> {
        let (begun, left) = self.transaction(|transaction, open, clock| {
            let at = Moment::now().at;
            for bad in entries.bad {
                insert_invalid(transaction, bad, at)?;
            }
            let mut left = end(
                transaction,
                entries.ended,
                open,
                (session, entries.providers, clock),
            )?;
            let begun = start(transaction, entries.started, (open, &mut left), (session, clock))?;
            for (provider, account, line) in entries.accounts {
                let mut note = transaction.prepare_cached(NOTE_ACCOUNT)?;
                note.execute(params![provider, account.expose(), line])?;
            }
            for (line, longest) in entries.probing {
                let now = Moment::now();
                let until = Moment {
                    at: now.at + longest,
                    uptime: now.uptime + longest,
                };
                in_flight(transaction, *line, true, until, clock.boot())?;
            }
            Ok((begun, left))
        })?;
        // Updated only after the commit succeeded.
        for (begun, left) in self.open.iter_mut().zip(left) {
            begun.left = left;
        }
        self.open.retain(|begun| begun.left > 0);
        self.open.extend(begun);
        Ok(())
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &[OpenRange], &Clock) -> rusqlite::Result<T>,
    ) -> Result<T, BulkError> {
        let Self {
            connection,
            open,
            clock,
        } = self;
        let done = connection.transaction().and_then(|transaction| {
            let result = work(&transaction, open, clock)?;
            transaction.commit()?;
            Ok(result)
        });
        done.map_err(unwritable)
    }
}
