//! Moves a run out of or into a journal in a file.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::attempts::{ATTEMPT, ELSEWHERE, PROBE};
use super::schema::MOVED_VERSION;
use super::{Moment, SqliteJournal, unreadable};
use crate::BulkError;
use crate::journal::{MOVED_TO, MovingJournal, Part};

/// Until when a request for a row may be in flight, by the wall clock.
#[derive(Debug, Serialize, Deserialize)]
struct InFlight {
    line: u64,
    is_probe: bool,
    until: i64,
}

// The rows of a part as JSON, of the lines from ?1 to ?2 if it has lines.
fn select(part: Part) -> &'static str {
    match part {
        Part::Providers => {
            "SELECT json_group_array(json_object('id', id, 'name', name, 'allowed', allowed, 'longest', longest,
                'identity', identity))
            FROM (SELECT * FROM providers ORDER BY id)"
        }
        Part::Sessions => {
            "SELECT json_group_array(json_object('id', id, 'started', started, 'ended', ended))
            FROM (SELECT * FROM sessions ORDER BY id)"
        }
        Part::Rows => {
            "SELECT json_group_array(json_object('line', line, 'user', user, 'provider', provider, 'state', state,
                'unsettled', unsettled, 'batch', batch, 'attempts', attempts, 'session', session, 'started', started,
                'finished', finished, 'kind', kind, 'code', code, 'message', message, 'tracking_id', tracking_id))
            FROM (SELECT * FROM standings WHERE line BETWEEN ?1 AND ?2 ORDER BY line)"
        }
        Part::Earlier => {
            "SELECT json_group_array(json_object('line', line, 'batch', batch, 'state', state))
            FROM earlier WHERE line BETWEEN ?1 AND ?2"
        }
        Part::InFlight => "SELECT line, probe, at, uptime, boot FROM in_flight WHERE line BETWEEN ?1 AND ?2",
        Part::Accounts => {
            "SELECT json_group_array(json_object('provider', provider, 'account', account, 'line', line))
            FROM accounts WHERE line BETWEEN ?1 AND ?2"
        }
        Part::PriorStates => {
            "SELECT json_group_array(json_object('line', line, 'batch', batch, 'state', state))
            FROM prior_states WHERE line BETWEEN ?1 AND ?2"
        }
    }
}

// Statements that add the rows in the JSON array ?1.
fn inserts(part: Part) -> &'static [&'static str] {
    match part {
        Part::Providers => &["INSERT INTO providers (id, name, allowed, longest, identity)
            SELECT value ->> 'id', value ->> 'name', value ->> 'allowed', value ->> 'longest', value ->> 'identity'
            FROM json_each(?1)"],
        Part::Sessions => &["INSERT INTO sessions (id, started, ended)
            SELECT value ->> 'id', value ->> 'started', value ->> 'ended' FROM json_each(?1)"],
        Part::Rows => &[
            "INSERT INTO rows (line, user, provider)
            SELECT value ->> 'line', value ->> 'user', value ->> 'provider' FROM json_each(?1)",
            "INSERT INTO outcomes (line, state, unsettled, batch, attempts, session, started, finished, kind, code,
                message, tracking_id)
            SELECT value ->> 'line', value ->> 'state', value ->> 'unsettled', value ->> 'batch', value ->> 'attempts',
                value ->> 'session', value ->> 'started', value ->> 'finished', value ->> 'kind', value ->> 'code',
                value ->> 'message', value ->> 'tracking_id'
            FROM json_each(?1)
            WHERE value ->> 'state' <> 0 OR value ->> 'unsettled' OR value ->> 'attempts' > 0",
        ],
        Part::Earlier => &["INSERT INTO earlier (line, batch, state)
            SELECT value ->> 'line', value ->> 'batch', value ->> 'state' FROM json_each(?1)"],
        Part::InFlight => &[],
        Part::Accounts => &["INSERT INTO accounts (provider, account, line)
            SELECT value ->> 'provider', value ->> 'account', value ->> 'line' FROM json_each(?1)"],
        Part::PriorStates => &["INSERT INTO prior_states (line, batch, state)
            SELECT value ->> 'line', value ->> 'batch', value ->> 'state' FROM json_each(?1)"],
    }
}

// The lock of the run's directory keeps sessions away.
impl MovingJournal for SqliteJournal {
    fn part(&mut self, part: Part, lines: RangeInclusive<u64>) -> Result<String, BulkError> {
        let mut select = self.connection.prepare_cached(select(part)).map_err(unreadable)?;
        if !part.is_of_lines() {
            return select.query_row([], |row| row.get(0)).map_err(unreadable);
        }
        let lines = params![*lines.start(), *lines.end()];
        if part != Part::InFlight {
            return select.query_row(lines, |row| row.get(0)).map_err(unreadable);
        }
        let now = Moment::now().at;
        let rows = select.query_map(lines, |row| {
            let (at, uptime) = (row.get(2)?, row.get(3)?);
            let boot: Option<String> = row.get(4)?;
            let until = now - self.clock.since(Moment { at, uptime }, boot.as_deref());
            Ok(((row.get::<_, u64>(0)?, row.get::<_, i64>(1)? & PROBE != 0), until))
        });
        let rows: Result<Vec<_>, _> = rows.and_then(Iterator::collect);
        // Of requests from here and from elsewhere, the last one counts.
        let mut last: BTreeMap<(u64, bool), i64> = BTreeMap::new();
        for (key, until) in rows.map_err(unreadable)? {
            last.entry(key)
                .and_modify(|known| *known = until.max(*known))
                .or_insert(until);
        }
        let in_flight = |((line, is_probe), until)| InFlight {
            line,
            is_probe,
            until,
        };
        let rows: Vec<InFlight> = last.into_iter().map(in_flight).collect();
        serde_json::to_string(&rows).map_err(|error| BulkError::internal(error.to_string()))
    }

    fn last_line(&mut self) -> Result<u64, BulkError> {
        let select = "SELECT coalesce(max(line), 0) FROM rows";
        self.connection
            .query_row(select, [], |row| row.get(0))
            .map_err(unreadable)
    }

    // A file keeps the passwords.
    fn last_batch(&mut self) -> Result<u64, BulkError> {
        Ok(0)
    }

    fn set_moved(&mut self, to: &str) -> Result<(), BulkError> {
        self.transaction(|transaction, _, _| {
            transaction.execute("INSERT INTO facts VALUES (?1, ?2)", [MOVED_TO, to])?;
            transaction.pragma_update(None, "user_version", MOVED_VERSION)
        })
    }
}

impl SqliteJournal {
    /// Adds rows of a part of another journal.
    pub(crate) fn add_part(&mut self, part: Part, rows: &str) -> Result<(), BulkError> {
        let in_flight: Vec<InFlight> = match part {
            Part::InFlight => serde_json::from_str(rows)
                .map_err(|error| BulkError::internal(format!("the copied journal was changed: {error}")))?,
            _ => Vec::new(),
        };
        self.transaction(|transaction, _, clock| {
            for insert in inserts(part) {
                transaction.prepare_cached(insert)?.execute([rows])?;
            }
            let now = Moment::now();
            for row in in_flight {
                let until = Moment {
                    at: row.until,
                    uptime: now.uptime + row.until - now.at,
                };
                let kind = ELSEWHERE | if row.is_probe { PROBE } else { ATTEMPT };
                super::attempts::in_flight(transaction, row.line, kind, until, clock.boot())?;
            }
            Ok(())
        })
    }
}
