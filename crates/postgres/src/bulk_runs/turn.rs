//! One commit of a worker: what has ended, what starts, and the check that its lease lasts, in one transaction.

use std::time::Duration;

use repass_bulk::BulkError;
use repass_bulk::journal::{AttemptEnd, Commit, EndKind, RowPhase};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::journal::{GONE, lease_is_over};
use super::link::{Connection, Slot, unusable};
use super::{signed, unsigned};
use crate::DatabaseError;

/// A range of rows that were started in one commit, and of which some have not ended.
#[derive(Debug, Clone)]
pub(super) struct OpenRange {
    number: i64,
    first: i64,
    last: i64,
    batch: i64,
    at: i64,
    /// How many have not ended.
    left: usize,
}

impl OpenRange {
    fn holds(&self, line: i64) -> bool {
        (self.first..=self.last).contains(&line)
    }
}

/// What a commit writes. It can be tried again until its answer is known.
pub(super) struct Turn {
    run: i32,
    worker: i64,
    // The number of this commit among the worker's.
    count: i64,
    at: i64,
    // Of what the worker has begun, with the range of each, in the order of their lines.
    recorded: Vec<(AttemptEnd, OpenRange)>,
    // Ends without a start, and of probes.
    others: Vec<AttemptEnd>,
    // Ends that an earlier commit should have written.
    repeated: Vec<i64>,
    again: Vec<i64>,
    started: Vec<(i64, i64)>,
    accounts: Vec<(i64, String, i64)>,
    probing: Vec<(i64, i64)>,
    // The ranges of which all rows have ended, and the others.
    closed: Vec<i64>,
    open: Vec<OpenRange>,
    number: i64,
}

/// What a commit has written.
pub(super) struct Written {
    pub(super) refused: Vec<u64>,
    /// What the worker has begun since.
    pub(super) open: Vec<OpenRange>,
    /// The number of its last range.
    pub(super) number: i64,
}

/// Why a commit was not made.
enum Failure {
    /// Others may have taken over what this process has begun.
    LeaseIsOver,
    /// The database may be back in a moment.
    Passing(DatabaseError),
    Lasting(DatabaseError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        // Such as a connection that is lost, a server that shuts down, and a full disk.
        let is_passing = error.code().is_none_or(|code| {
            let class = code.code().get(..2).unwrap_or_default();
            matches!(class, "08" | "53" | "57" | "58") || *code == SqlState::T_R_DEADLOCK_DETECTED
        });
        if error.code().is_some_and(|code| code.code() == "RP001") {
            return Self::LeaseIsOver;
        }
        let error = error.into();
        if is_passing {
            Self::Passing(error)
        } else {
            Self::Lasting(error)
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::Passing(error)
    }
}

impl Turn {
    // How long an outcome waits for the database.
    const PATIENCE: Duration = Duration::from_secs(60);
    const ATTEMPT: Duration = Duration::from_secs(10);
    const PAUSE: Duration = Duration::from_millis(250);

    pub(super) fn new(
        entries: &Commit<'_>,
        (run, worker): (i32, i64),
        count: i64,
        number: i64,
        open: &[OpenRange],
    ) -> Result<Self, BulkError> {
        let mut open = open.to_vec();
        let (mut recorded, mut others, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        for end in entries.ended {
            match &end.sent {
                EndKind::Recorded => {
                    let line = signed(end.line);
                    // A row that was sent again may also be in an older range.
                    match open.iter_mut().rev().find(|range| range.holds(line)) {
                        Some(range) => {
                            range.left = range.left.saturating_sub(1);
                            recorded.push((end.clone(), range.clone()));
                        }
                        None => repeated.push(line),
                    }
                }
                EndKind::NotSent(Some(_)) | EndKind::Unrecorded(_, Some(_)) => {
                    return Err(BulkError::internal("a row is not in the journal"));
                }
                _ => others.push(end.clone()),
            }
        }
        recorded.sort_unstable_by_key(|(end, _)| end.line);
        if recorded.windows(2).any(|pair| pair[0].0.line == pair[1].0.line) {
            return Err(BulkError::internal("a row has ended twice"));
        }
        // A shared run is loaded before it is worked on.
        if !entries.bad.is_empty() || entries.started.iter().any(|start| start.fresh.is_some()) {
            return Err(BulkError::internal("a row is not in the journal"));
        }
        let (mut again, mut started) = (Vec::new(), Vec::new());
        for start in entries.started {
            let line = signed(start.line);
            if start.resent {
                // From now on it belongs to the newer range.
                let range = open.iter_mut().rev().find(|range| range.holds(line));
                let range =
                    range.ok_or_else(|| BulkError::internal("a row was sent again before it was sent"))?;
                range.left = range.left.saturating_sub(1);
            }
            if start.again {
                again.push(line);
            }
            started.push((line, signed(start.batch)));
        }
        // Calls ask to send in any order, and neighbours share a range.
        started.sort_unstable();
        let (open, closed): (Vec<_>, Vec<_>) = open.into_iter().partition(|range| range.left > 0);
        let account = |(provider, key, line): &(u64, &repass_domain::UserKey, u64)| {
            (signed(*provider), key.expose().to_owned(), signed(*line))
        };
        Ok(Self {
            run,
            worker,
            count,
            at: now(),
            recorded,
            others,
            repeated,
            again,
            started,
            accounts: entries.accounts.iter().map(account).collect(),
            probing: entries
                .probing
                .iter()
                .map(|(line, longest)| (signed(*line), *longest))
                .collect(),
            closed: closed.iter().map(|range| range.number).collect(),
            open,
            number,
        })
    }

    /// Commits it, and tries again while the database is away.
    pub(super) async fn commit(&self, slot: &Slot) -> Result<Written, BulkError> {
        let deadline = Instant::now() + Self::PATIENCE;
        let mut is_in_doubt = false;
        loop {
            let attempt = timeout(Self::ATTEMPT, self.attempt(slot, is_in_doubt)).await;
            match attempt {
                Ok(Ok(refused)) => return Ok(self.written(refused)),
                Ok(Err(Failure::LeaseIsOver)) => {
                    // These outcomes are true even if another worker has the row now. If they are lost, it stays unknown.
                    let late = timeout(Self::ATTEMPT, self.settle(slot)).await;
                    if !matches!(late, Ok(Ok(()))) {
                        tracing::warn!("outcomes that came too late were not written");
                    }
                    return Err(lease_is_over());
                }
                Ok(Err(Failure::Lasting(problem))) => return Err(unusable(&problem)),
                Ok(Err(Failure::Passing(problem))) if Instant::now() >= deadline => {
                    return Err(unusable(&problem));
                }
                Ok(Err(Failure::Passing(problem))) => {
                    tracing::warn!(%problem, "the shared state cannot be written; trying again");
                }
                Err(_) if Instant::now() >= deadline => {
                    return Err(unusable(&DatabaseError::unreachable("it does not answer")));
                }
                Err(_) => tracing::warn!("the shared state does not answer; trying again"),
            }
            is_in_doubt = true;
            slot.disconnect().await;
            sleep(Self::PAUSE).await;
        }
    }

    fn written(&self, refused: Vec<i64>) -> Written {
        let ranges = self.ranges(&refused);
        let mut open = self.open.clone();
        let number = ranges.last().map_or(self.number, |range| range.number);
        open.extend(ranges);
        Written {
            refused: refused.into_iter().map(unsigned).collect(),
            open,
            number,
        }
    }

    // Neighbours with the same batch, without the rows that must not be sent.
    fn ranges(&self, refused: &[i64]) -> Vec<OpenRange> {
        let mut rows = self.started.clone();
        rows.retain(|(line, _)| !refused.contains(line));
        let chunks = rows.chunk_by(|a, b| b.0 == a.0 + 1 && a.1 == b.1);
        let range = |(rows, number): (&[(i64, i64)], i64)| OpenRange {
            number,
            first: rows[0].0,
            last: rows[rows.len() - 1].0,
            batch: rows[0].1,
            at: self.at,
            left: rows.len(),
        };
        chunks.zip(self.number + 1..).map(range).collect()
    }

    // The lines that must not be sent.
    async fn attempt(&self, slot: &Slot, is_in_doubt: bool) -> Result<Vec<i64>, Failure> {
        let mut connection = slot.open().await?;
        if is_in_doubt {
            // A write, because a commit that can be read may not be at the standby yet. It waits for a commit that the server
            // still makes.
            let made = "UPDATE bulk_workers SET turn = turn WHERE run = $1 AND id = $2 RETURNING turn";
            let made = connection.query(made, &[&self.run, &self.worker]).await?;
            if made.first().is_some_and(|row| row.get::<_, i64>(0) == self.count) {
                return self.refused(&mut connection).await;
            }
        }
        if self.is_plain() {
            let (applied, others) = self.split_recorded();
            let ranges = Ranges::of(&self.ranges(&[]));
            let parameters = [
                &self.identity()[..],
                &applied.parameters(),
                &others.parameters(),
                &[&self.closed],
                &ranges.parameters(self),
            ];
            let parameters = parameters.concat();
            connection.query(END_AND_BEGIN, &parameters).await?;
            return Ok(Vec::new());
        }
        // If this future is dropped, no other work may run in its transaction.
        connection.is_in_transaction = true;
        connection.client.batch_execute("BEGIN").await?;
        let written = self.write(&mut connection).await;
        match written {
            Ok(refused) => {
                connection.client.batch_execute("COMMIT").await?;
                connection.is_in_transaction = false;
                Ok(refused)
            }
            Err(failure) => {
                connection.client.batch_execute("ROLLBACK").await?;
                connection.is_in_transaction = false;
                Err(failure)
            }
        }
    }

    async fn write(&self, connection: &mut Connection) -> Result<Vec<i64>, Failure> {
        let run = self.run;
        self.write_ends(connection).await?;
        self.write_other_ends(connection).await?;
        let refused = self.note_accounts(connection).await?;
        self.write_starts(connection, &refused).await?;
        for (line, longest) in &self.probing {
            connection
                .execute(IN_FLIGHT, &[&run, line, &true, longest, &self.at])
                .await?;
        }
        Ok(refused)
    }

    // Nothing but what it has begun has ended, with a certain outcome, and nothing but pending rows start.
    fn is_plain(&self) -> bool {
        let is_unknown = |(end, _): &(AttemptEnd, OpenRange)| end.state == RowPhase::Unknown;
        self.others.is_empty()
            && self.repeated.is_empty()
            && self.again.is_empty()
            && self.accounts.is_empty()
            && self.probing.is_empty()
            && !self.recorded.iter().any(is_unknown)
    }

    async fn write_ends(&self, connection: &mut Connection) -> Result<(), Failure> {
        let (applied, others) = self.split_recorded();
        let parameters = [
            &self.identity()[..],
            &applied.parameters(),
            &others.parameters(),
            &[&self.closed],
        ];
        connection.query(END, &parameters.concat()).await?;
        Ok(())
    }

    fn identity(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.run, &self.worker, &self.count]
    }

    // Neighbours that were applied, and everything else that the worker has begun.
    fn split_recorded(&self) -> (AppliedRanges<'_>, Ends<'_>) {
        let is_neighbour = |(a, from): &(AttemptEnd, OpenRange), (b, to): &(AttemptEnd, OpenRange)| {
            b.line == a.line + 1 && from.number == to.number && is_only_applied(a) && is_only_applied(b)
        };
        let (mut applied, mut others) = (AppliedRanges::default(), Vec::new());
        for rows in self.recorded.chunk_by(is_neighbour) {
            match rows {
                [(end, _)] if !is_only_applied(end) => others.extend(rows),
                _ => rows
                    .chunks(AppliedRanges::MOST)
                    .for_each(|rows| applied.add(rows)),
            }
        }
        applied.tracking_ids = without_nulls(applied.tracking_ids);
        (applied, Ends::of(others))
    }

    async fn write_other_ends(&self, connection: &mut Connection) -> Result<(), Failure> {
        let run = self.run;
        if !self.repeated.is_empty() {
            let ended = "SELECT count(*) FROM bulk_standings WHERE run = $1 AND line = ANY($2) AND state NOT IN (0, 1)";
            let rows = connection.query(ended, &[&run, &self.repeated]).await?;
            if rows
                .first()
                .is_none_or(|row| row.get::<_, i64>(0) < rows_of(self.repeated.len()))
            {
                return Err(changed_meanwhile());
            }
        }
        for end in &self.others {
            match end.sent {
                EndKind::Probe { batch, set } => {
                    self.write_probe(connection, end, signed(batch)).await?;
                    if set {
                        connection
                            .execute(IN_FLIGHT, &[&run, &signed(end.line), &true, &0_i64, &self.at])
                            .await?;
                    }
                }
                EndKind::Unrecorded(batch, _) => {
                    self.write_unbegun(connection, end, Some(signed(batch))).await?;
                }
                _ => self.write_unbegun(connection, end, None).await?,
            }
        }
        let recorded = self.recorded.iter().map(|(end, range)| (end, range.batch));
        let unrecorded = self.others.iter().filter_map(|end| match end.sent {
            EndKind::Unrecorded(batch, _) => Some((end, signed(batch))),
            _ => None,
        });
        for (end, batch) in recorded.chain(unrecorded) {
            if end.state != RowPhase::Unknown {
                continue;
            }
            connection
                .execute(IN_FLIGHT, &[&run, &signed(end.line), &false, &0_i64, &self.at])
                .await?;
            if !end.prior_state.is_empty() {
                let state = serde_json::to_string(&end.prior_state)
                    .map_err(|error| Failure::Lasting(DatabaseError::refused(error.to_string())))?;
                let keep = "INSERT INTO bulk_prior_states VALUES ($1, $2, $3, $4)
                    ON CONFLICT (run, line, batch) DO UPDATE SET state = excluded.state";
                connection
                    .execute(keep, &[&run, &signed(end.line), &batch, &state])
                    .await?;
            }
        }
        Ok(())
    }

    async fn write_unbegun(
        &self,
        connection: &mut Connection,
        end: &AttemptEnd,
        batch: Option<i64>,
    ) -> Result<(), Failure> {
        let insert =
            "INSERT INTO bulk_outcomes AS o (run, line, state, unsettled, batch, attempts, session, started,
                finished, kind, code, message, tracking_id)
            SELECT $1, $2, $3, false, $4, $5, $6, 0, $7, $8, $9, $10, $11 WHERE NOT is_applied_bulk_row($1, $2)
            ON CONFLICT (run, line) DO UPDATE SET state = $3, batch = CASE $5::bigint WHEN 0 THEN o.batch ELSE $4 END,
                attempts = o.attempts + $5, session = $6, finished = $7, kind = $8, code = $9, message = $10,
                tracking_id = $11
            WHERE o.state = 0";
        let attempts = i64::from(batch.is_some());
        connection
            .execute(
                insert,
                &[
                    &self.run,
                    &signed(end.line),
                    &(end.state as i64),
                    &batch.unwrap_or_default(),
                    &attempts,
                    &self.worker,
                    &end.at,
                    &end.kind,
                    &end.code,
                    &end.message,
                    &end.tracking_id,
                ],
            )
            .await?;
        Ok(())
    }

    // The result of a probe of the password in this batch: the one that was sent last, or an earlier one.
    async fn write_probe(
        &self,
        connection: &mut Connection,
        end: &AttemptEnd,
        batch: i64,
    ) -> Result<(), Failure> {
        let (run, line) = (self.run, signed(end.line));
        let known = "SELECT batch, state FROM bulk_outcomes WHERE run = $1 AND line = $2 FOR UPDATE";
        let rows = connection.query(known, &[&run, &line]).await?;
        let Some(known) = rows.first() else {
            return Err(changed_meanwhile());
        };
        // Another worker is sending the row another password, and says how that ends.
        let begun =
            "SELECT EXISTS (SELECT FROM bulk_begun b WHERE b.run = $1 AND $2 BETWEEN b.first AND b.last)";
        let begun = connection.query(begun, &[&run, &line]).await?;
        if known.get::<_, i64>(1) == 0 && begun.first().is_none_or(|row| row.get(0)) {
            return Ok(());
        }
        let last: i64 = known.get(0);
        let is_last = last == batch;
        let before = RowPhase::of(known.get(1));
        match (end.state, is_last) {
            // The provider confirmed this password before. Now it is the one that works.
            (RowPhase::Applied, true) if before == RowPhase::Applied => {
                let settled = "UPDATE bulk_outcomes SET unsettled = false WHERE run = $1 AND line = $2";
                connection.execute(settled, &[&run, &line]).await?;
            }
            // It was replaced since; that the provider set it stays true.
            (_, true) if before == RowPhase::Applied => {}
            (RowPhase::Applied | RowPhase::NotApplied | RowPhase::Unknown, true) => {
                self.settle_probe(connection, end, batch).await?;
            }
            // A failover has lost which of its passwords was sent: it is this one.
            (RowPhase::Applied, false) if before == RowPhase::Unknown && last == 0 => {
                self.settle_probe(connection, end, batch).await?;
            }
            // Another worker has sent a later one since, which may be in place by now.
            (RowPhase::Applied, false)
                if matches!(before, RowPhase::Applied | RowPhase::Unknown) && last > batch =>
            {
                if matches!(end.sent, EndKind::Probe { set: true, .. }) {
                    self.doubt(connection, line, batch).await?;
                }
            }
            (RowPhase::Applied, false) => {
                connection.execute(KEEP_EARLIER, &[&run, &vec![line]]).await?;
                let forget = "DELETE FROM bulk_earlier WHERE run = $1 AND line = $2 AND batch = $3";
                connection.execute(forget, &[&run, &line, &batch]).await?;
                self.settle_probe(connection, end, batch).await?;
            }
            (RowPhase::NotApplied, false) => {
                let refused = "UPDATE bulk_earlier SET state = 3 WHERE run = $1 AND line = $2 AND batch = $3";
                connection.execute(refused, &[&run, &line, &batch]).await?;
                let unsettled = "UPDATE bulk_outcomes SET unsettled = EXISTS (
                        SELECT FROM bulk_earlier WHERE run = $1 AND line = $2 AND state IN (1, 4))
                    WHERE run = $1 AND line = $2";
                connection.execute(unsettled, &[&run, &line]).await?;
            }
            _ => {}
        }
        Ok(())
    }

    // Of this password and the last one it is not known which was set last.
    async fn doubt(&self, connection: &mut Connection, line: i64, batch: i64) -> Result<(), Failure> {
        let earlier = "INSERT INTO bulk_earlier VALUES ($1, $2, $3, 4)
            ON CONFLICT (run, line, batch) DO UPDATE SET state = 4";
        connection.execute(earlier, &[&self.run, &line, &batch]).await?;
        let unsettled = "UPDATE bulk_outcomes SET unsettled = true WHERE run = $1 AND line = $2";
        connection.execute(unsettled, &[&self.run, &line]).await?;
        Ok(())
    }

    async fn settle_probe(
        &self,
        connection: &mut Connection,
        end: &AttemptEnd,
        batch: i64,
    ) -> Result<(), Failure> {
        let settle = "UPDATE bulk_outcomes SET state = $3, unsettled = unsettled AND $3::bigint <> 2, batch = $4, finished = $5,
                kind = $6, code = $7, message = $8, tracking_id = $9
            WHERE run = $1 AND line = $2";
        connection
            .execute(
                settle,
                &[
                    &self.run,
                    &signed(end.line),
                    &(end.state as i64),
                    &batch,
                    &end.at,
                    &end.kind,
                    &end.code,
                    &end.message,
                    &end.tracking_id,
                ],
            )
            .await?;
        Ok(())
    }

    async fn note_accounts(&self, connection: &mut Connection) -> Result<Vec<i64>, Failure> {
        for (provider, account, line) in &self.accounts {
            let note = "INSERT INTO bulk_accounts VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
            connection
                .execute(note, &[&self.run, provider, account, line])
                .await?;
        }
        self.refused(connection).await
    }

    // The lines whose account was begun on another line.
    async fn refused(&self, connection: &mut Connection) -> Result<Vec<i64>, Failure> {
        let mut refused = Vec::new();
        for (provider, account, line) in &self.accounts {
            let select = "SELECT line FROM bulk_accounts WHERE run = $1 AND provider = $2 AND account = $3";
            let rows = connection.query(select, &[&self.run, provider, account]).await?;
            if rows.first().is_none_or(|row| row.get::<_, i64>(0) != *line) {
                refused.push(*line);
            }
        }
        Ok(refused)
    }

    async fn write_starts(&self, connection: &mut Connection, refused: &[i64]) -> Result<(), Failure> {
        let run = self.run;
        if !self.again.is_empty() {
            connection.execute(KEEP_EARLIER, &[&run, &self.again]).await?;
            let again = "UPDATE bulk_outcomes SET state = 0, unsettled = true
                WHERE run = $1 AND line = ANY($2) AND (state = 4 OR (unsettled AND state IN (0, 3)))";
            let changed = connection.execute(again, &[&run, &self.again]).await?;
            if changed != self.again.len() as u64 {
                return Err(changed_meanwhile());
            }
        }
        let ranges = Ranges::of(&self.ranges(refused));
        let worker: [&(dyn ToSql + Sync); 2] = [&self.run, &self.worker];
        let parameters = [&worker[..], &ranges.parameters(self)].concat();
        connection.query(BEGIN, &parameters).await?;
        Ok(())
    }

    // Writes outcomes that came after the lease was over: of attempts that are still unknown, and were not repeated.
    async fn settle(&self, slot: &Slot) -> Result<(), Failure> {
        let mut connection = slot.open().await?;
        let gone = "SELECT give_up_bulk_worker($1, $2, $3, $4)";
        connection
            .query(gone, &[&self.run, &self.worker, &self.at, &GONE])
            .await?;
        let ends = Ends::of(&self.recorded);
        let settle = "UPDATE bulk_outcomes o SET state = e.state, finished = e.finished, kind = e.kind, code = e.code,
                message = e.message, tracking_id = e.tracking_id
            FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[])
                AS e (line, state, finished, kind, code, message, tracking_id, batch)
            WHERE o.run = $1 AND o.line = e.line AND o.session = $2 AND o.batch = e.batch AND o.state = 4
                AND o.kind = 'interrupted'
                AND NOT EXISTS (SELECT FROM bulk_begun b WHERE b.run = $1 AND o.line BETWEEN b.first AND b.last)";
        connection
            .execute(
                settle,
                &[
                    &self.run,
                    &self.worker,
                    &ends.lines,
                    &ends.states,
                    &ends.finished,
                    &ends.kinds,
                    &ends.codes,
                    &ends.messages,
                    &ends.tracking_ids,
                    &ends.batches,
                ],
            )
            .await?;
        Ok(())
    }
}

fn changed_meanwhile() -> Failure {
    Failure::Lasting(DatabaseError::refused(
        "the rows are not as this process has left them; nothing of this step was written",
    ))
}

const KEEP_EARLIER: &str = "INSERT INTO bulk_earlier
    SELECT run, line, batch, state FROM bulk_outcomes WHERE run = $1 AND line = ANY($2)
    ON CONFLICT DO NOTHING";

const IN_FLIGHT: &str = "INSERT INTO bulk_in_flight
    VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::bigint / 1000.0), $5::bigint + $4::bigint)
    ON CONFLICT (run, line, is_probe) DO UPDATE SET until = excluded.until, until_there = excluded.until_there";

const END: &str =
    "SELECT end_bulk_attempts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
    $18, $19, $20)";
const BEGIN: &str = "SELECT begin_bulk_ranges($1, $2, $3, $4, $5, $6, $7)";
// Both, from left to right.
const END_AND_BEGIN: &str =
    "SELECT end_bulk_attempts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20),
    begin_bulk_ranges($1, $2, $21, $22, $23, $24, $25)";

fn rows_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The current time in milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

// Whether its time and tracking id are all there is to write.
fn is_only_applied(end: &AttemptEnd) -> bool {
    let AttemptEnd {
        state,
        kind,
        code,
        message,
        prior_state,
        ..
    } = end;
    *state == RowPhase::Applied
        && kind.is_none()
        && code.is_none()
        && message.is_none()
        && prior_state.is_empty()
}

/// One text of each row, as the column of a statement.
type Texts<'a> = Vec<Option<&'a str>>;

// `unnest` fills a shorter column with nulls, and most rows have no text at all.
fn without_nulls(texts: Texts<'_>) -> Texts<'_> {
    if texts.iter().all(Option::is_none) {
        Vec::new()
    } else {
        texts
    }
}

/// Neighbours that were applied, as the columns of a statement.
#[derive(Default)]
struct AppliedRanges<'a> {
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    places: Vec<i64>,
    batches: Vec<i64>,
    started: Vec<i64>,
    // Of all rows.
    finished: Vec<i64>,
    tracking_ids: Texts<'a>,
}

impl<'a> AppliedRanges<'a> {
    // To read one row, all of its range is read.
    const MOST: usize = 128;

    fn add(&mut self, rows: &'a [(AttemptEnd, OpenRange)]) {
        let [(first, range), ..] = rows else { return };
        let first = signed(first.line);
        self.firsts.push(first);
        self.lasts.push(first + rows_of(rows.len()) - 1);
        // Arrays begin at 1 there.
        self.places.push(rows_of(self.finished.len()) + 1);
        self.batches.push(range.batch);
        self.started.push(range.at);
        self.finished.extend(rows.iter().map(|(end, _)| end.at));
        let tracking_ids = rows.iter().map(|(end, _)| end.tracking_id.as_deref());
        self.tracking_ids.extend(tracking_ids);
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 7] {
        [
            &self.firsts,
            &self.lasts,
            &self.places,
            &self.batches,
            &self.started,
            &self.finished,
            &self.tracking_ids,
        ]
    }
}

/// Other ends, as the columns of a statement.
struct Ends<'a> {
    lines: Vec<i64>,
    states: Vec<i64>,
    finished: Vec<i64>,
    kinds: Texts<'a>,
    codes: Texts<'a>,
    messages: Texts<'a>,
    tracking_ids: Texts<'a>,
    batches: Vec<i64>,
    started: Vec<i64>,
}

impl<'a> Ends<'a> {
    fn of(ends: impl IntoIterator<Item = &'a (AttemptEnd, OpenRange)>) -> Self {
        let ends: Vec<_> = ends.into_iter().collect();
        let texts = |text: fn(&AttemptEnd) -> Option<&str>| {
            without_nulls(ends.iter().map(|(end, _)| text(end)).collect())
        };
        Self {
            lines: ends.iter().map(|(end, _)| signed(end.line)).collect(),
            states: ends.iter().map(|(end, _)| end.state as i64).collect(),
            finished: ends.iter().map(|(end, _)| end.at).collect(),
            kinds: texts(|end| end.kind),
            codes: texts(|end| end.code.as_deref()),
            messages: texts(|end| end.message.as_deref()),
            tracking_ids: texts(|end| end.tracking_id.as_deref()),
            batches: ends.iter().map(|(_, range)| range.batch).collect(),
            started: ends.iter().map(|(_, range)| range.at).collect(),
        }
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.lines,
            &self.states,
            &self.finished,
            &self.kinds,
            &self.codes,
            &self.messages,
            &self.tracking_ids,
            &self.batches,
            &self.started,
        ]
    }
}

/// Ranges that start, as the columns of a statement.
struct Ranges {
    numbers: Vec<i64>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    batches: Vec<i64>,
}

impl Ranges {
    fn of(ranges: &[OpenRange]) -> Self {
        let column = |value: fn(&OpenRange) -> i64| ranges.iter().map(value).collect();
        Self {
            numbers: column(|range| range.number),
            firsts: column(|range| range.first),
            lasts: column(|range| range.last),
            batches: column(|range| range.batch),
        }
    }

    fn parameters<'a>(&'a self, turn: &'a Turn) -> [&'a (dyn ToSql + Sync); 5] {
        [&turn.at, &self.numbers, &self.firsts, &self.lasts, &self.batches]
    }
}
