-- One change at a time per user, and the last change of each user, which no probe may overwrite.
CREATE TABLE user_locks (
    provider text NOT NULL,
    -- A hash under a secret that is not in the database.
    user_hash bytea NOT NULL,
    -- Random, one for each time that the lock was taken; NULL while it is free.
    holder uuid,
    until timestamptz,
    changed_at timestamptz NOT NULL,
    -- The unknown outcome that a probe can settle, if the change ended in one.
    unknown uuid,
    is_applied boolean NOT NULL,
    -- The change before, which counts again if this one is not sent.
    prior_at timestamptz,
    prior_unknown uuid,
    prior_applied boolean,
    PRIMARY KEY (provider, user_hash)
);

-- Every change ends with the row of its holder, among those of all users that were ever changed.
CREATE INDEX user_locks_holder ON user_locks (holder) WHERE holder IS NOT NULL;
