//! Moves a run out of or into the database.

use std::ops::RangeInclusive;
use std::sync::Arc;

use repass_bulk::BulkError;
use repass_bulk::journal::{CopiedJournal, Journal as _, MOVED_TO, MovingJournal, Part};
use tokio_postgres::{Client, Row};

use super::journal::{GONE, PostgresJournal, requeued_kinds};
use super::link::{BY_INDEX, Parameter, borrowed, unusable};
use super::turn::now;
use super::{RunHandle, signed, unsigned};
use crate::Database;
use crate::database::within;

// The rows of a part of the run $1 as JSON, of the lines from $2 to $3 if it has lines. Where times count, $4 is now.
fn select(part: Part) -> &'static str {
    match part {
        Part::Providers => {
            "SELECT json_agg(json_build_object('id', id, 'name', name, 'allowed', allowed, 'longest', longest,
                'identity', identity))::text
            FROM bulk_providers WHERE run = $1"
        }
        Part::Sessions => {
            "SELECT json_agg(json_build_object('id', id, 'started', started, 'ended', ended))::text
            FROM bulk_workers WHERE run = $1"
        }
        Part::Rows => {
            "SELECT json_agg(json_build_object('line', line, 'user', user_id, 'provider', provider, 'state', state,
                'unsettled', unsettled, 'batch', batch, 'attempts', attempts, 'session', session, 'started', started,
                'finished', finished, 'kind', kind, 'code', code, 'message', message, 'tracking_id', tracking_id))::text
            FROM bulk_standings WHERE run = $1 AND line BETWEEN $2 AND $3"
        }
        Part::Earlier => {
            "SELECT json_agg(json_build_object('line', line, 'batch', batch, 'state', state))::text
            FROM bulk_earlier WHERE run = $1 AND line BETWEEN $2 AND $3"
        }
        Part::InFlight => {
            "SELECT json_agg(json_build_object('line', line, 'is_probe', is_probe, 'until',
                greatest($4 + (extract(epoch FROM until - clock_timestamp()) * 1000)::bigint, until_there)))::text
            FROM bulk_in_flight WHERE run = $1 AND line BETWEEN $2 AND $3"
        }
        Part::Accounts => {
            "SELECT json_agg(json_build_object('provider', provider, 'account', account, 'line', line))::text
            FROM bulk_accounts WHERE run = $1 AND line BETWEEN $2 AND $3"
        }
        Part::PriorStates => {
            "SELECT json_agg(json_build_object('line', line, 'batch', batch, 'state', state))::text
            FROM bulk_prior_states WHERE run = $1 AND line BETWEEN $2 AND $3"
        }
    }
}

// The statement that adds the rows in the JSON array $2 to the run $1. Where times count, $3 is now.
fn insert(part: Part) -> &'static str {
    match part {
        Part::Providers => {
            "INSERT INTO bulk_providers (run, id, name, allowed, longest, identity)
            SELECT $1, id, name, allowed, longest, identity
            FROM json_to_recordset($2::text::json)
                AS r (id bigint, name text, allowed float8, longest bigint, identity text)"
        }
        Part::Sessions => {
            "INSERT INTO bulk_workers (run, id, process, started, ended, is_gone)
            SELECT $1, id, 0, started, ended, true
            FROM json_to_recordset($2::text::json) AS r (id bigint, started bigint, ended bigint)"
        }
        Part::Rows => {
            "WITH given AS MATERIALIZED (
                SELECT * FROM json_to_recordset($2::text::json) AS r (line bigint, \"user\" text, provider bigint,
                    state bigint, unsettled boolean, batch bigint, attempts bigint, session bigint, started bigint,
                    finished bigint, kind text, code text, message text, tracking_id text)
            ), added AS (
                INSERT INTO bulk_rows (run, line, user_id, provider) SELECT $1, line, \"user\", provider FROM given
            ), free AS (
                INSERT INTO bulk_free (run, first, last) SELECT $1, min(line), max(line) FROM given
                WHERE state = 0 AND NOT unsettled HAVING count(*) > 0
            )
            INSERT INTO bulk_outcomes (run, line, state, unsettled, batch, attempts, session, started, finished, kind,
                code, message, tracking_id)
            SELECT $1, line, state, unsettled, batch, attempts, session, started, finished, kind, code, message,
                tracking_id
            FROM given WHERE state <> 0 OR unsettled OR attempts > 0"
        }
        Part::Earlier => {
            "INSERT INTO bulk_earlier (run, line, batch, state)
            SELECT $1, line, batch, state
            FROM json_to_recordset($2::text::json) AS r (line bigint, batch bigint, state bigint)"
        }
        Part::InFlight => {
            "INSERT INTO bulk_in_flight (run, line, is_probe, until, until_there)
            SELECT $1, line, is_probe, clock_timestamp() + make_interval(secs => (until - $3) / 1000.0), until
            FROM json_to_recordset($2::text::json) AS r (line bigint, is_probe boolean, until bigint)"
        }
        Part::Accounts => {
            "INSERT INTO bulk_accounts (run, provider, account, line)
            SELECT $1, provider, account, line
            FROM json_to_recordset($2::text::json) AS r (provider bigint, account text, line bigint)"
        }
        Part::PriorStates => {
            "INSERT INTO bulk_prior_states (run, line, batch, state)
            SELECT $1, line, batch, state
            FROM json_to_recordset($2::text::json) AS r (line bigint, batch bigint, state text)"
        }
    }
}

/// A run that moves out of the database. Its transaction has locked the run, so that no session begins.
#[derive(Debug)]
pub(super) struct PostgresMove {
    handle: RunHandle,
    // Its connection, and so its transaction, ends with it.
    client: Arc<Client>,
    _database: Database,
}

impl PostgresMove {
    pub(super) fn start(handle: RunHandle) -> Result<Self, BulkError> {
        let run = handle.run;
        let database = handle.link.database();
        let begun = handle.link.wait(async move {
            let begun = within(async {
                let client = Box::pin(database.client()).await?;
                // The copy is written meanwhile, and after a failover many rows become unknown.
                let begin = format!(
                    "{BY_INDEX}; BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10min'; \
                     SET LOCAL statement_timeout = '10min'"
                );
                client.batch_execute(&begin).await?;
                Ok(client)
            });
            let client = begun.await.map_err(|problem| unusable(&problem))?;
            let start = "SELECT start_bulk_move($1, $2, $3, $4)";
            let started = client
                .query_one(start, &[&run, &now(), &GONE, &requeued_kinds()])
                .await;
            let is_idle: bool = started.map_err(|error| unusable(&error.into()))?.get(0);
            if !is_idle {
                return Err(BulkError::usage(
                    "workers are at work on this run, or were killed a few seconds ago; stop them, and repeat this when \
                     `repass bulk status` no longer says that it is running",
                ));
            }
            Ok((client, database))
        });
        let (client, database) = begun?;
        Ok(Self {
            handle,
            client,
            _database: database,
        })
    }

    fn query(&self, statement: &'static str, more: Vec<Parameter>) -> Result<Vec<Row>, BulkError> {
        let client = Arc::clone(&self.client);
        let mut parameters: Vec<Parameter> = vec![Box::new(self.handle.run)];
        parameters.extend(more);
        self.handle.link.wait(async move {
            let rows = within(async { Ok(client.query(statement, &borrowed(&parameters)).await?) });
            rows.await.map_err(|problem| unusable(&problem))
        })
    }

    fn number(&self, statement: &'static str) -> Result<u64, BulkError> {
        let rows = self.query(statement, Vec::new())?;
        Ok(rows.first().map_or(0, |row| unsigned(row.get(0))))
    }
}

impl MovingJournal for PostgresMove {
    fn part(&mut self, part: Part, lines: RangeInclusive<u64>) -> Result<String, BulkError> {
        let mut values: Vec<Parameter> = Vec::new();
        if part.is_of_lines() {
            values.extend([lines.start(), lines.end()].map(|line| Box::new(signed(*line)) as Parameter));
        }
        if part == Part::InFlight {
            values.push(Box::new(now()));
        }
        let rows = self.query(select(part), values)?;
        let text = rows.first().and_then(|row| row.get::<_, Option<String>>(0));
        Ok(text.unwrap_or_else(|| "[]".to_owned()))
    }

    fn last_line(&mut self) -> Result<u64, BulkError> {
        self.number("SELECT coalesce(max(line), 0) FROM bulk_rows WHERE run = $1")
    }

    fn last_batch(&mut self) -> Result<u64, BulkError> {
        self.number("SELECT last_batch FROM bulk_runs WHERE id = $1")
    }

    fn set_moved(&mut self, to: &str) -> Result<(), BulkError> {
        let insert = "INSERT INTO bulk_facts VALUES ($1, $2, $3)";
        let values: Vec<Parameter> = vec![Box::new(MOVED_TO), Box::new(to.to_owned())];
        self.query(insert, values)?;
        let client = Arc::clone(&self.client);
        self.handle.link.wait(async move {
            let committed = within(async { Ok(client.batch_execute("COMMIT").await?) });
            committed.await.map_err(|problem| unusable(&problem))
        })
    }
}

/// A run that moves into the database, where it cannot be opened yet.
#[derive(Debug)]
pub(super) struct PostgresCopy {
    handle: RunHandle,
    mark: String,
    pieces: i64,
}

impl PostgresCopy {
    pub(super) fn new(handle: RunHandle, mark: &str) -> Self {
        Self {
            handle,
            mark: mark.to_owned(),
            pieces: 0,
        }
    }

    fn query(&self, statement: &'static str, more: Vec<Parameter>) -> Result<Vec<Row>, BulkError> {
        let mut parameters: Vec<Parameter> = vec![Box::new(self.handle.run)];
        parameters.extend(more);
        self.handle.link.query(statement, parameters)
    }
}

impl CopiedJournal for PostgresCopy {
    fn add(&mut self, part: Part, rows: &str) -> Result<(), BulkError> {
        let mut values: Vec<Parameter> = vec![Box::new(rows.to_owned())];
        if part == Part::InFlight {
            values.push(Box::new(now()));
        }
        self.query(insert(part), values).map(drop)
    }

    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError> {
        PostgresJournal::new(self.handle.clone()).set_fact(name, value)
    }

    fn add_sealed(&mut self, piece: &[u8]) -> Result<(), BulkError> {
        self.pieces += 1;
        let insert = "INSERT INTO bulk_sealed VALUES ($1, $2, $3)";
        let values: Vec<Parameter> = vec![Box::new(self.pieces), Box::new(piece.to_vec())];
        self.query(insert, values).map(drop)
    }

    // Pieces are numbered from 1, and are fewer than their bytes.
    fn end(&mut self, last_batch: u64) -> Result<(), BulkError> {
        let end = "SELECT end_bulk_copy($1, $2, $3)";
        let ended = self.query(
            end,
            vec![Box::new(self.mark.clone()), Box::new(signed(last_batch))],
        )?;
        if !ended.first().is_some_and(|row| row.get(0)) {
            return Err(BulkError::usage(
                "another command has begun to remove this copy, or the database has failed over meanwhile; the run is \
                 still where it was: repeat the command",
            ));
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), BulkError> {
        // After a failover it may have been a run before, of which nothing is known: then its pending rows become unknown.
        let update = "UPDATE bulk_runs
            SET is_complete = true, is_synchronous = is_synchronous AND timeline = database_timeline()
            WHERE id = $1 RETURNING id";
        if self.query(update, Vec::new())?.is_empty() {
            return Err(BulkError::internal(
                "the copy of the run is gone from the shared state; repeat the command",
            ));
        }
        Ok(())
    }
}
