-- Processes that share this state. An id is never used twice.
CREATE TABLE processes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Its lease, by the clock of the database.
    until timestamptz NOT NULL
);

-- What must be the same for all processes, such as a check of the secret of the hashes.
CREATE TABLE settings (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE idempotency_keys (
    -- Hashes under a secret that is not in the database.
    key bytea PRIMARY KEY,
    body bytea NOT NULL,
    process bigint NOT NULL,
    -- Random, one for each time that the key was reserved.
    reservation uuid NOT NULL,
    -- The handle that resolves the outcome of a request that was lost.
    attempt text NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered_at timestamptz,
    status smallint,
    is_problem boolean,
    retry_after bigint,
    response bytea
);

CREATE INDEX idempotency_keys_answered ON idempotency_keys (answered_at) WHERE answered_at IS NOT NULL;
CREATE UNIQUE INDEX idempotency_keys_reservation ON idempotency_keys (reservation);
CREATE INDEX idempotency_keys_open ON idempotency_keys (process) WHERE answered_at IS NULL;
