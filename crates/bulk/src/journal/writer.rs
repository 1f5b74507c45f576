//! What is written.

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
    /// What became of rows.
    pub(crate) ended: &'a [AttemptEnd],
    /// Rows that are about to be sent.
    pub(crate) started: &'a [AttemptStart<'a>],
    /// Rows whose probes set the password and are about to be made, and how long that may take at most, in milliseconds.
    pub(crate) probing: &'a [(u64, i64)],
    /// Which accounts at which provider, by its number, those that are about to be sent change, and on which lines.
    pub(crate) accounts: &'a [(u64, &'a UserKey, u64)],
    /// The numbers of the session's providers.
    pub(crate) providers: &'a [u64],
}

impl Journal {
    /// The accounts that have been sent, where users may have several names: the number of the provider, the key and
    /// the line.
    pub(crate) fn accounts(&self) -> Result<Vec<(u64, String, u64)>, BulkError> {
        let mut all = self
            .connection
            .prepare("SELECT provider, account, line FROM accounts")
            .map_err(unwritable)?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.and_then(Iterator::collect).map_err(unwritable)
    }

    /// Notes a fact of the run.
    pub(crate) fn set_fact(&self, name: &str, value: &str) -> Result<(), BulkError> {
        let sql = "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.connection
            .execute(sql, [name, value])
            .map(drop)
            .map_err(unwritable)
    }

    /// The number by which rows name a provider.
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

    /// Notes the rate that a provider allows, and how long one sending may take there, in milliseconds.
    pub(crate) fn set_limits(&self, provider: u64, rate: Option<f64>, longest: i64) -> Result<(), BulkError> {
        let sql = "UPDATE providers SET allowed = ?2, longest = ?3 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, rate, longest])
            .map(drop)
            .map_err(unwritable)
    }

    /// Notes which system a provider is.
    pub(crate) fn set_identity(&self, provider: u64, identity: &str) -> Result<(), BulkError> {
        let sql = "UPDATE providers SET identity = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, identity])
            .map(drop)
            .map_err(unwritable)
    }

    /// What a session that is no more left `sending` is unknown from now on.
    pub(crate) fn mark_interrupted(&mut self, at: i64) -> Result<(), BulkError> {
        self.open.clear();
        self.transaction(|transaction, _, clock| mark_interrupted(transaction, at, clock))
    }

    /// Begins a session.
    pub(crate) fn begin_session(&self, at: i64) -> Result<u64, BulkError> {
        let sql = "INSERT INTO sessions (started) VALUES (?1)";
        self.connection.execute(sql, [at]).map_err(unwritable)?;
        let id = self.connection.last_insert_rowid();
        u64::try_from(id).map_err(|error| BulkError::internal(error.to_string()))
    }

    /// The session has come to its end by itself.
    pub(crate) fn end_session(&self, session: u64, at: i64) -> Result<(), BulkError> {
        let sql = "UPDATE sessions SET ended = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![session, at])
            .map(drop)
            .map_err(unwritable)
    }

    /// Rows that were not applied for a passing reason are pending again, but those that an unknown sending stands
    /// behind. How many.
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

    /// Takes rows in, those that are there already left alone. How many came in, and as what.
    pub(crate) fn ingest(&mut self, items: &[Item], providers: &[u64], at: i64) -> Result<Tally, BulkError> {
        self.transaction(|transaction, _, _| {
            let mut taken = Tally::default();
            // Looked up once, not for each row.
            let mut insert = transaction.prepare_cached(INSERT_ROW)?;
            for item in items {
                match item {
                    Item::Row(row) => {
                        let provider = providers.get(row.provider);
                        let new = insert.execute(params![row.line, row.user.expose(), provider])?;
                        taken.add(RowStatus::Pending, new);
                    }
                    Item::Invalid(bad) => {
                        taken.add(RowStatus::NotApplied, insert_invalid(transaction, bad, at)?)
                    }
                }
            }
            Ok(taken)
        })
    }

    /// In one commit: bad rows, what became of rows, and which rows are about to be sent or probed. Durable when it
    /// returns.
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
        // What is kept in mind is what is on the disk.
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
