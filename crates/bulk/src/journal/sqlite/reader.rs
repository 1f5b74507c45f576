//! Reads a journal.

use repass_domain::PriorState;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Moment, SqliteReader, unreadable};
use crate::BulkError;
use crate::journal::{
    JournalReader, JournalRow, READ_WHOLE, ReasonCount, ReportRow, RowPhase, RowStatus, RunSummary,
    SessionSummary, Tally,
};

const STANDING: &str = "line, user, provider, state, unsettled, batch, attempts";

const REPORT: &str =
    "SELECT line, user, (SELECT name FROM providers p WHERE p.id = r.provider) AS provider, state,
        unsettled, kind, code, message, attempts, started, finished, tracking_id
    FROM standings r ORDER BY line";

impl JournalReader for SqliteReader {
    fn is_active(&self) -> Result<bool, BulkError> {
        Ok(self.is_locked())
    }

    fn fact(&self, name: &str) -> Result<Option<String>, BulkError> {
        let found = self
            .connection
            .query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| {
                row.get(0)
            });
        found.optional().map_err(unreadable)
    }

    fn providers(&self) -> Result<Vec<(u64, String)>, BulkError> {
        self.all("SELECT id, name FROM providers ORDER BY id", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    fn identity(&self, provider: u64) -> Result<Option<String>, BulkError> {
        let sql = "SELECT identity FROM providers WHERE id = ?1";
        let found = self.connection.query_row(sql, [provider], |row| row.get(0));
        Ok(found.optional().map_err(unreadable)?.flatten())
    }

    fn quiet_for(&self, line: u64) -> Result<i64, BulkError> {
        let sql = "SELECT at, uptime, boot FROM in_flight WHERE line = ?1";
        let mut statement = self.connection.prepare_cached(sql).map_err(unreadable)?;
        let since = statement
            .query_map([line], |row| {
                let (at, uptime) = (row.get(0)?, row.get(1)?);
                let boot: Option<String> = row.get(2)?;
                Ok(self.clock.since(Moment { at, uptime }, boot.as_deref()))
            })
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable)?;
        Ok(since.into_iter().min().unwrap_or_default())
    }

    fn prior_state(&self, line: u64, batch: u64) -> Result<PriorState, BulkError> {
        let sql = "SELECT state FROM prior_states WHERE line = ?1 AND batch = ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(unreadable)?;
        let state = statement.query_row([line, batch], |row| row.get::<_, String>(0));
        match state.optional().map_err(unreadable)? {
            Some(state) => serde_json::from_str(&state)
                .map_err(|error| BulkError::internal(format!("the journal was changed: {error}"))),
            None => Ok(PriorState::default()),
        }
    }

    fn to_reissue(&self, after: u64, most: u32) -> Result<Vec<JournalRow>, BulkError> {
        let sql = "SELECT r.line, r.user, r.provider, o.state, o.unsettled, o.batch, o.attempts
                   FROM outcomes o JOIN rows r ON r.line = o.line
                   WHERE o.line > ?1 AND (o.state = 4 OR (o.unsettled AND o.state IN (0, 3)))
                   ORDER BY o.line LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(unreadable)?;
        let rows = statement.query_map(params![after, most], standing);
        rows.and_then(Iterator::collect).map_err(unreadable)
    }

    fn unresolved_count(&self) -> Result<u64, BulkError> {
        let sql = "SELECT count(*) FROM outcomes WHERE state = 4 OR unsettled";
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(unreadable)
    }

    fn unknown_earlier(&self, line: u64) -> Result<Vec<u64>, BulkError> {
        let sql = "SELECT batch FROM earlier WHERE line = ?1 AND state IN (1, 4) ORDER BY batch DESC";
        let mut statement = self.connection.prepare_cached(sql).map_err(unreadable)?;
        let batches = statement.query_map([line], |row| row.get(0));
        batches.and_then(Iterator::collect).map_err(unreadable)
    }

    fn to_send(&self, after: u64, most: u32) -> Result<Vec<JournalRow>, BulkError> {
        let sql = "SELECT r.line, r.user, r.provider, 0, coalesce(o.unsettled, 0), 0, coalesce(o.attempts, 0)
                   FROM rows r LEFT JOIN outcomes o ON o.line = r.line
                   WHERE r.line > ?1 AND coalesce(o.state, 0) = 0 AND NOT coalesce(o.unsettled, 0)
                       AND (r.line > (SELECT coalesce(max(last), 0) FROM begun)
                            OR NOT EXISTS (SELECT 1 FROM begun b WHERE r.line BETWEEN b.first AND b.last))
                   ORDER BY r.line LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(unreadable)?;
        let rows = statement.query_map(params![after, most], standing);
        rows.and_then(Iterator::collect).map_err(unreadable)
    }

    fn row(&self, line: u64) -> Result<Option<JournalRow>, BulkError> {
        let sql = format!("SELECT {STANDING} FROM standings WHERE line = ?1");
        let mut statement = self.connection.prepare_cached(&sql).map_err(unreadable)?;
        statement
            .query_row([line], standing)
            .optional()
            .map_err(unreadable)
    }

    fn earlier(&self, line: u64, batch: u64) -> Result<Option<RowPhase>, BulkError> {
        let sql = "SELECT state FROM earlier WHERE line = ?1 AND batch = ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(unreadable)?;
        let state = statement.query_row([line, batch], |row| row.get(0));
        Ok(state.optional().map_err(unreadable)?.map(RowPhase::of))
    }

    fn tally(&self) -> Result<Tally, BulkError> {
        // One pass over the outcomes; grouping would sort them first. Few rows are being sent.
        let sql = "SELECT (SELECT count(*) FROM rows),
                       count(*) FILTER (WHERE state = 2),
                       count(*) FILTER (WHERE state IN (3, 5) AND NOT unsettled),
                       count(*) FILTER (WHERE state = 4 OR (state <> 2 AND unsettled)) +
                           (SELECT count(DISTINCT r.line) FROM begun b
                            JOIN rows r ON r.line BETWEEN b.first AND b.last LEFT JOIN outcomes o ON o.line = r.line
                            WHERE coalesce(o.state, 0) = 0 AND NOT coalesce(o.unsettled, 0))
                   FROM outcomes";
        let tally = self.connection.query_row(sql, [], |row| {
            let (rows, applied, not_applied, unknown) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Tally {
                rows,
                applied,
                not_applied,
                unknown,
                pending: rows - applied - not_applied - unknown,
            })
        });
        tally.map_err(unreadable)
    }

    fn summary(&self) -> Result<RunSummary, BulkError> {
        let tally = self.tally()?;
        let count = |sql: &str| {
            let count = self.connection.query_row(sql, [], |row| row.get::<_, u64>(0));
            count.map_err(unreadable)
        };
        let in_flight = count(
            "SELECT count(DISTINCT r.line) FROM begun b
             JOIN rows r ON r.line BETWEEN b.first AND b.last LEFT JOIN outcomes o ON o.line = r.line
             WHERE coalesce(o.state, 0) = 0 AND NOT coalesce(o.unsettled, 0)",
        )?;
        let candidates = count("SELECT count(*) FROM outcomes WHERE state = 2 AND unsettled")?;
        let allowed = self.all("SELECT name, allowed FROM providers ORDER BY id", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let sessions = self.all(
            "SELECT s.started, max(s.started, coalesce(s.ended, r.last, 0)), s.ended IS NOT NULL FROM sessions s LEFT JOIN
                 (SELECT session, max(CASE kind WHEN 'interrupted' THEN started ELSE finished END) AS last
                  FROM standings GROUP BY session) r ON r.session = s.id ORDER BY s.id",
            |row| {
                Ok(SessionSummary {
                    started: row.get(0)?,
                    ended: row.get(1)?,
                    clean: row.get(2)?,
                })
            },
        )?;
        Ok(RunSummary {
            read_whole: self.fact(READ_WHOLE)?.is_some(),
            tally,
            in_flight,
            candidates,
            generated: self.fact("passwords")?.as_deref() == Some("generated"),
            allowed,
            sessions,
        })
    }

    fn reasons(&self) -> Result<Vec<ReasonCount>, BulkError> {
        self.all(
            "SELECT state, unsettled, kind, code, min(message), count(*) FROM standings
             WHERE state <> 2 AND (state <> 0 OR unsettled)
             GROUP BY state, unsettled, kind, code ORDER BY count(*) DESC, kind, code",
            |row| {
                Ok(ReasonCount {
                    outcome: RowStatus::of(RowPhase::of(row.get(0)?), row.get(1)?),
                    kind: row.get(2)?,
                    code: row.get(3)?,
                    message: row.get(4)?,
                    count: row.get(5)?,
                })
            },
        )
    }

    fn finish_times(&self, take: &mut dyn FnMut(u64, i64)) -> Result<(), BulkError> {
        let sql = "SELECT session, finished FROM outcomes
                   WHERE attempts > 0 AND state IN (2, 3, 4) AND kind IS NOT 'interrupted'";
        let mut statement = self.connection.prepare(sql).map_err(unreadable)?;
        let mut rows = statement.query([]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            take(row.get(0).map_err(unreadable)?, row.get(1).map_err(unreadable)?);
        }
        Ok(())
    }

    fn for_each_row(
        &self,
        only: Option<RowStatus>,
        take: &mut dyn FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        let mut statement = self.connection.prepare(REPORT).map_err(unreadable)?;
        let mut rows = statement.query([]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            let row = report_row(row).map_err(unreadable)?;
            if only.is_none_or(|only| only == row.outcome) {
                take(row)?;
            }
        }
        Ok(())
    }
}

impl SqliteReader {
    fn all<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, BulkError> {
        let mut statement = self.connection.prepare(sql).map_err(unreadable)?;
        let rows = statement.query_map([], read);
        rows.and_then(Iterator::collect).map_err(unreadable)
    }
}

fn standing(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        line: row.get(0)?,
        user: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        provider: row.get::<_, Option<u64>>(2)?.unwrap_or_default(),
        state: RowPhase::of(row.get(3)?),
        unsettled: row.get(4)?,
        batch: row.get(5)?,
        attempts: row.get(6)?,
    })
}

fn report_row(row: &Row<'_>) -> rusqlite::Result<ReportRow> {
    let time = |milliseconds: i64| (milliseconds > 0).then_some(milliseconds);
    let outcome = RowStatus::of(RowPhase::of(row.get("state")?), row.get("unsettled")?);
    let applied = outcome == RowStatus::Applied;
    Ok(ReportRow {
        line: row.get("line")?,
        user: row.get("user")?,
        provider: row.get("provider")?,
        outcome,
        kind: row.get::<_, Option<String>>("kind")?.filter(|_| !applied),
        code: row.get("code")?,
        message: row.get("message")?,
        attempts: row.get("attempts")?,
        started: time(row.get("started")?),
        finished: time(row.get("finished")?),
        tracking_id: row.get("tracking_id")?,
    })
}
