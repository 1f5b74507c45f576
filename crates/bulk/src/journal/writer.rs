//! What is written.

use repass_domain::{ErrorKind, UserId, UserKey};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::attempts::{AttemptEnd, AttemptStart, KEEP_EARLIER, OpenRange, end, in_flight, start};
use super::{Clock, Journal, Moment, RowPhase, RowStatus, Tally, unwritable};
use crate::BulkError;
use crate::input::{InvalidRow, Item};

/// Why a row was not applied that has nothing to do with its user or password: it may be tried again.
pub(crate) const TRANSIENT: [ErrorKind; 11] = [
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
const INGEST: &str = "INSERT OR IGNORE INTO rows VALUES (?1, ?2, ?3)";
// The last time that a row was begun is looked at first, and its outcome keeps the others from counting.
const MARK_INTERRUPTED: &str = "INSERT INTO outcomes
     SELECT r.line, ?1, coalesce(o.unsettled, 0), b.batch, coalesce(o.attempts, 0) + 1, b.session, b.at, ?2,
         'interrupted', NULL, ?3, NULL
     FROM begun b JOIN rows r ON r.line BETWEEN b.first AND b.last LEFT JOIN outcomes o ON o.line = r.line
     WHERE b.id = ?4 AND coalesce(o.state, 0) = 0
     ON CONFLICT DO UPDATE SET state = excluded.state, batch = excluded.batch, attempts = excluded.attempts,
         session = excluded.session, started = excluded.started, finished = excluded.finished, kind = excluded.kind,
         code = NULL, message = excluded.message, tracking_id = NULL";

// Where the provider's own limit is not known.
const MAX_ATTEMPT_MS: i64 = 600_000;
const MARK_IN_FLIGHT: &str = "INSERT INTO in_flight
     SELECT r.line, 0, b.at + coalesce(p.longest, ?2), b.uptime + coalesce(p.longest, ?2), b.boot
     FROM begun b JOIN rows r ON r.line BETWEEN b.first AND b.last LEFT JOIN outcomes o ON o.line = r.line
         LEFT JOIN providers p ON p.id = r.provider
     WHERE b.id = ?1 AND coalesce(o.state, 0) = 0
     ON CONFLICT DO UPDATE SET at = excluded.at, uptime = excluded.uptime, boot = excluded.boot";
// Nothing leaves a process that is gone, and a wall clock that was ahead is not waited for.
const CAP_IN_FLIGHT: &str = "UPDATE in_flight SET at = min(at, ?1),
     uptime = CASE WHEN boot IS ?3 THEN min(uptime, ?2) ELSE uptime END";

/// What is written with one commit.
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
        self.transaction(|transaction, _, clock| {
            let begun: Vec<i64> = transaction
                .prepare("SELECT id FROM begun ORDER BY id DESC")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut sweep = transaction.prepare(MARK_INTERRUPTED)?;
            let mut in_flight = transaction.prepare(MARK_IN_FLIGHT)?;
            for id in begun {
                in_flight.execute([id, MAX_ATTEMPT_MS])?;
                sweep.execute(params![
                    RowPhase::Unknown as i64,
                    at,
                    "repass was stopped while the change was under way, so nobody knows whether it was made",
                    id
                ])?;
            }
            let Moment { at, uptime } = Moment::now();
            transaction.execute(CAP_IN_FLIGHT, params![at, uptime, clock.boot()])?;
            transaction.execute("DELETE FROM begun", []).map(drop)
        })
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
    pub(crate) fn retry_transient(&mut self) -> Result<usize, BulkError> {
        let kinds: Vec<String> = TRANSIENT.iter().map(|kind| format!("'{kind}'")).collect();
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
            let mut insert = transaction.prepare_cached(INGEST)?;
            for item in items {
                match item {
                    Item::Row(row) => {
                        let provider = providers.get(row.provider);
                        let new = insert.execute(params![row.line, row.user.expose(), provider])?;
                        taken.add(RowStatus::Pending, new);
                    }
                    Item::Invalid(bad) => taken.add(RowStatus::NotApplied, insert_bad(transaction, bad, at)?),
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
                insert_bad(transaction, bad, at)?;
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

fn insert_bad(transaction: &Transaction<'_>, bad: &InvalidRow, at: i64) -> rusqlite::Result<usize> {
    let user = bad.user.as_ref().map(UserId::expose);
    let new = transaction
        .prepare_cached(INGEST)?
        .execute(params![bad.line, user, None::<u64>])?;
    if new == 1 {
        let mut outcome = transaction
            .prepare_cached("INSERT INTO outcomes VALUES (?1, ?2, 0, 0, 0, 0, 0, ?3, ?4, NULL, ?5, NULL)")?;
        outcome.execute(params![
            bad.line,
            RowPhase::Invalid as i64,
            at,
            bad.kind,
            bad.reason
        ])?;
    }
    Ok(new)
}
