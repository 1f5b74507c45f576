//! The tables.

use rusqlite::Connection;

use crate::Problem;

/// A commit is on the disk when it returns, with one sync for each. The pages are copied from the log into the
/// database when there are many, because most are written again and again.
pub(super) const DURABLE: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA cache_size = -1024;
    PRAGMA busy_timeout = 30000;
";

// `user_version` is the format's.
pub(super) const TABLES: &str = "
    BEGIN;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE providers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, allowed REAL) STRICT;
    CREATE TABLE sessions (id INTEGER PRIMARY KEY, started INTEGER NOT NULL, ended INTEGER) STRICT;
    CREATE TABLE rows (
        line INTEGER PRIMARY KEY,
        user TEXT,
        provider INTEGER,
        state INTEGER NOT NULL,       -- see `State`
        unsettled INTEGER NOT NULL,   -- 1: a sending before the last one is still unknown
        batch INTEGER NOT NULL,       -- with which the last sending's password was sealed
        attempts INTEGER NOT NULL,    -- how often it was sent
        session INTEGER NOT NULL,     -- of the last sending
        started INTEGER NOT NULL,     -- the last sending, in milliseconds since 1970
        finished INTEGER NOT NULL,
        kind TEXT,
        code TEXT,
        message TEXT,
        tracking_id TEXT,
        room BLOB                     -- what the row will have grown by when it has ended, so that no page is split
    ) STRICT;
    -- Sendings before the last one, of rows that were sent more than once.
    CREATE TABLE earlier (line INTEGER NOT NULL, batch INTEGER NOT NULL, state INTEGER NOT NULL,
        PRIMARY KEY (line, batch)) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
    COMMIT;
";

const VERSION: i64 = 2;

pub(super) fn check(connection: &Connection) -> Result<(), Problem> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    match version {
        Ok(VERSION) => Ok(()),
        Ok(0) => Err(Problem::usage(
            "the journal is empty: the run was stopped before it began; start it anew",
        )),
        Ok(other) => Err(Problem::usage(format!(
            "the journal has format {other}, and this repass reads format {VERSION}"
        ))),
        Err(error) => Err(Problem::usage(format!("the journal cannot be read: {error}"))),
    }
}
