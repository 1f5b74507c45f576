BEGIN;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE providers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, allowed REAL) STRICT;
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
    at INTEGER NOT NULL           -- in milliseconds since 1970
) STRICT;
-- What became of the last sending that has ended, and of rows that cannot be sent.
CREATE TABLE outcomes (
    line INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,       -- see `State`; pending when the row is to be sent again
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
PRAGMA user_version = 2;
COMMIT;
