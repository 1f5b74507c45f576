//! Writes a journal.

use repass_domain::UserId;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::attempts::{
    INSERT_ROW, KEEP_EARLIER, OpenRange, PROBE, end, in_flight, insert_invalid, mark_interrupted, start,
};
use super::{Clock, Moment, SqliteJournal, SqliteReader, unwritable};
use crate::BulkError;
use crate::journal::{
    Commit, Journal, JournalReader, NewRow, ROW_INDEPENDENT, RowPhase, RowStatus, Tally, different_input,
};

const NOTE_ACCOUNT: &str = "INSERT OR IGNORE INTO accounts VALUES (?1, ?2, ?3)";

impl Journal for SqliteJournal {
    fn reader(&self) -> Result<Box<dyn JournalReader>, BulkError> {
        Ok(Box::new(SqliteReader::open(&self.path)?))
    }

    fn accounts(&self) -> Result<Vec<(u64, String, u64)>, BulkError> {
        let mut all = self
            .connection
            .prepare("SELECT provider, account, line FROM accounts")
            .map_err(unwritable)?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.and_then(Iterator::collect).map_err(unwritable)
    }

    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError> {
        let sql = "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.connection
            .execute(sql, [name, value])
            .map(drop)
            .map_err(unwritable)
    }

    fn provider_id(&mut self, name: &str) -> Result<u64, BulkError> {
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

    fn set_limits(&mut self, provider: u64, rate: Option<f64>, longest: i64) -> Result<(), BulkError> {
        let sql = "UPDATE providers SET allowed = ?2, longest = ?3 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, rate, longest])
            .map(drop)
            .map_err(unwritable)
    }

    fn set_identity(&mut self, provider: u64, identity: &str) -> Result<(), BulkError> {
        let sql = "UPDATE providers SET identity = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![provider, identity])
            .map(drop)
            .map_err(unwritable)
    }

    fn mark_interrupted(&mut self, at: i64) -> Result<(), BulkError> {
        self.open.clear();
        self.transaction(|transaction, _, clock| mark_interrupted(transaction, at, clock))
    }

    fn begin_session(&mut self, at: i64) -> Result<u64, BulkError> {
        let sql = "INSERT INTO sessions (started) VALUES (?1)";
        self.connection.execute(sql, [at]).map_err(unwritable)?;
        let id = self.connection.last_insert_rowid();
        u64::try_from(id).map_err(|error| BulkError::internal(error.to_string()))
    }

    fn end_session(&mut self, session: u64, at: i64) -> Result<(), BulkError> {
        let sql = "UPDATE sessions SET ended = ?2 WHERE id = ?1";
        self.connection
            .execute(sql, params![session, at])
            .map(drop)
            .map_err(unwritable)
    }

    fn requeue(&mut self) -> Result<usize, BulkError> {
        let kinds: Vec<String> = ROW_INDEPENDENT.iter().map(|kind| format!("'{kind}'")).collect();
        let which = format!(
            "state = {} AND NOT unsettled AND kind IN ({})",
            RowPhase::NotApplied as i64,
            kinds.join(", ")
        );
        self.transaction(|transaction, _, _| {
            transaction.execute(&format!("{KEEP_EARLIER} WHERE {which} AND batch <> 0"), [])?;
            transaction.execute(&format!("UPDATE outcomes SET state = 0 WHERE {which}"), [])
        })
    }

    fn ingest(&mut self, rows: &[NewRow<'_>], at: i64) -> Result<Tally, BulkError> {
        if let Some(line) = self.first_different(rows).map_err(unwritable)? {
            return Err(different_input(line));
        }
        self.transaction(|transaction, _, _| {
            let mut taken = Tally::default();
            // Prepared once, not for each row.
            let mut insert = transaction.prepare_cached(INSERT_ROW)?;
            for row in rows {
                if let Some(invalid) = &row.invalid {
                    taken.add(
                        RowStatus::NotApplied,
                        insert_invalid(transaction, row, *invalid, at)?,
                    );
                } else {
                    let new =
                        insert.execute(params![row.line, row.user.map(UserId::expose), row.provider])?;
                    taken.add(RowStatus::Pending, new);
                }
            }
            Ok(taken)
        })
    }

    fn commit(&mut self, entries: &Commit<'_>, session: u64) -> Result<Vec<u64>, BulkError> {
        let (begun, left) = self.transaction(|transaction, open, clock| {
            let at = Moment::now().at;
            for row in entries.bad {
                if let Some(invalid) = row.invalid {
                    insert_invalid(transaction, row, invalid, at)?;
                }
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
                in_flight(transaction, *line, PROBE, until, clock.boot())?;
            }
            Ok((begun, left))
        })?;
        // Updated only after the commit succeeded.
        for (begun, left) in self.open.iter_mut().zip(left) {
            begun.left = left;
        }
        self.open.retain(|begun| begun.left > 0);
        self.open.extend(begun);
        Ok(Vec::new())
    }
}

impl SqliteJournal {
    // The first row that differs from the one of its line, or that is new and not behind all others.
    fn first_different(&self, rows: &[NewRow<'_>]) -> rusqlite::Result<Option<u64>> {
        let last: u64 = self
            .connection
            .query_row("SELECT coalesce(max(line), 0) FROM rows", [], |row| row.get(0))?;
        let mut known = self
            .connection
            .prepare_cached("SELECT user, provider FROM rows WHERE line = ?1")?;
        for row in rows.iter().filter(|row| row.line <= last) {
            let known = known.query_row([row.line], |row| Ok((row.get(0)?, row.get(1)?)));
            let known: Option<(Option<String>, Option<u64>)> = known.optional()?;
            let user = row.user.map(|user| user.expose().to_owned());
            let provider = row.provider.filter(|_| row.invalid.is_none());
            if known != Some((user, provider)) {
                return Ok(Some(row.line));
            }
        }
        Ok(None)
    }

    pub(super) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &[OpenRange], &Clock) -> rusqlite::Result<T>,
    ) -> Result<T, BulkError> {
        let Self {
            connection,
            open,
            clock,
            ..
        } = self;
        let done = connection.transaction().and_then(|transaction| {
            let result = work(&transaction, open, clock)?;
            transaction.commit()?;
            Ok(result)
        });
        done.map_err(unwritable)
    }
}
