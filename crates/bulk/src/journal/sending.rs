//! What is written of a sending: that it was begun, and what became of it.

use repass_domain::UserId;
use rusqlite::{Transaction, params};

use super::State;

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

/// Neighbours that were begun with one commit, and of which some have not ended.
#[derive(Debug)]
pub(super) struct Begun {
    id: i64,
    first: u64,
    last: u64,
    batch: u64,
    session: u64,
    at: i64,
    /// How many have not.
    pub(super) left: usize,
}

pub(super) const KEEP_EARLIER: &str = "INSERT OR IGNORE INTO earlier SELECT line, batch, state FROM outcomes";
const START_FRESH: &str = "INSERT INTO rows VALUES (?1, ?2, ?3)";
const START: &str = "INSERT INTO begun (first, last, batch, session, at) VALUES (?1, ?2, ?3, ?4, ?5)";
const END: &str = "INSERT INTO outcomes VALUES (?1, ?2, 0, ?8, 1, ?9, ?10, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT DO UPDATE SET state = ?2, unsettled = unsettled AND ?2 <> 2, batch = ?8, attempts = attempts + 1,
         session = ?9, started = ?10, finished = ?3, kind = ?4, code = ?5, message = ?6, tracking_id = ?7
     WHERE state = 0";
const END_PROBE: &str =
    "UPDATE outcomes SET state = ?2, unsettled = unsettled AND ?2 <> 2, finished = ?3, kind = ?4, code = ?5,
         message = ?6, tracking_id = ?7
     WHERE line = ?1";

/// How many rows of each that is open have not ended now; those without any are no longer noted as begun.
pub(super) fn end(
    transaction: &Transaction<'_>,
    ended: &[Ended],
    open: &[Begun],
) -> rusqlite::Result<Vec<usize>> {
    // Looked up once, not for each row.
    let mut sent = transaction.prepare_cached(END)?;
    let mut probed = transaction.prepare_cached(END_PROBE)?;
    let mut left: Vec<usize> = open.iter().map(|begun| begun.left).collect();
    for row in ended {
        let (line, state, at) = (row.line, row.state as i64, row.at);
        let (kind, code, message, tracking_id) = (row.kind, &row.code, &row.message, &row.tracking_id);
        // One that is sent again may stand in an older one as well.
        let place = open
            .iter()
            .rposition(|begun| (begun.first..=begun.last).contains(&line));
        if let Some(place) = place {
            let Begun {
                batch,
                session,
                at: started,
                ..
            } = open[place];
            // Nothing is changed where it has its outcome already: then it does not end a second time.
            let ended = sent.execute(params![
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
            ])?;
            left[place] -= ended;
            if ended == 1 {
                continue;
            }
        }
        let changed = probed.execute(params![line, state, at, kind, code, message, tracking_id])?;
        if changed != 1 {
            return Err(rusqlite::Error::StatementChangedRows(changed));
        }
    }
    let mut forget = transaction.prepare_cached("DELETE FROM begun WHERE id = ?1")?;
    for (begun, left) in open.iter().zip(&left) {
        if *left == 0 {
            forget.execute([begun.id])?;
        }
    }
    Ok(left)
}

/// Notes which rows are about to be sent.
pub(super) fn start(
    transaction: &Transaction<'_>,
    started: &[Started<'_>],
    session: u64,
    at: i64,
) -> rusqlite::Result<Vec<Begun>> {
    let mut start_fresh = transaction.prepare_cached(START_FRESH)?;
    let mut start = transaction.prepare_cached(START)?;
    let mut count = transaction.prepare_cached("SELECT count(*) FROM rows WHERE line BETWEEN ?1 AND ?2")?;
    for row in started {
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
    // Most rows have neighbours, and this stands before every sending.
    let neighbours = |a: &Started<'_>, b: &Started<'_>| b.line == a.line + 1 && a.batch == b.batch;
    let mut all = Vec::new();
    for rows in started.chunk_by(neighbours) {
        let (first, last, batch) = (rows[0].line, rows[rows.len() - 1].line, rows[0].batch);
        // None is sent that is not on record.
        let known: usize = count.query_row([first, last], |row| row.get(0))?;
        if known != rows.len() {
            return Err(rusqlite::Error::StatementChangedRows(known));
        }
        let id = start.insert(params![first, last, batch, session, at])?;
        all.push(Begun {
            id,
            first,
            last,
            batch,
            session,
            at,
            left: rows.len(),
        });
    }
    Ok(all)
}
