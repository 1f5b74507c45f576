//! What is written.

use repass_domain::{ErrorKind, UserId};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Journal, Outcome, State, Tally, unwritable};
use crate::Problem;
use crate::input::{BadRow, Item};

/// A row that is about to be sent.
#[derive(Debug)]
pub(crate) struct Started<'a> {
    pub(crate) line: u64,
    /// With which its password was sealed.
    pub(crate) batch: u64,
    /// Of a row that is not in the journal yet: whose it is, and where.
    pub(crate) fresh: Option<(&'a UserId, u64)>,
    /// It was sent before in this session, with an unknown outcome.
    pub(crate) again: bool,
}

/// What became of a sending, or of a probe.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) line: u64,
    pub(crate) state: State,
    pub(crate) kind: Option<&'static str>,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) tracking_id: Option<String>,
    pub(crate) at: i64,
}

/// Why a row was not applied that has nothing to do with its user or password: it may be tried again.
pub(crate) const PASSING: [ErrorKind; 11] = [
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

const TAKE_IN: &str = "INSERT OR IGNORE INTO rows
         (line, user, provider, state, unsettled, session, batch, attempts, started, finished, room)
     VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, 0, 0, zeroblob(80))";
const START_FRESH: &str = "INSERT INTO rows
         (line, user, provider, state, unsettled, session, batch, attempts, started, finished, room)
     VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, 1, ?6, 0, zeroblob(80))";
const START: &str =
    "UPDATE rows SET state = 1, session = ?3, batch = ?4, attempts = attempts + 1, started = ?5
     WHERE line BETWEEN ?1 AND ?2";
const END: &str =
    "UPDATE rows SET state = ?2, unsettled = unsettled AND ?2 <> 2, finished = ?3, kind = ?4, code = ?5,
         message = ?6, tracking_id = ?7, room = NULL
     WHERE line = ?1";
const KEEP_EARLIER: &str = "INSERT OR IGNORE INTO earlier SELECT line, batch, state FROM rows";

impl Journal {
    /// Notes a fact of the run.
    pub(crate) fn note(&self, name: &str, value: &str) -> Result<(), Problem> {
        let sql = "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.connection
            .execute(sql, [name, value])
            .map(drop)
            .map_err(unwritable)
    }

    /// The number by which rows name a provider.
    pub(crate) fn provider(&self, name: &str) -> Result<u64, Problem> {
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
            .map_err(|error| Problem::machine(error.to_string()))
    }

    /// Notes the rate that a provider allows.
    pub(crate) fn allow(&self, provider: u64, rate: Option<f64>) -> Result<(), Problem> {
        let sql = "UPDATE providers SET allowed = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, rate])
            .map(drop)
            .map_err(unwritable)
    }

    /// What a session that is no more left `sending` is unknown from now on.
    pub(crate) fn sweep(&self, at: i64) -> Result<(), Problem> {
        let swept = self.connection.execute(
            "UPDATE rows SET state = ?1, kind = 'interrupted', code = NULL, message = ?2, finished = ?3
             WHERE state = ?4",
            params![
                State::Unknown as i64,
                "repass was stopped while the change was under way, so nobody knows whether it was made",
                at,
                State::Sending as i64
            ],
        );
        swept.map(drop).map_err(unwritable)
    }

    /// Begins a session.
    pub(crate) fn begin_session(&self, at: i64) -> Result<u64, Problem> {
        let sql = "INSERT INTO sessions (started) VALUES (?1)";
        self.connection.execute(sql, [at]).map_err(unwritable)?;
        let id = self.connection.last_insert_rowid();
        u64::try_from(id).map_err(|error| Problem::machine(error.to_string()))
    }

    /// The session has come to its end by itself.
    pub(crate) fn end_session(&self, session: u64, at: i64) -> Result<(), Problem> {
        let sql = "UPDATE sessions SET ended = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![session, at])
            .map(drop)
            .map_err(unwritable)
    }

    /// Rows that were not applied for a passing reason are pending again. How many.
    pub(crate) fn try_again(&mut self) -> Result<usize, Problem> {
        let kinds: Vec<String> = PASSING.iter().map(|kind| format!("'{kind}'")).collect();
        let which = format!(
            "state = {} AND kind IN ({})",
            State::NotApplied as i64,
            kinds.join(", ")
        );
        self.send_again(&which)
    }

    /// Rows whose outcome is unknown are pending again, and stay unsettled until they are applied. How many.
    pub(crate) fn reissue(&mut self) -> Result<usize, Problem> {
        let (unknown, refused) = (State::Unknown as i64, State::NotApplied as i64);
        self.send_again(&format!(
            "state = {unknown} OR (state = {refused} AND unsettled = 1)"
        ))
    }

    fn send_again(&mut self, which: &str) -> Result<usize, Problem> {
        self.transaction(|transaction| {
            transaction.execute(&format!("{KEEP_EARLIER} WHERE {which}"), [])?;
            transaction.execute(
                &format!("UPDATE rows SET state = 0, unsettled = unsettled OR state = ?1 WHERE {which}"),
                [State::Unknown as i64],
            )
        })
    }

    /// Takes rows in, those that are there already left alone. How many came in, and as what.
    pub(crate) fn take_in(&mut self, items: &[Item], providers: &[u64], at: i64) -> Result<Tally, Problem> {
        self.transaction(|transaction| {
            let mut taken = Tally::default();
            // Looked up once, not for each row.
            let mut insert = transaction.prepare_cached(TAKE_IN)?;
            for item in items {
                match item {
                    Item::Row(row) => {
                        let provider = providers.get(row.provider);
                        let new = insert.execute(params![row.line, row.user.expose(), provider])?;
                        taken.add(Outcome::Pending, new);
                    }
                    Item::Bad(bad) => taken.add(Outcome::NotApplied, insert_bad(transaction, bad, at)?),
                }
            }
            Ok(taken)
        })
    }

    /// In one commit: bad rows, what became of rows, and which rows are about to be sent. Durable when it returns.
    pub(crate) fn commit(
        &mut self,
        bad: &[BadRow],
        ended: &[Ended],
        started: &[Started<'_>],
        session: u64,
        at: i64,
    ) -> Result<(), Problem> {
        self.transaction(|transaction| {
            for bad in bad {
                insert_bad(transaction, bad, at)?;
            }
            let mut end = transaction.prepare_cached(END)?;
            for ended in ended {
                end.execute(params![
                    ended.line,
                    ended.state as i64,
                    ended.at,
                    ended.kind,
                    ended.code,
                    ended.message,
                    ended.tracking_id
                ])?;
            }
            let mut start_fresh = transaction.prepare_cached(START_FRESH)?;
            let mut start = transaction.prepare_cached(START)?;
            // Neighbours share a statement: most rows have some, and this stands before every sending.
            let neighbours = |a: &Started<'_>, b: &Started<'_>| {
                let plain = |row: &Started<'_>| row.fresh.is_none() && !row.again;
                b.line == a.line + 1 && a.batch == b.batch && plain(a) && plain(b)
            };
            for rows in started.chunk_by(neighbours) {
                let (first, last) = (&rows[0], &rows[rows.len() - 1]);
                if let Some((user, provider)) = first.fresh {
                    start_fresh.execute(params![
                        first.line,
                        user.expose(),
                        provider,
                        session,
                        first.batch,
                        at
                    ])?;
                    continue;
                }
                if first.again {
                    transaction.execute(&format!("{KEEP_EARLIER} WHERE line = ?1"), [first.line])?;
                    transaction.execute("UPDATE rows SET unsettled = 1 WHERE line = ?1", [first.line])?;
                }
                let begun = start.execute(params![first.line, last.line, session, first.batch, at])?;
                // None is sent whose intent is not on record.
                if begun != rows.len() {
                    return Err(rusqlite::Error::StatementChangedRows(begun));
                }
            }
            Ok(())
        })
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Problem> {
        let done = self.connection.transaction().and_then(|transaction| {
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        });
        done.map_err(unwritable)
    }
}

fn insert_bad(transaction: &Transaction<'_>, bad: &BadRow, at: i64) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR IGNORE INTO rows
             (line, user, state, unsettled, session, batch, attempts, started, finished, kind, message)
         VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, ?4, ?5, ?6)",
    )?;
    let user = bad.user.as_ref().map(UserId::expose);
    statement.execute(params![
        bad.line,
        user,
        State::Invalid as i64,
        at,
        bad.kind,
        bad.reason
    ])
}
