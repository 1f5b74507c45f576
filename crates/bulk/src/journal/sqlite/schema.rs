//! The schema, and its migration.

use rusqlite::Connection;

use crate::BulkError;

/// A commit is durable when it returns, with one sync. Pages are checkpointed rarely, because most are rewritten often.
pub(super) const DURABLE: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA cache_size = -1024;
    PRAGMA busy_timeout = 30000;
";

// `user_version` is the version of the format.
pub(super) const TABLES: &str = "
    BEGIN;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE providers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, allowed REAL,
        identity TEXT,                -- which system it is, as JSON
        longest INTEGER               -- how long one sending may take, in milliseconds
    ) STRICT;
    CREATE TABLE sessions (id INTEGER PRIMARY KEY, started INTEGER NOT NULL, ended INTEGER) STRICT;
    -- What came in, and is not changed.
    CREATE TABLE rows (line INTEGER PRIMARY KEY, user TEXT, provider INTEGER) STRICT;
    -- Neighbours that are about to be sent, until each of them has its outcome.
    CREATE TABLE begun (
        id INTEGER PRIMARY KEY,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        batch INTEGER NOT NULL,       -- with which their passwords were sealed
        session INTEGER NOT NULL,
        at INTEGER NOT NULL,          -- in milliseconds since 1970
        uptime INTEGER NOT NULL,      -- the same, in milliseconds since the boot
        boot TEXT                     -- which boot that is
    ) STRICT;
    -- What became of the last sending that has ended, and of rows that cannot be sent.
    CREATE TABLE outcomes (
        line INTEGER PRIMARY KEY,
        state INTEGER NOT NULL,       -- see `RowPhase`; pending when the row is to be sent again
        unsettled INTEGER NOT NULL,   -- 1: a sending before the last one is still unknown
        batch INTEGER NOT NULL,
        attempts INTEGER NOT NULL,    -- how often it was sent, this time included; 0 for what cannot be sent
        session INTEGER NOT NULL,
        started INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        kind TEXT,
        code TEXT,
        message TEXT,
        tracking_id TEXT
    ) STRICT;
    -- Sendings before the last one, of rows that were sent more than once.
    CREATE TABLE earlier (line INTEGER NOT NULL, batch INTEGER NOT NULL, state INTEGER NOT NULL,
        PRIMARY KEY (line, batch)) STRICT, WITHOUT ROWID;
    -- Of rows with an unknown sending behind them: until when something of it may have been on its way from here.
    -- Probes that set the password count for themselves.
    CREATE TABLE in_flight (line INTEGER NOT NULL, probe INTEGER NOT NULL, at INTEGER NOT NULL,
        uptime INTEGER NOT NULL, boot TEXT, PRIMARY KEY (line, probe)) STRICT, WITHOUT ROWID;
    -- Which accounts were sent on which lines, where a user may be named in more than one way.
    CREATE TABLE accounts (provider INTEGER NOT NULL, account TEXT NOT NULL, line INTEGER NOT NULL,
        PRIMARY KEY (provider, account)) STRICT, WITHOUT ROWID;
    -- What the provider had recorded of a user before an unknown sending, as JSON.
    CREATE TABLE prior_states (line INTEGER NOT NULL, batch INTEGER NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (line, batch)) STRICT, WITHOUT ROWID;
    -- Where each row stands. One that was begun and has no outcome is being sent, or was when all ended.
    CREATE VIEW standings AS
        SELECT r.line, r.user, r.provider,
            iif(b.id IS NULL, coalesce(o.state, 0), 1) AS state,
            coalesce(o.unsettled, 0) AS unsettled,
            coalesce(b.batch, o.batch, 0) AS batch,
            coalesce(o.attempts, 0) + (b.id IS NOT NULL) AS attempts,
            coalesce(b.session, o.session, 0) AS session,
            coalesce(b.at, o.started, 0) AS started,
            coalesce(o.finished, 0) AS finished,
            o.kind, o.code, o.message, o.tracking_id
        FROM rows r
            LEFT JOIN outcomes o ON o.line = r.line
            LEFT JOIN begun b ON b.id = iif(coalesce(o.state, 0) = 0 AND r.line <= (SELECT max(last) FROM begun),
                (SELECT max(id) FROM begun WHERE r.line BETWEEN first AND last), NULL);
    PRAGMA user_version = 4;
    COMMIT;
";

// From format 2, which did not record boots, so the wall clock is used. It took any probe that did not find the new
// password in place as a proof, however early: such rows become unknown.
const FROM_2: &str = "
    BEGIN;
    ALTER TABLE providers ADD COLUMN identity TEXT;
    ALTER TABLE providers ADD COLUMN longest INTEGER;
    ALTER TABLE begun ADD COLUMN uptime INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE begun ADD COLUMN boot TEXT;
    CREATE TABLE in_flight (line INTEGER NOT NULL, probe INTEGER NOT NULL, at INTEGER NOT NULL,
        uptime INTEGER NOT NULL, boot TEXT, PRIMARY KEY (line, probe)) STRICT, WITHOUT ROWID;
    CREATE TABLE accounts (provider INTEGER NOT NULL, account TEXT NOT NULL, line INTEGER NOT NULL,
        PRIMARY KEY (provider, account)) STRICT, WITHOUT ROWID;
    UPDATE outcomes SET state = 4
        WHERE state = 3 AND message LIKE '%a probe found that the new password is not in place';
    INSERT INTO in_flight SELECT line, 0, finished, 0, NULL FROM outcomes WHERE state = 4 OR unsettled;
    PRAGMA user_version = 3;
    COMMIT;
";

// From format 3, which did not keep what was read before an attempt.
const FROM_3: &str = "
    BEGIN;
    CREATE TABLE prior_states (line INTEGER NOT NULL, batch INTEGER NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (line, batch)) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 4;
    COMMIT;
";

const VERSION: i64 = 4;
/// The format of a journal whose run has moved elsewhere. An earlier repass would send its rows again.
pub(super) const MOVED_VERSION: i64 = 5;
/// The oldest format that can be read. It is migrated when a run is resumed.
const OLDEST_VERSION: i64 = 2;

/// Migrates a journal of an earlier format.
pub(super) fn migrate(connection: &Connection) -> Result<(), BulkError> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    let steps: &[&str] = match version {
        Ok(2) => &[FROM_2, FROM_3],
        Ok(3) => &[FROM_3],
        _ => &[],
    };
    let mut steps = steps.iter();
    steps
        .try_for_each(|step| connection.execute_batch(step))
        .map_err(super::unwritable)
}

pub(super) fn check(connection: &Connection) -> Result<(), BulkError> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    match version {
        Ok(OLDEST_VERSION..=VERSION | MOVED_VERSION) => Ok(()),
        Ok(0) => Err(BulkError::usage(
            "the journal is empty: the run was stopped before it began; start a new run",
        )),
        Ok(other) => Err(BulkError::usage(format!(
            "the journal has format {other}, and this repass reads format {VERSION}"
        ))),
        Err(error) => Err(BulkError::usage(format!("the journal cannot be read: {error}"))),
    }
}
