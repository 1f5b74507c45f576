//! Attempts: their start, their end, and everything that is written to the table `outcomes`.

use repass_domain::UserId;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Clock, Moment};
use crate::journal::{AttemptEnd, AttemptStart, EndKind, InvalidReason, LOST_BATCH, NewRow, RowPhase};

/// A range of rows that were started in one commit, and of which some have not ended.
#[derive(Debug)]
pub(super) struct OpenRange {
    id: i64,
    first: u64,
    last: u64,
    batch: u64,
    session: u64,
    at: i64,
    /// How many have not ended.
    pub(super) left: usize,
}

impl OpenRange {
    fn holds(&self, line: u64) -> bool {
        (self.first..=self.last).contains(&line)
    }
}

pub(super) const KEEP_EARLIER: &str = "INSERT OR IGNORE INTO earlier SELECT line, batch, state FROM outcomes";
const START_FRESH: &str = "INSERT INTO rows VALUES (?1, ?2, ?3)";
pub(super) const INSERT_ROW: &str = "INSERT OR IGNORE INTO rows VALUES (?1, ?2, ?3)";
const START: &str = "INSERT INTO begun (first, last, batch, session, at, uptime, boot)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
// `unsettled` is kept: this attempt says nothing about an earlier one.
const END: &str =
    "INSERT INTO outcomes (line, state, unsettled, batch, attempts, session, started, finished, kind, code,
         message, tracking_id)
     VALUES (?1, ?2, 0, ?8, 1, ?9, ?10, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT DO UPDATE SET state = ?2, batch = ?8, attempts = attempts + 1,
         session = ?9, started = ?10, finished = ?3, kind = ?4, code = ?5, message = ?6, tracking_id = ?7
     WHERE state = 0";
const END_UNBEGUN: &str = "INSERT INTO outcomes (line, state, unsettled, batch, attempts, session, started, finished, kind,
         code, message, tracking_id)
     VALUES (?1, ?2, 0, ?8, ?9, ?10, 0, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT DO UPDATE SET state = ?2, batch = iif(?9, ?8, batch), attempts = attempts + ?9, session = ?10,
         finished = ?3, kind = ?4, code = ?5, message = ?6, tracking_id = ?7
     WHERE state = 0";
const END_PROBE: &str =
    "UPDATE outcomes SET state = ?2, unsettled = unsettled AND ?2 <> 2, batch = ?8, finished = ?3,
         kind = ?4, code = ?5, message = ?6, tracking_id = ?7
     WHERE line = ?1";
const IN_FLIGHT: &str = "INSERT INTO in_flight VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT DO UPDATE SET at = excluded.at, uptime = excluded.uptime, boot = excluded.boot";

const KEEP_PRIOR_STATE: &str = "INSERT OR REPLACE INTO prior_states VALUES (?1, ?2, ?3)";

// Executed for the last start of a row first; its outcome then excludes the earlier starts.
const MARK_INTERRUPTED: &str = "INSERT INTO outcomes (line, state, unsettled, batch, attempts, session, started, finished,
         kind, message)
     SELECT r.line, ?1, coalesce(o.unsettled, 0), b.batch, coalesce(o.attempts, 0) + 1, b.session, b.at, ?2,
         'interrupted', ?3
     FROM begun b JOIN rows r ON r.line BETWEEN b.first AND b.last LEFT JOIN outcomes o ON o.line = r.line
     WHERE b.id = ?4 AND coalesce(o.state, 0) = 0
     ON CONFLICT DO UPDATE SET state = excluded.state, batch = excluded.batch, attempts = excluded.attempts,
         session = excluded.session, started = excluded.started, finished = excluded.finished, kind = excluded.kind,
         code = NULL, message = excluded.message, tracking_id = NULL";

// If the provider's timeout is not known.
const MAX_ATTEMPT_MS: i64 = 600_000;
const MARK_IN_FLIGHT: &str = "INSERT INTO in_flight
     SELECT r.line, 0, b.at + coalesce(p.longest, ?2), b.uptime + coalesce(p.longest, ?2), b.boot
     FROM begun b JOIN rows r ON r.line BETWEEN b.first AND b.last LEFT JOIN outcomes o ON o.line = r.line
         LEFT JOIN providers p ON p.id = r.provider
     WHERE b.id = ?1 AND coalesce(o.state, 0) = 0
     ON CONFLICT DO UPDATE SET at = excluded.at, uptime = excluded.uptime, boot = excluded.boot";
// A process that is gone sends nothing, and a wall clock that was ahead does not extend the wait. One elsewhere may not be gone.
const CAP_IN_FLIGHT: &str = "UPDATE in_flight SET at = min(at, ?1),
     uptime = CASE WHEN boot IS ?3 THEN min(uptime, ?2) ELSE uptime END
     WHERE probe < 2";

// What a request in flight is, in the column `probe`.
/// The attempt itself.
pub(super) const ATTEMPT: i64 = 0;
/// A probe that sets the password.
pub(super) const PROBE: i64 = 1;
/// It was sent by another process before the run moved here.
pub(super) const ELSEWHERE: i64 = 2;

/// Records until when a request for a row may have been in flight.
pub(super) fn in_flight(
    transaction: &Transaction<'_>,
    line: u64,
    kind: i64,
    until: Moment,
    boot: Option<&str>,
) -> rusqlite::Result<()> {
    let mut note = transaction.prepare_cached(IN_FLIGHT)?;
    note.execute(params![line, kind, until.at, until.uptime, boot])
        .map(drop)
}

/// Writes ends. Returns how many rows of each open range have not ended; ranges without such rows are removed.
pub(super) fn end(
    transaction: &Transaction<'_>,
    ended: &[AttemptEnd],
    open: &[OpenRange],
    (session, providers, clock): (u64, &[u64], &Clock),
) -> rusqlite::Result<Vec<usize>> {
    // Prepared once, not for each row.
    let mut sent = transaction.prepare_cached(END)?;
    let mut left: Vec<usize> = open.iter().map(|begun| begun.left).collect();
    let now = Moment::now();
    for row in ended {
        let (line, state, at) = (row.line, row.state as i64, row.at);
        let (kind, code, message, tracking_id) = (row.kind, &row.code, &row.message, &row.tracking_id);
        match &row.sent {
            EndKind::Recorded => {
                // A row that was sent again may also be in an older range.
                let place = open.iter().rposition(|begun| begun.holds(line));
                let changed = match place.map(|place| &open[place]) {
                    Some(&OpenRange {
                        batch,
                        session,
                        at: started,
                        ..
                    }) => sent.execute(params![
                        line,
                        state,
                        at,
                        kind,
                        code,
                        message,
                        tracking_id,
                        batch,
                        session,
                        started
                    ])?,
                    None => 0,
                };
                if changed == 1 {
                    if let Some(place) = place {
                        left[place] -= 1;
                        keep_prior_state(transaction, row, open[place].batch)?;
                    }
                } else if !has_ended(transaction, line)? {
                    return Err(rusqlite::Error::StatementChangedRows(changed));
                }
            }
            EndKind::NotSent(fresh) | EndKind::Unrecorded(_, fresh) => {
                if let Some((user, place)) = fresh {
                    let provider = providers.get(*place);
                    let mut know = transaction.prepare_cached(INSERT_ROW)?;
                    know.execute(params![line, user.expose(), provider])?;
                }
                let batch = match row.sent {
                    EndKind::Unrecorded(batch, _) => Some(batch),
                    _ => None,
                };
                let mut unbegun = transaction.prepare_cached(END_UNBEGUN)?;
                unbegun.execute(params![
                    line,
                    state,
                    at,
                    kind,
                    code,
                    message,
                    tracking_id,
                    batch.unwrap_or_default(),
                    batch.is_some(),
                    session
                ])?;
                if let Some(batch) = batch {
                    keep_prior_state(transaction, row, batch)?;
                }
            }
            EndKind::Probe { batch, set } => {
                probed(transaction, row, *batch)?;
                if *set {
                    in_flight(transaction, line, PROBE, now, clock.boot())?;
                }
                continue;
            }
        }
        if row.state == RowPhase::Unknown {
            in_flight(transaction, line, ATTEMPT, now, clock.boot())?;
        }
    }
    forget_ended(transaction, open, &left)?;
    Ok(left)
}

// With the password of its attempt, because an earlier password of the row may be probed later.
fn keep_prior_state(transaction: &Transaction<'_>, row: &AttemptEnd, batch: u64) -> rusqlite::Result<()> {
    if row.state != RowPhase::Unknown || row.prior_state.is_empty() {
        return Ok(());
    }
    let state = serde_json::to_string(&row.prior_state)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut keep = transaction.prepare_cached(KEEP_PRIOR_STATE)?;
    keep.execute(params![row.line, batch, state]).map(drop)
}

// After a commit that failed late, an end may be written twice.
fn has_ended(transaction: &Transaction<'_>, line: u64) -> rusqlite::Result<bool> {
    let mut ended = transaction.prepare_cached("SELECT 1 FROM outcomes WHERE line = ?1 AND state <> 0")?;
    ended.exists([line])
}

fn forget_ended(transaction: &Transaction<'_>, open: &[OpenRange], left: &[usize]) -> rusqlite::Result<()> {
    let mut forget = transaction.prepare_cached("DELETE FROM begun WHERE id = ?1")?;
    for (begun, left) in open.iter().zip(left) {
        if *left == 0 {
            forget.execute([begun.id])?;
        }
    }
    Ok(())
}

// The result of a probe of the password in this batch: the one that was sent last, or an earlier one.
fn probed(transaction: &Transaction<'_>, row: &AttemptEnd, batch: u64) -> rusqlite::Result<()> {
    let line = row.line;
    let known = transaction
        .prepare_cached("SELECT batch, state FROM outcomes WHERE line = ?1")?
        .query_row([line], |row| Ok((row.get::<_, u64>(0)?, row.get(1)?)))
        .optional()?;
    let Some((last, before)) = known else {
        return Err(rusqlite::Error::StatementChangedRows(0));
    };
    let before = RowPhase::of(before);
    match (row.state, last == batch) {
        // The provider confirmed this password before. Now it is the one that works.
        (RowPhase::Applied, true) if before == RowPhase::Applied => {
            transaction.execute("UPDATE outcomes SET unsettled = 0 WHERE line = ?1", [line])?;
        }
        // It was replaced since; that the provider set it stays true.
        (_, true) if before == RowPhase::Applied => {}
        (RowPhase::Applied | RowPhase::NotApplied | RowPhase::Unknown, true) => {
            settle(transaction, row, batch)?;
        }
        // Of the passwords of which one was sent it is this one.
        (RowPhase::Applied, false) if before == RowPhase::Unknown && last == LOST_BATCH => {
            settle(transaction, row, batch)?;
        }
        (RowPhase::Applied, false) => {
            transaction.execute(&format!("{KEEP_EARLIER} WHERE line = ?1"), [line])?;
            transaction.execute(
                "DELETE FROM earlier WHERE line = ?1 AND batch = ?2",
                params![line, batch],
            )?;
            settle(transaction, row, batch)?;
        }
        (RowPhase::NotApplied, false) => {
            transaction.execute(
                "UPDATE earlier SET state = ?3 WHERE line = ?1 AND batch = ?2",
                params![line, batch, RowPhase::NotApplied as i64],
            )?;
            transaction.execute(
                "UPDATE outcomes SET unsettled = EXISTS (SELECT 1 FROM earlier WHERE line = ?1 AND state IN (1, 4))
                 WHERE line = ?1",
                [line],
            )?;
        }
        _ => {}
    }
    Ok(())
}

fn settle(transaction: &Transaction<'_>, row: &AttemptEnd, batch: u64) -> rusqlite::Result<()> {
    let mut probed = transaction.prepare_cached(END_PROBE)?;
    probed
        .execute(params![
            row.line,
            row.state as i64,
            row.at,
            row.kind,
            row.code,
            row.message,
            row.tracking_id,
            batch
        ])
        .map(drop)
}

/// Writes starts. `left` belongs to the open ranges, as returned by [`end`].
pub(super) fn start(
    transaction: &Transaction<'_>,
    started: &[AttemptStart<'_>],
    (open, left): (&[OpenRange], &mut [usize]),
    (session, clock): (u64, &Clock),
) -> rusqlite::Result<Vec<OpenRange>> {
    let mut start_fresh = transaction.prepare_cached(START_FRESH)?;
    let mut start = transaction.prepare_cached(START)?;
    let mut count = transaction.prepare_cached("SELECT count(*) FROM rows WHERE line BETWEEN ?1 AND ?2")?;
    let mut resent = false;
    for row in started {
        if row.resent {
            // From now on it belongs to the newer range.
            let place = open.iter().rposition(|begun| begun.holds(row.line));
            let place = place.ok_or(rusqlite::Error::StatementChangedRows(0))?;
            left[place] -= 1;
            resent = true;
            continue;
        }
        if let Some((user, provider)) = row.fresh {
            start_fresh.execute(params![row.line, user.expose(), provider])?;
        }
        if row.again {
            transaction.execute(&format!("{KEEP_EARLIER} WHERE line = ?1"), [row.line])?;
            transaction.execute(
                "UPDATE outcomes SET state = 0, unsettled = 1 WHERE line = ?1",
                [row.line],
            )?;
        }
    }
    if resent {
        forget_ended(transaction, open, left)?;
    }
    let now = Moment::now();
    // Ranges keep this write, which precedes every request, short.
    let neighbours = |a: &AttemptStart<'_>, b: &AttemptStart<'_>| b.line == a.line + 1 && a.batch == b.batch;
    let mut all = Vec::new();
    for rows in started.chunk_by(neighbours) {
        let (first, last, batch) = (rows[0].line, rows[rows.len() - 1].line, rows[0].batch);
        // A row that is not in the journal must not be sent.
        let known: usize = count.query_row([first, last], |row| row.get(0))?;
        if known != rows.len() {
            return Err(rusqlite::Error::StatementChangedRows(known));
        }
        let id = start.insert(params![
            first,
            last,
            batch,
            session,
            now.at,
            now.uptime,
            clock.boot()
        ])?;
        all.push(OpenRange {
            id,
            first,
            last,
            batch,
            session,
            at: now.at,
            left: rows.len(),
        });
    }
    Ok(all)
}

/// Makes the attempts that an earlier process left in flight unknown.
pub(super) fn mark_interrupted(
    transaction: &Transaction<'_>,
    at: i64,
    clock: &Clock,
) -> rusqlite::Result<()> {
    let begun: Vec<i64> = transaction
        .prepare("SELECT id FROM begun ORDER BY id DESC")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut unknown = transaction.prepare(MARK_INTERRUPTED)?;
    let mut in_flight = transaction.prepare(MARK_IN_FLIGHT)?;
    for id in begun {
        in_flight.execute([id, MAX_ATTEMPT_MS])?;
        unknown.execute(params![
            RowPhase::Unknown as i64,
            at,
            "repass was stopped while the change was in flight; it may have been applied",
            id
        ])?;
    }
    let Moment { at, uptime } = Moment::now();
    transaction.execute(CAP_IN_FLIGHT, params![at, uptime, clock.boot()])?;
    transaction.execute("DELETE FROM begun", []).map(drop)
}

/// Adds a row that cannot be sent, with its outcome; 0 if the row is there already.
pub(super) fn insert_invalid(
    transaction: &Transaction<'_>,
    row: &NewRow<'_>,
    invalid: InvalidReason<'_>,
    at: i64,
) -> rusqlite::Result<usize> {
    let user = row.user.map(UserId::expose);
    let new = transaction
        .prepare_cached(INSERT_ROW)?
        .execute(params![row.line, user, None::<u64>])?;
    if new == 1 {
        let mut outcome = transaction
            .prepare_cached("INSERT INTO outcomes (line, state, unsettled, batch, attempts, session, started, finished, kind, message)
             VALUES (?1, ?2, 0, 0, 0, 0, 0, ?3, ?4, ?5)")?;
        outcome.execute(params![
            row.line,
            RowPhase::Invalid as i64,
            at,
            invalid.kind,
            invalid.message
        ])?;
    }
    Ok(new)
}
