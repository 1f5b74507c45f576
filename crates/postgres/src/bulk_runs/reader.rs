//! Reads the journal of a run.

use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use repass_bulk::BulkError;
use repass_bulk::journal::{JournalReader, JournalRow, RowPhase};
use repass_bulk::{ReasonCount, ReportRow, RowStatus, RunSummary, SessionSummary, Tally};
use repass_domain::PriorState;
use tokio_postgres::Row;

use super::link::Parameter;
use super::sealed::SealedReader;
use super::turn::now;
use super::{RunHandle, signed, unsigned};
use crate::Membership;

/// A view of the journal of a run. The one of a worker claims the rows that it returns to be sent.
#[derive(Debug)]
pub(super) struct PostgresReader {
    handle: RunHandle,
    claims: Mutex<Claims>,
}

/// How many rows are claimed at once, and when it was done last.
#[derive(Debug, Default)]
struct Claims {
    size: i32,
    last: Option<Instant>,
    /// When workers were last looked for that are gone.
    looked_at: Option<Instant>,
}

impl Claims {
    const FIRST: i32 = 32;
    const MOST: i32 = 1024;
    const SOON: Duration = Duration::from_millis(250);
}

// Rows of one statement, where all are read.
const PAGE: i64 = 4096;
// How often a worker without rows looks whether others have left some: soon at first, because most are done soon.
const FIRST_POLL: Duration = Duration::from_millis(20);
const LAST_POLL: Duration = Duration::from_secs(1);

impl PostgresReader {
    pub(super) fn new(handle: RunHandle) -> Self {
        let claims = Mutex::default();
        Self { handle, claims }
    }

    // The run is the first parameter.
    fn query(&self, statement: &'static str, more: Vec<Parameter>) -> Result<Vec<Row>, BulkError> {
        let mut parameters: Vec<Parameter> = vec![Box::new(self.handle.run)];
        parameters.extend(more);
        self.handle.link.query(statement, parameters)
    }

    fn first<T>(
        &self,
        statement: &'static str,
        more: Vec<Parameter>,
        read: impl FnOnce(&Row) -> T,
    ) -> Result<Option<T>, BulkError> {
        Ok(self.query(statement, more)?.first().map(read))
    }

    // Claims rows, and waits for those that other workers may leave.
    fn claimed(&self, worker: i64, most: u32) -> Result<Vec<JournalRow>, BulkError> {
        let mut poll = FIRST_POLL;
        // Else what those have begun would be in flight as long as this worker has rows.
        if self.may_have_lost_neighbours() {
            super::journal::mark_workers_gone(&self.handle)?;
        }
        while !self.handle.worker.is_ended.load(Ordering::Acquire) {
            let claim = "SELECT c.is_worker, c.first_ IS NOT NULL, p.line, p.user_id, p.provider, p.attempts
                FROM claim_bulk_rows($1, $2, $3) c
                LEFT JOIN LATERAL pending_bulk_rows($1, c.first_, c.last_) p ON true";
            let rows = self.query(claim, vec![Box::new(worker), Box::new(self.claim_size(most))])?;
            let first = rows.first().filter(|row| row.get(0));
            let Some(first) = first else {
                return Err(super::journal::lease_is_over());
            };
            let has_claimed: bool = first.get(1);
            let pending = rows.iter().filter(|row| row.get::<_, Option<i64>>(2).is_some());
            let pending: Vec<JournalRow> = pending.map(pending_row).collect();
            if !pending.is_empty() {
                return Ok(pending);
            }
            if has_claimed {
                continue;
            }
            let others = "SELECT others_have_bulk_rows($1, $2)";
            let others = self.first(others, vec![Box::new(worker)], |row| row.get(0))?;
            if others != Some(true) {
                return Ok(Vec::new());
            }
            sleep(poll);
            poll = LAST_POLL.min(2 * poll);
            super::journal::mark_workers_gone(&self.handle)?;
        }
        Ok(Vec::new())
    }

    fn may_have_lost_neighbours(&self) -> bool {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = claims.looked_at.get_or_insert_with(Instant::now).elapsed() >= Membership::LEASE;
        if is_due {
            claims.looked_at = Some(Instant::now());
        }
        is_due
    }

    // Few rows at first, so that several workers share a short run; more while they are used up soon.
    fn claim_size(&self, most: u32) -> i32 {
        let most = i32::try_from(most).unwrap_or(i32::MAX).max(Claims::FIRST);
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.size = match claims.last {
            Some(last) if last.elapsed() < Claims::SOON => Claims::MOST.min(2 * claims.size),
            Some(_) => Claims::FIRST.max(claims.size / 2),
            None => Claims::FIRST,
        };
        claims.size = claims.size.min(most);
        claims.last = Some(Instant::now());
        claims.size
    }
}

impl JournalReader for PostgresReader {
    fn fact(&self, name: &str) -> Result<Option<String>, BulkError> {
        let select = "SELECT value FROM bulk_facts WHERE run = $1 AND name = $2";
        self.first(select, vec![Box::new(name.to_owned())], |row| row.get(0))
    }

    fn is_active(&self) -> Result<bool, BulkError> {
        let select = "SELECT EXISTS (SELECT FROM bulk_workers w JOIN processes p ON p.id = w.process \
                      WHERE w.run = $1 AND NOT w.is_gone AND p.until > clock_timestamp())";
        Ok(self.first(select, Vec::new(), |row| row.get(0))? == Some(true))
    }

    fn providers(&self) -> Result<Vec<(u64, String)>, BulkError> {
        let select = "SELECT id, name FROM bulk_providers WHERE run = $1 ORDER BY id";
        let rows = self.query(select, Vec::new())?;
        Ok(rows
            .iter()
            .map(|row| (unsigned(row.get(0)), row.get(1)))
            .collect())
    }

    fn identity(&self, provider: u64) -> Result<Option<String>, BulkError> {
        let select = "SELECT identity FROM bulk_providers WHERE run = $1 AND id = $2";
        let found = self.first(select, vec![Box::new(signed(provider))], |row| row.get(0))?;
        Ok(found.flatten())
    }

    fn quiet_for(&self, line: u64) -> Result<i64, BulkError> {
        let select = "SELECT min(least((extract(epoch FROM clock_timestamp() - until) * 1000)::bigint, $3 - until_there)) \
                      FROM bulk_in_flight WHERE run = $1 AND line = $2";
        let values: Vec<Parameter> = vec![Box::new(signed(line)), Box::new(now())];
        let quiet = self.first(select, values, |row| row.get(0))?;
        Ok(quiet.flatten().unwrap_or_default())
    }

    fn prior_state(&self, line: u64, batch: u64) -> Result<PriorState, BulkError> {
        let select = "SELECT state FROM bulk_prior_states WHERE run = $1 AND line = $2 AND batch = $3";
        let state = self.first(
            select,
            vec![Box::new(signed(line)), Box::new(signed(batch))],
            |row| row.get::<_, String>(0),
        )?;
        match state {
            Some(state) => serde_json::from_str(&state)
                .map_err(|error| BulkError::internal(format!("the journal was changed: {error}"))),
            None => Ok(PriorState::default()),
        }
    }

    fn to_send(&self, _: u64, most: u32) -> Result<Vec<JournalRow>, BulkError> {
        match self.handle.worker.id() {
            Some(worker) => self.claimed(worker, most),
            None => Err(BulkError::internal("the run has no session in this process")),
        }
    }

    fn to_reissue(&self, after: u64, most: u32) -> Result<Vec<JournalRow>, BulkError> {
        let Some(worker) = self.handle.worker.id() else {
            return Err(BulkError::internal("the run has no session in this process"));
        };
        // A row is claimed before it is sent again, so no two workers do.
        let select = "WITH next AS (
                SELECT r.run, r.line, r.user_id, r.provider, o.state, o.unsettled, o.batch, o.attempts
                FROM bulk_outcomes o JOIN bulk_rows r ON r.run = o.run AND r.line = o.line
                WHERE o.run = $1 AND o.line > $2 AND (o.state = 4 OR (o.unsettled AND o.state IN (0, 3)))
                    AND NOT EXISTS (SELECT FROM bulk_begun b WHERE b.run = $1 AND o.line BETWEEN b.first AND b.last)
                    AND NOT EXISTS (SELECT FROM bulk_reissues c WHERE c.run = $1 AND c.line = o.line)
                ORDER BY o.line LIMIT $3
            ), claimed AS (
                INSERT INTO bulk_reissues SELECT run, line, $4 FROM next WHERE is_bulk_worker($1, $4)
                ON CONFLICT DO NOTHING RETURNING line
            )
            SELECT n.line, n.user_id, n.provider, n.state, n.unsettled, n.batch, n.attempts
            FROM next n JOIN claimed c ON c.line = n.line ORDER BY n.line";
        let values: Vec<Parameter> = vec![
            Box::new(signed(after)),
            Box::new(i64::from(most)),
            Box::new(worker),
        ];
        Ok(self.query(select, values)?.iter().map(standing).collect())
    }

    fn unresolved_count(&self) -> Result<u64, BulkError> {
        let select = "SELECT count(*) FROM bulk_outcomes WHERE run = $1 AND (state = 4 OR unsettled)";
        let count = self.first(select, Vec::new(), |row| row.get(0))?;
        Ok(unsigned(count.unwrap_or_default()))
    }

    fn unknown_earlier(&self, line: u64) -> Result<Vec<u64>, BulkError> {
        let select = "SELECT batch FROM bulk_earlier WHERE run = $1 AND line = $2 AND state IN (1, 4) ORDER BY batch DESC";
        let rows = self.query(select, vec![Box::new(signed(line))])?;
        Ok(rows.iter().map(|row| unsigned(row.get(0))).collect())
    }

    fn row(&self, line: u64) -> Result<Option<JournalRow>, BulkError> {
        let select = "SELECT line, user_id, provider, state, unsettled, batch, attempts \
                      FROM bulk_standings WHERE run = $1 AND line = $2";
        self.first(select, vec![Box::new(signed(line))], standing)
    }

    fn earlier(&self, line: u64, batch: u64) -> Result<Option<RowPhase>, BulkError> {
        let select = "SELECT state FROM bulk_earlier WHERE run = $1 AND line = $2 AND batch = $3";
        self.first(
            select,
            vec![Box::new(signed(line)), Box::new(signed(batch))],
            |row| RowPhase::of(row.get(0)),
        )
    }

    fn tally(&self) -> Result<Tally, BulkError> {
        self.counts().map(|(tally, _)| tally)
    }

    fn summary(&self) -> Result<RunSummary, BulkError> {
        let (tally, in_flight) = self.counts()?;
        let candidates = "SELECT count(*) FROM bulk_outcomes WHERE run = $1 AND state = 2 AND unsettled";
        let candidates = self.first(candidates, Vec::new(), |row| row.get(0))?;
        let allowed = "SELECT name, allowed FROM bulk_providers WHERE run = $1 ORDER BY id";
        let allowed = self.query(allowed, Vec::new())?;
        Ok(RunSummary {
            read_whole: self.fact(repass_bulk::journal::READ_WHOLE)?.is_some(),
            tally,
            in_flight,
            candidates: unsigned(candidates.unwrap_or_default()),
            generated: self.fact("passwords")?.as_deref() == Some("generated"),
            allowed: allowed.iter().map(|row| (row.get(0), row.get(1))).collect(),
            sessions: self.phases()?.into_iter().map(|(_, session)| session).collect(),
        })
    }

    fn reasons(&self) -> Result<Vec<ReasonCount>, BulkError> {
        let select = "SELECT state, unsettled, kind, code, min(message), count(*) FROM bulk_outcomes
            WHERE run = $1 AND state <> 2 AND (state <> 0 OR unsettled)
            GROUP BY state, unsettled, kind, code ORDER BY count(*) DESC, kind, code";
        let rows = self.query(select, Vec::new())?;
        let reason = |row: &Row| ReasonCount {
            outcome: RowStatus::of(RowPhase::of(row.get(0)), row.get(1)),
            kind: row.get(2),
            code: row.get(3),
            message: row.get(4),
            count: unsigned(row.get(5)),
        };
        Ok(rows.iter().map(reason).collect())
    }

    fn finish_times(&self, take: &mut dyn FnMut(u64, i64)) -> Result<(), BulkError> {
        let phases = self.phases()?;
        let phase_of = |worker: i64| {
            let place = phases.iter().position(|(workers, _)| workers.contains(&worker));
            place.map_or(0, |place| place as u64 + 1)
        };
        let applied = "SELECT first, session, finished FROM bulk_applied WHERE run = $1 AND first > $2
            ORDER BY first LIMIT $3";
        let others = "SELECT line, session, ARRAY[finished] FROM bulk_outcomes WHERE run = $1 AND line > $2
                AND attempts > 0 AND state IN (2, 3, 4) AND kind IS DISTINCT FROM 'interrupted'
            ORDER BY line LIMIT $3";
        for select in [applied, others] {
            let mut after = -1_i64;
            loop {
                let rows = self.query(select, vec![Box::new(after), Box::new(PAGE)])?;
                let Some(last) = rows.last() else { break };
                after = last.get(0);
                for row in &rows {
                    let phase = phase_of(row.get(1));
                    let finished: Vec<i64> = row.get(2);
                    for at in finished {
                        take(phase, at);
                    }
                }
            }
        }
        Ok(())
    }

    fn for_each_row(
        &self,
        only: Option<RowStatus>,
        take: &mut dyn FnMut(ReportRow) -> Result<(), BulkError>,
    ) -> Result<(), BulkError> {
        let select =
            "SELECT s.line, s.user_id, p.name, s.state, s.unsettled, s.kind, s.code, s.message, s.attempts,
                s.started, s.finished, s.tracking_id
            FROM bulk_standings s LEFT JOIN bulk_providers p ON p.run = s.run AND p.id = s.provider
            WHERE s.run = $1 AND s.line > $2 ORDER BY s.line LIMIT $3";
        let mut after = -1_i64;
        loop {
            let rows = self.query(select, vec![Box::new(after), Box::new(PAGE)])?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.get(0);
            for row in &rows {
                let row = report_row(row);
                if only.is_none_or(|only| only == row.outcome) {
                    take(row)?;
                }
            }
        }
    }

    fn given(&self, line: u64) -> Result<Option<Vec<u8>>, BulkError> {
        let select = "SELECT sealed FROM bulk_given WHERE run = $1 AND $2 BETWEEN first AND last";
        self.first(select, vec![Box::new(signed(line))], |row| row.get(0))
    }

    fn sealed(&self) -> Result<Option<Box<dyn Read + Send>>, BulkError> {
        Ok(Some(Box::new(SealedReader::new(self.handle.clone()))))
    }
}

impl PostgresReader {
    // The tally, in which rows in flight count as unknown, and how many those are: at one moment, because other workers
    // go on.
    fn counts(&self) -> Result<(Tally, u64), BulkError> {
        // The few rows in flight are looked up one by one: without statistics the planner would read the whole run for them.
        let select = "SELECT (SELECT count(*) FROM bulk_rows WHERE run = $1),
                count(*) FILTER (WHERE state = 2)
                    + (SELECT coalesce(sum(last - first + 1), 0)::bigint FROM bulk_applied WHERE run = $1),
                count(*) FILTER (WHERE state IN (3, 5) AND NOT unsettled),
                count(*) FILTER (WHERE state = 4 OR (state <> 2 AND unsettled)), (
                    SELECT count(DISTINCT s.line) FROM bulk_begun b, LATERAL (
                        SELECT line, state, unsettled FROM bulk_standings
                        WHERE run = b.run AND line BETWEEN b.first AND b.last OFFSET 0
                    ) s
                    WHERE b.run = $1 AND s.state = 1 AND NOT s.unsettled
                )
            FROM bulk_outcomes WHERE run = $1";
        let counts = self.first(select, Vec::new(), |row| {
            let count = |at: usize| unsigned(row.get(at));
            let (rows, applied, not_applied, in_flight) = (count(0), count(1), count(2), count(4));
            let unknown = count(3) + in_flight;
            let tally = Tally {
                rows,
                applied,
                not_applied,
                unknown,
                pending: rows.saturating_sub(applied + not_applied + unknown),
            };
            (tally, in_flight)
        })?;
        Ok(counts.unwrap_or_default())
    }

    // The times when at least one worker was at work, each with its workers.
    fn phases(&self) -> Result<Vec<(Vec<i64>, SessionSummary)>, BulkError> {
        let select =
            "SELECT w.id, w.started, greatest(w.started, coalesce(w.ended, o.last, 0)), w.ended IS NOT NULL
            FROM bulk_workers w LEFT JOIN (
                SELECT session, max(last) AS last FROM (
                    SELECT session, CASE kind WHEN 'interrupted' THEN started ELSE finished END AS last
                    FROM bulk_outcomes WHERE run = $1
                    UNION ALL
                    SELECT session, (SELECT max(at) FROM unnest(finished) AS at) FROM bulk_applied WHERE run = $1
                ) ended GROUP BY session
            ) o ON o.session = w.id
            WHERE w.run = $1 ORDER BY w.started, w.id";
        let mut phases: Vec<(Vec<i64>, SessionSummary)> = Vec::new();
        for row in self.query(select, Vec::new())? {
            let session = SessionSummary {
                started: row.get(1),
                ended: row.get(2),
                clean: row.get(3),
            };
            match phases.last_mut() {
                Some((workers, phase)) if session.started <= phase.ended => {
                    workers.push(row.get(0));
                    phase.ended = phase.ended.max(session.ended);
                    phase.clean &= session.clean;
                }
                _ => phases.push((vec![row.get(0)], session)),
            }
        }
        Ok(phases)
    }
}

// After two other columns.
fn pending_row(row: &Row) -> JournalRow {
    JournalRow {
        line: unsigned(row.get(2)),
        user: row.get::<_, Option<String>>(3).unwrap_or_default(),
        provider: unsigned(row.get::<_, Option<i64>>(4).unwrap_or_default()),
        state: RowPhase::Pending,
        unsettled: false,
        batch: 0,
        attempts: unsigned(row.get(5)),
    }
}

fn standing(row: &Row) -> JournalRow {
    JournalRow {
        line: unsigned(row.get(0)),
        user: row.get::<_, Option<String>>(1).unwrap_or_default(),
        provider: unsigned(row.get::<_, Option<i64>>(2).unwrap_or_default()),
        state: RowPhase::of(row.get(3)),
        unsettled: row.get(4),
        batch: unsigned(row.get(5)),
        attempts: unsigned(row.get(6)),
    }
}

fn report_row(row: &Row) -> ReportRow {
    let time = |at: usize| Some(row.get::<_, i64>(at)).filter(|milliseconds| *milliseconds > 0);
    let outcome = RowStatus::of(RowPhase::of(row.get(3)), row.get(4));
    let applied = outcome == RowStatus::Applied;
    ReportRow {
        line: unsigned(row.get(0)),
        user: row.get(1),
        provider: row.get(2),
        outcome,
        kind: row.get::<_, Option<String>>(5).filter(|_| !applied),
        code: row.get(6),
        message: row.get(7),
        attempts: unsigned(row.get(8)),
        started: time(9),
        finished: time(10),
        tracking_id: row.get(11),
    }
}
