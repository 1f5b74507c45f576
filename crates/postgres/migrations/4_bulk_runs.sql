-- Bulk runs that several processes work on. No table holds a password in clear.
--
-- Statistics are old while a run is loaded and worked on, and a plan that reads a whole table for each commit would make each
-- row of a long run dearer. So the functions force plans that read by keys, and the view looks rows up one by one by
-- `LATERAL … OFFSET 0`. Functions of a commit leave this to their connection: to set it at each call takes longer than what they
-- do.
CREATE TABLE bulk_runs (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Which history of the database the run is part of: a failover or a restored backup begins another one.
    timeline text NOT NULL,
    -- A failover loses nothing, because every process has found a synchronous standby.
    is_synchronous boolean NOT NULL DEFAULT current_setting('synchronous_standby_names') <> '',
    last_batch bigint NOT NULL DEFAULT 0,
    -- False while the run is copied here from elsewhere. It cannot be opened before.
    is_complete boolean NOT NULL DEFAULT true
);

CREATE TABLE bulk_facts (
    run int NOT NULL REFERENCES bulk_runs,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (run, name)
);

CREATE TABLE bulk_providers (
    run int NOT NULL REFERENCES bulk_runs,
    id bigint NOT NULL,
    name text NOT NULL,
    allowed float8,
    -- Which system it is, as JSON.
    identity text,
    -- How long one attempt may take, in milliseconds.
    longest bigint,
    PRIMARY KEY (run, id),
    UNIQUE (run, name)
);

-- The sessions of the run: each is one process's, and ends with its lease.
CREATE TABLE bulk_workers (
    run int NOT NULL REFERENCES bulk_runs,
    id bigint NOT NULL,
    process bigint NOT NULL,
    -- Counts its commits, to find out whether one was made whose answer was lost.
    turn bigint NOT NULL DEFAULT 0,
    started bigint NOT NULL,
    ended bigint,
    -- It has ended, or others have taken over its rows.
    is_gone boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run, id)
);

-- What came in, and is not changed.
CREATE TABLE bulk_rows (
    run int NOT NULL,
    line bigint NOT NULL,
    user_id text,
    provider bigint,
    PRIMARY KEY (run, line)
);

-- Lines that are free, and those of a worker. Only the pending rows among them are to be sent.
CREATE TABLE bulk_free (
    run int NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (run, first)
);
CREATE TABLE bulk_claims (
    run int NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    worker bigint NOT NULL,
    PRIMARY KEY (run, first)
);
CREATE INDEX bulk_claims_worker ON bulk_claims (run, worker);
-- Rows with an unknown attempt that a worker is about to send another password.
CREATE TABLE bulk_reissues (
    run int NOT NULL,
    line bigint NOT NULL,
    worker bigint NOT NULL,
    PRIMARY KEY (run, line)
);

-- Neighbours that are about to be sent, until each of them has its outcome.
CREATE TABLE bulk_begun (
    run int NOT NULL,
    worker bigint NOT NULL,
    -- Of the worker's ranges.
    number bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    batch bigint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (run, worker, number)
);

-- Neighbours that one range has sent, that were applied at their first attempt, and that ended in one commit. Most rows of most
-- runs are here, because one row for each of them costs several times as much. No two ranges overlap, and nothing about them
-- changes.
CREATE TABLE bulk_applied (
    run int NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    batch bigint NOT NULL,
    session bigint NOT NULL,
    started bigint NOT NULL,
    -- Of each row.
    finished bigint[] NOT NULL,
    -- Of each row, or empty.
    tracking_ids text[] NOT NULL,
    PRIMARY KEY (run, first)
);

-- What became of the last attempt that has ended, of all other rows, and of rows that cannot be sent.
CREATE TABLE bulk_outcomes (
    run int NOT NULL,
    line bigint NOT NULL,
    state bigint NOT NULL,
    -- An attempt before the last one is still unknown.
    unsettled boolean NOT NULL,
    batch bigint NOT NULL,
    attempts bigint NOT NULL,
    session bigint NOT NULL,
    started bigint NOT NULL,
    finished bigint NOT NULL,
    kind text,
    code text,
    message text,
    tracking_id text,
    PRIMARY KEY (run, line)
);

-- Attempts before the last one, of rows that were sent more than once.
CREATE TABLE bulk_earlier (
    run int NOT NULL,
    line bigint NOT NULL,
    batch bigint NOT NULL,
    state bigint NOT NULL,
    PRIMARY KEY (run, line, batch)
);

-- Of rows with an unknown attempt: until when something of it may have been on its way, by the clock of the database and
-- by the one of the process that wrote it, in milliseconds since 1970. Both must agree that it is long ago: either may be
-- set.
CREATE TABLE bulk_in_flight (
    run int NOT NULL,
    line bigint NOT NULL,
    -- Of a probe that sets the password.
    is_probe boolean NOT NULL,
    until timestamptz NOT NULL,
    until_there bigint NOT NULL,
    PRIMARY KEY (run, line, is_probe)
);

-- Which accounts were sent on which lines, where a user may be named in more than one way.
CREATE TABLE bulk_accounts (
    run int NOT NULL,
    provider bigint NOT NULL,
    account text NOT NULL,
    line bigint NOT NULL,
    PRIMARY KEY (run, provider, account)
);

-- What the provider had recorded of a user before an unknown attempt, as JSON.
CREATE TABLE bulk_prior_states (
    run int NOT NULL,
    line bigint NOT NULL,
    batch bigint NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (run, line, batch)
);

-- Generated passwords, each batch an age file in ASCII armor.
CREATE TABLE bulk_sealed (
    run int NOT NULL,
    batch bigint NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (run, batch)
);
ALTER TABLE bulk_sealed ALTER sealed SET STORAGE EXTERNAL;

-- Passwords of the input, those of the rows that were added together an age file in ASCII armor.
CREATE TABLE bulk_given (
    run int NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (run, first)
);
ALTER TABLE bulk_given ALTER sealed SET STORAGE EXTERNAL;

-- Whether the row is among those that were applied at their first attempt.
CREATE FUNCTION is_applied_bulk_row(run_ int, line_ bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT last >= line_ FROM bulk_applied WHERE run = run_ AND first <= line_ ORDER BY first DESC LIMIT 1), false)
$$;

-- Where each row stands. One that was begun and has no outcome is being sent, or was when its process ended.
CREATE VIEW bulk_standings AS
SELECT r.run, r.line, r.user_id, r.provider,
    CASE WHEN a.run IS NOT NULL THEN 2 WHEN b.batch IS NOT NULL THEN 1 ELSE coalesce(o.state, 0) END AS state,
    coalesce(o.unsettled, false) AS unsettled,
    coalesce(a.batch, b.batch, o.batch, 0) AS batch,
    coalesce(o.attempts, 0) + (a.run IS NOT NULL OR b.batch IS NOT NULL)::int AS attempts,
    coalesce(a.session, b.worker, o.session, 0) AS session,
    coalesce(a.started, b.at, o.started, 0) AS started,
    coalesce(a.finished[r.line - a.first + 1], o.finished, 0) AS finished,
    o.kind, o.code, o.message,
    coalesce(a.tracking_ids[r.line - a.first + 1], o.tracking_id) AS tracking_id
FROM bulk_rows r
LEFT JOIN LATERAL (
    SELECT * FROM bulk_applied a WHERE a.run = r.run AND a.first <= r.line ORDER BY a.first DESC LIMIT 1
) a ON a.last >= r.line
LEFT JOIN LATERAL (SELECT * FROM bulk_outcomes o WHERE o.run = r.run AND o.line = r.line OFFSET 0) o ON true
LEFT JOIN LATERAL (
    SELECT batch, worker, at FROM bulk_begun b
    WHERE b.run = r.run AND r.line BETWEEN b.first AND b.last AND coalesce(o.state, 0) = 0 AND a.run IS NULL
    ORDER BY at DESC, number DESC LIMIT 1
) b ON true;

-- The rows of a range that are to be sent. All tables are read by their keys, once for the whole range.
CREATE FUNCTION pending_bulk_rows(run_ int, first_ bigint, last_ bigint)
RETURNS TABLE (line bigint, user_id text, provider bigint, attempts bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH begun AS MATERIALIZED (
        SELECT first, last FROM bulk_begun WHERE run = run_ AND first <= last_ AND last >= first_
    ), applied AS MATERIALIZED (
        SELECT generate_series(first, last) AS line FROM bulk_applied WHERE run = run_ AND first BETWEEN first_ AND last_
        UNION ALL
        -- Only one can begin before and reach into it.
        SELECT generate_series(first_, last)
        FROM (SELECT last FROM bulk_applied WHERE run = run_ AND first < first_ ORDER BY first DESC LIMIT 1) AS earlier
    )
    SELECT r.line, r.user_id, r.provider, coalesce(o.attempts, 0)
    FROM bulk_rows r LEFT JOIN bulk_outcomes o ON o.run = run_ AND o.line = r.line AND o.line BETWEEN first_ AND last_
    WHERE r.run = run_ AND r.line BETWEEN first_ AND last_
        AND coalesce(o.state, 0) = 0 AND NOT coalesce(o.unsettled, false)
        AND NOT EXISTS (SELECT FROM applied a WHERE a.line = r.line)
        AND NOT EXISTS (SELECT FROM begun b WHERE r.line BETWEEN b.first AND b.last)
    ORDER BY r.line;
END $$;

-- Whether every row of a range has an outcome: much sooner than to list those that are pending.
CREATE FUNCTION have_bulk_rows_ended(run_ int, first_ bigint, last_ bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN (SELECT count(*) FROM bulk_rows WHERE run = run_ AND line BETWEEN first_ AND last_) <= (
        SELECT count(*) FROM bulk_outcomes WHERE run = run_ AND line BETWEEN first_ AND last_ AND state <> 0
    ) + (
        SELECT coalesce(sum(least(last, last_) - first + 1), 0) FROM bulk_applied
        WHERE run = run_ AND first BETWEEN first_ AND last_
    ) + (
        -- Only one can begin before and reach into it.
        SELECT coalesce(sum(greatest(least(last, last_) - first_ + 1, 0)), 0)
        FROM (SELECT last FROM bulk_applied WHERE run = run_ AND first < first_ ORDER BY first DESC LIMIT 1) AS earlier
    );
END $$;

-- Which history of the database this is.
CREATE FUNCTION database_timeline() RETURNS text LANGUAGE sql AS $$
    SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
$$;

-- Whether the worker may write. Until the transaction ends no other process can take over its rows: they lock the worker's
-- row FOR UPDATE first. After a failover none may: the database may have lost what it has confirmed.
CREATE FUNCTION is_bulk_worker(run_ int, worker_ bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM bulk_workers w
    WHERE w.run = run_ AND w.id = worker_ AND NOT w.is_gone
        AND EXISTS (SELECT FROM processes p WHERE p.id = w.process AND p.until > clock_timestamp())
        AND EXISTS (SELECT FROM bulk_runs r WHERE r.id = run_ AND r.timeline = database_timeline())
    FOR KEY SHARE OF w;
    RETURN FOUND;
END $$;

-- Counts a commit of a worker, if it still is one, and writes what has ended of what it has begun: ranges that were applied,
-- each with the place of its first row in the columns that follow, and other rows. `unsettled` is kept: an attempt says nothing
-- about an earlier one.
CREATE FUNCTION end_bulk_attempts(
    run_ int, worker_ bigint, turn_ bigint,
    firsts bigint[], lasts bigint[], places bigint[], range_batches bigint[], range_started bigint[],
    range_finished bigint[], range_tracking_ids text[],
    lines bigint[], states bigint[], finished_ bigint[], kinds text[], codes text[],
    messages text[], tracking_ids text[], batches bigint[], started_ bigint[], closed bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known boolean[];
    expected bigint;
    written bigint;
BEGIN
    -- As `is_bulk_worker`, which takes longer: the update locks the row too.
    UPDATE bulk_workers w SET turn = turn_
    WHERE w.run = run_ AND w.id = worker_ AND w.turn = turn_ - 1 AND NOT w.is_gone
        AND EXISTS (SELECT FROM processes p WHERE p.id = w.process AND p.until > clock_timestamp())
        AND EXISTS (SELECT FROM bulk_runs r WHERE r.id = run_ AND r.timeline = database_timeline());
    IF NOT FOUND THEN RAISE EXCEPTION 'the lease of the worker is over' USING ERRCODE = 'RP001'; END IF;
    -- Of the ranges that begin at or before the end of another one, the last one overlaps it if any does.
    IF EXISTS (
        SELECT FROM unnest(firsts || lines, lasts || lines) AS range (first, last)
        JOIN LATERAL (
            SELECT a.last FROM bulk_applied a WHERE a.run = run_ AND a.first <= range.last ORDER BY a.first DESC LIMIT 1
        ) a ON a.last >= range.first
    ) THEN
        RAISE EXCEPTION 'an attempt has ended already' USING ERRCODE = 'RP002';
    END IF;
    -- Whether a row of the range had an attempt before.
    known := ARRAY(
        SELECT EXISTS (SELECT FROM bulk_outcomes o WHERE o.run = run_ AND o.line BETWEEN range.first AND range.last)
        FROM unnest(firsts, lasts) WITH ORDINALITY AS range (first, last, at) ORDER BY range.at
    );
    INSERT INTO bulk_applied (run, first, last, batch, session, started, finished, tracking_ids)
    SELECT run_, r.first, r.last, r.batch, worker_, r.started, range_finished[r.place : r.place + r.last - r.first],
        range_tracking_ids[r.place : r.place + r.last - r.first]
    FROM unnest(firsts, lasts, places, range_batches, range_started, known) AS r (first, last, place, batch, started, is_known)
    WHERE NOT r.is_known;
    IF cardinality(lines) > 0 OR true = ANY(known) THEN
        WITH ended AS (
            SELECT * FROM unnest(lines, states, finished_, kinds, codes, messages, tracking_ids, batches, started_)
                AS e (line, state, finished, kind, code, message, tracking_id, batch, started)
            UNION ALL
            SELECT line, 2, range_finished[r.place + line - r.first], NULL, NULL, NULL,
                range_tracking_ids[r.place + line - r.first], r.batch, r.started
            FROM unnest(firsts, lasts, places, range_batches, range_started, known)
                AS r (first, last, place, batch, started, is_known), generate_series(r.first, r.last) AS line
            WHERE r.is_known
        ), written AS (
            INSERT INTO bulk_outcomes AS o (run, line, state, unsettled, batch, attempts, session, started, finished, kind, code,
                message, tracking_id)
            SELECT run_, e.line, e.state, false, e.batch, 1, worker_, e.started, e.finished, e.kind, e.code, e.message,
                e.tracking_id
            FROM ended e
            ON CONFLICT (run, line) DO UPDATE SET state = excluded.state, batch = excluded.batch, attempts = o.attempts + 1,
                session = excluded.session, started = excluded.started, finished = excluded.finished, kind = excluded.kind,
                code = excluded.code, message = excluded.message, tracking_id = excluded.tracking_id
            WHERE o.state = 0
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM ended), (SELECT count(*) FROM written) INTO expected, written;
        IF written <> expected THEN
            RAISE EXCEPTION 'an attempt has ended already' USING ERRCODE = 'RP002';
        END IF;
    END IF;
    DELETE FROM bulk_begun WHERE run = run_ AND worker = worker_ AND number = ANY(closed);
END $$;

-- Records that ranges are about to be sent, if each of their lines is a row and none has an outcome. Of the worker's own open
-- ranges a row may be sent again.
CREATE FUNCTION begin_bulk_ranges(
    run_ int, worker_ bigint, at_ bigint, numbers bigint[], firsts bigint[], lasts bigint[], batches bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(numbers) = 0 THEN RETURN; END IF;
    -- After a failover what was begun would be pending, because the run counts on a standby that has it.
    IF current_setting('synchronous_standby_names') = '' AND EXISTS (SELECT FROM bulk_runs WHERE id = run_ AND is_synchronous) THEN
        RAISE EXCEPTION 'synchronous replication was switched off while the run was going on; start it again to go on without'
            USING ERRCODE = 'RP004';
    END IF;
    -- In one statement: between two, a row could go from those that another worker has begun to those that are applied.
    IF EXISTS (
        SELECT FROM unnest(firsts, lasts) AS range (first, last)
        LEFT JOIN LATERAL (
            SELECT a.last FROM bulk_applied a WHERE a.run = run_ AND a.first <= range.last ORDER BY a.first DESC LIMIT 1
        ) a ON a.last >= range.first
        WHERE a.last IS NOT NULL
            OR range.last - range.first + 1
                <> (SELECT count(*) FROM bulk_rows r WHERE r.run = run_ AND r.line BETWEEN range.first AND range.last)
            OR EXISTS (
                SELECT FROM bulk_outcomes o
                WHERE o.run = run_ AND o.line BETWEEN range.first AND range.last AND o.state <> 0
            ) OR EXISTS (
                SELECT FROM bulk_begun b
                WHERE b.run = run_ AND b.worker <> worker_ AND b.first <= range.last AND b.last >= range.first
            )
    ) THEN
        RAISE EXCEPTION 'a row is not pending' USING ERRCODE = 'RP002';
    END IF;
    INSERT INTO bulk_begun
    SELECT run_, worker_, number, first, last, batch, at_
    FROM unnest(numbers, firsts, lasts, batches) AS range (number, first, last, batch);
END $$;

-- Gives up to so many free lines to a worker, if it still is one. Returns their range; NULL if no lines are
-- free. Durable when it returns: of a claim that is lost in a crash the worker would still send the rows, and another too.
CREATE FUNCTION claim_bulk_rows(
    run_ int, worker_ bigint, most int, OUT is_worker boolean, OUT first_ bigint, OUT last_ bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    end_ bigint;
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    is_worker := is_bulk_worker(run_, worker_);
    IF NOT is_worker THEN RETURN; END IF;
    -- The oldest are done first; each claim forgets one.
    DELETE FROM bulk_claims c
    WHERE c.run = run_ AND c.worker = worker_
        AND c.first = (SELECT first FROM bulk_claims WHERE run = run_ AND worker = worker_ ORDER BY first LIMIT 1)
        AND CASE WHEN have_bulk_rows_ended(run_, c.first, c.last) THEN true
            ELSE NOT EXISTS (SELECT FROM pending_bulk_rows(run_, c.first, c.last)) END;
    SELECT f.first, f.last INTO first_, end_ FROM bulk_free f WHERE f.run = run_ ORDER BY f.first LIMIT 1;
    IF NOT FOUND THEN RETURN; END IF;
    last_ := least(first_ + most - 1, end_);
    DELETE FROM bulk_free WHERE run = run_ AND first = first_;
    IF last_ < end_ THEN
        INSERT INTO bulk_free VALUES (run_, last_ + 1, end_)
        ON CONFLICT (run, first) DO UPDATE SET last = greatest(bulk_free.last, excluded.last);
    END IF;
    INSERT INTO bulk_claims VALUES (run_, first_, last_, worker_);
END $$;

-- Whether another worker has rows to send, which may become free. Forgets this worker's lines without any.
CREATE FUNCTION others_have_bulk_rows(run_ int, worker_ bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM bulk_claims c
    WHERE c.run = run_ AND c.worker = worker_ AND NOT EXISTS (SELECT FROM pending_bulk_rows(run_, c.first, c.last));
    RETURN EXISTS (SELECT FROM bulk_free f WHERE f.run = run_) OR EXISTS (
        SELECT FROM bulk_claims c WHERE c.run = run_ AND c.worker <> worker_
            AND EXISTS (SELECT FROM pending_bulk_rows(run_, c.first, c.last))
    );
END $$;

-- Frees the lines of a worker that has ended or is gone.
CREATE FUNCTION free_bulk_claims(run_ int, worker_ bigint) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO bulk_free (run, first, last)
    SELECT c.run, c.first, c.last FROM bulk_claims c
    WHERE c.run = run_ AND c.worker = worker_ AND EXISTS (SELECT FROM pending_bulk_rows(run_, c.first, c.last))
    ON CONFLICT (run, first) DO UPDATE SET last = greatest(bulk_free.last, excluded.last);
    DELETE FROM bulk_claims WHERE run = run_ AND worker = worker_;
    DELETE FROM bulk_reissues WHERE run = run_ AND worker = worker_;
$$;

-- Makes the rows unknown that a worker has begun, and its other lines free.
CREATE FUNCTION mark_bulk_worker_gone(run_ int, worker_ bigint, at_ bigint, message_ text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO bulk_in_flight (run, line, is_probe, until, until_there)
    SELECT DISTINCT r.run, r.line, false, clock_timestamp() + make_interval(secs => coalesce(p.longest, 600000) / 1000.0),
        at_ + coalesce(p.longest, 600000)
    FROM bulk_begun b JOIN bulk_rows r ON r.run = b.run AND r.line BETWEEN b.first AND b.last
    LEFT JOIN bulk_outcomes o ON o.run = r.run AND o.line = r.line
    LEFT JOIN bulk_providers p ON p.run = r.run AND p.id = r.provider
    WHERE b.run = run_ AND b.worker = worker_ AND coalesce(o.state, 0) = 0 AND NOT is_applied_bulk_row(run_, r.line)
    ON CONFLICT (run, line, is_probe) DO UPDATE SET until = excluded.until, until_there = excluded.until_there;
    INSERT INTO bulk_outcomes AS known (run, line, state, unsettled, batch, attempts, session, started, finished, kind, message)
    SELECT DISTINCT ON (r.line) r.run, r.line, 4, coalesce(o.unsettled, false), b.batch, coalesce(o.attempts, 0) + 1, b.worker,
        b.at, at_, 'interrupted', message_
    FROM bulk_begun b JOIN bulk_rows r ON r.run = b.run AND r.line BETWEEN b.first AND b.last
    LEFT JOIN bulk_outcomes o ON o.run = r.run AND o.line = r.line
    WHERE b.run = run_ AND b.worker = worker_ AND coalesce(o.state, 0) = 0 AND NOT is_applied_bulk_row(run_, r.line)
    ORDER BY r.line, b.number DESC
    ON CONFLICT (run, line) DO UPDATE SET state = excluded.state, batch = excluded.batch, attempts = excluded.attempts,
        session = excluded.session, started = excluded.started, finished = excluded.finished, kind = excluded.kind,
        code = NULL, message = excluded.message, tracking_id = NULL
    WHERE known.state = 0;
    DELETE FROM bulk_begun WHERE run = run_ AND worker = worker_;
    PERFORM free_bulk_claims(run_, worker_);
    UPDATE bulk_workers SET is_gone = true WHERE run = run_ AND id = worker_;
END $$;

-- Marks every worker gone whose lease is over.
CREATE FUNCTION mark_bulk_workers_gone(run_ int, at_ bigint, message_ text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    FOR gone IN
        SELECT w.id FROM bulk_workers w
        WHERE w.run = run_ AND NOT w.is_gone
            AND NOT EXISTS (SELECT FROM processes p WHERE p.id = w.process AND p.until > clock_timestamp())
        -- One that is committing is looked at again later.
        FOR UPDATE OF w SKIP LOCKED
    LOOP
        PERFORM mark_bulk_worker_gone(run_, gone, at_, message_);
    END LOOP;
END $$;

-- The same for one worker, which finds out itself that its lease is over.
CREATE FUNCTION give_up_bulk_worker(run_ int, worker_ bigint, at_ bigint, message_ text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    PERFORM FROM bulk_workers WHERE run = run_ AND id = worker_ AND NOT is_gone FOR UPDATE;
    IF FOUND THEN PERFORM mark_bulk_worker_gone(run_, worker_, at_, message_); END IF;
END $$;

-- Ends a session in order. What it has begun and not ended stays, until its lease is over.
CREATE FUNCTION end_bulk_worker(run_ int, worker_ bigint, ended_ bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    PERFORM FROM bulk_workers WHERE run = run_ AND id = worker_ AND NOT is_gone FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM free_bulk_claims(run_, worker_);
    UPDATE bulk_workers
    SET ended = ended_, is_gone = NOT EXISTS (SELECT FROM bulk_begun b WHERE b.run = run_ AND b.worker = worker_)
    WHERE run = run_ AND id = worker_;
END $$;

-- Makes rows pending again that failed for such a reason, except those with an unknown attempt, and those among the lines
-- or the open ranges of a worker: no worker would be given them. Returns how many.
CREATE FUNCTION requeue_bulk_rows(run_ int, kinds text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    count_ bigint;
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    PERFORM check_bulk_run_is_here(run_);
    WITH again AS (
        UPDATE bulk_outcomes o SET state = 0
        WHERE o.run = run_ AND o.state = 3 AND NOT o.unsettled AND o.kind = ANY(kinds)
            AND NOT EXISTS (SELECT FROM bulk_claims c WHERE c.run = run_ AND o.line BETWEEN c.first AND c.last)
            AND NOT EXISTS (SELECT FROM bulk_begun b WHERE b.run = run_ AND o.line BETWEEN b.first AND b.last)
        RETURNING o.line, o.batch
    ), kept AS (
        INSERT INTO bulk_earlier SELECT run_, line, batch, 3 FROM again WHERE batch <> 0 ON CONFLICT DO NOTHING
    ), freed AS (
        INSERT INTO bulk_free SELECT run_, line, line FROM again a
        WHERE NOT EXISTS (SELECT FROM bulk_free f WHERE f.run = run_ AND a.line BETWEEN f.first AND f.last)
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) INTO count_ FROM again;
    RETURN count_;
END $$;

-- Refuses a run that has moved elsewhere.
CREATE FUNCTION check_bulk_run_is_here(run_ int) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM bulk_facts WHERE run = run_ AND name = 'moved_to') THEN
        RAISE EXCEPTION 'the run has moved elsewhere; `repass bulk status` says where' USING ERRCODE = 'RP003';
    END IF;
END $$;

-- Notes which history of the database the run is part of. After a failover or a restored backup that is another one, and what was
-- in flight is unknown. Rows that failed for one of these kinds may have been sent again.
CREATE FUNCTION note_bulk_timeline(run_ int, at_ bigint, message_ text, kinds text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    known bulk_runs;
    id_ bigint;
BEGIN
    SELECT * INTO known FROM bulk_runs WHERE id = run_ FOR UPDATE;
    IF known.timeline <> database_timeline() THEN
        FOR id_ IN SELECT w.id FROM bulk_workers w WHERE w.run = run_ AND NOT w.is_gone FOR UPDATE OF w LOOP
            PERFORM mark_bulk_worker_gone(run_, id_, at_, message_);
        END LOOP;
        -- What was begun last may be lost, so any row may have been sent.
        IF NOT known.is_synchronous THEN
            INSERT INTO bulk_in_flight (run, line, is_probe, until, until_there)
            SELECT run_, line, false, clock_timestamp() + interval '10 minutes', at_ + 600000
            FROM pending_bulk_rows(run_, 0, 9223372036854775807)
            ON CONFLICT (run, line, is_probe) DO UPDATE SET until = excluded.until, until_there = excluded.until_there;
            INSERT INTO bulk_outcomes AS old (run, line, state, unsettled, batch, attempts, session, started, finished, kind, message)
            SELECT run_, line, 4, false, 0, 1, 0, 0, at_, 'interrupted',
                'the database has failed over without a synchronous standby, so the change may have been sent'
            FROM pending_bulk_rows(run_, 0, 9223372036854775807)
            ON CONFLICT (run, line) DO UPDATE SET state = 4, batch = 0, attempts = old.attempts + 1, kind = excluded.kind, code = NULL, message = excluded.message,
                finished = excluded.finished;
            DELETE FROM bulk_free WHERE run = run_;
            INSERT INTO bulk_earlier
            SELECT run, line, batch, state FROM bulk_outcomes
            WHERE run = run_ AND batch <> 0 AND (state = 4 OR state = 3 AND (unsettled OR kind = ANY(kinds)))
            ON CONFLICT DO NOTHING;
            WITH again AS (
                UPDATE bulk_outcomes SET state = 4, batch = 0, attempts = attempts + 1, finished = at_, kind = 'interrupted',
                    code = NULL, message = 'the database has failed over without a synchronous standby, so the change may '
                        'have been sent again', tracking_id = NULL
                WHERE run = run_ AND (state = 4 AND batch <> 0 OR state = 3 AND (unsettled OR kind = ANY(kinds)))
                RETURNING line
            )
            INSERT INTO bulk_in_flight (run, line, is_probe, until, until_there)
            SELECT run_, line, false, clock_timestamp() + interval '10 minutes', at_ + 600000 FROM again
            ON CONFLICT (run, line, is_probe) DO UPDATE SET until = excluded.until, until_there = excluded.until_there;
        END IF;
    END IF;
    UPDATE bulk_runs
    SET timeline = database_timeline(),
        is_synchronous = is_synchronous AND current_setting('synchronous_standby_names') <> ''
    WHERE id = run_;
END $$;

-- Refuses to go on with a load that began in another history of the database: what it added last may be lost.
CREATE FUNCTION check_bulk_load(timeline_ text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF timeline_ <> database_timeline() THEN
        RAISE EXCEPTION 'the database has failed over meanwhile, so what was written last may be lost; resume the run'
            USING ERRCODE = 'RP005';
    END IF;
END $$;

-- Keeps sessions away from a run that moves elsewhere, until the transaction ends. False if a worker is at work on it.
CREATE FUNCTION start_bulk_move(run_ int, at_ bigint, message_ text, kinds text[]) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    PERFORM check_bulk_run_is_here(run_);
    PERFORM note_bulk_timeline(run_, at_, message_, kinds);
    PERFORM mark_bulk_workers_gone(run_, at_, message_);
    RETURN NOT EXISTS (SELECT FROM bulk_workers WHERE run = run_ AND NOT is_gone);
END $$;

-- Removes some rows of a copy that was stopped, so that it can be made again: one that has not the whole run, or that is of the
-- same move, whose run is still where it was. Returns whether there may be more.
CREATE FUNCTION clear_bulk_copy(name_ text, mark_ text) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    old int;
    table_ text;
    cleared bigint;
    total bigint := 0;
BEGIN
    -- In a statement of its own: what is decided below is of when the lock was there.
    PERFORM FROM bulk_runs WHERE name = name_ FOR UPDATE;
    SELECT r.id INTO old FROM bulk_runs r
    WHERE r.name = name_ AND NOT r.is_complete AND (
        NOT EXISTS (SELECT FROM bulk_facts f WHERE f.run = r.id AND f.name = 'read_whole')
        OR EXISTS (SELECT FROM bulk_facts f WHERE f.run = r.id AND f.name = 'move'
            AND split_part(f.value, '.', 1) = split_part(mark_, '.', 1))
    );
    IF NOT FOUND THEN RETURN false; END IF;
    -- First, so that nothing takes the rest for a whole run.
    DELETE FROM bulk_facts WHERE run = old;
    FOREACH table_ IN ARRAY ARRAY['bulk_providers', 'bulk_workers', 'bulk_rows', 'bulk_free', 'bulk_outcomes', 'bulk_earlier',
        'bulk_in_flight', 'bulk_accounts', 'bulk_prior_states', 'bulk_sealed']
    LOOP
        EXECUTE format('DELETE FROM %1$I WHERE ctid = ANY(ARRAY(SELECT ctid FROM %1$I WHERE run = $1 LIMIT 10000))', table_)
            USING old;
        GET DIAGNOSTICS cleared = ROW_COUNT;
        total := total + cleared;
    END LOOP;
    IF total = 0 THEN DELETE FROM bulk_runs WHERE id = old; END IF;
    RETURN total > 0;
END $$;

-- Marks a copy as one that has the whole run. False if another move has begun to remove it, or the database has failed over since
-- the copy was begun.
CREATE FUNCTION end_bulk_copy(run_ int, mark_ text, last_batch_ bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    UPDATE bulk_runs r SET last_batch = last_batch_
    WHERE r.id = run_ AND r.timeline = database_timeline()
        AND EXISTS (SELECT FROM bulk_facts f WHERE f.run = run_ AND f.name = 'move' AND f.value = mark_);
    IF NOT FOUND THEN RETURN false; END IF;
    INSERT INTO bulk_facts VALUES (run_, 'read_whole', 'yes');
    RETURN true;
END $$;

-- Adds rows to a run, with their passwords as an age file. Those that are there already must be the same, and new ones come behind
-- them: returns the first line that is not so, and adds nothing then.
CREATE FUNCTION add_bulk_rows(
    run_ int, lines bigint[], users text[], providers bigint[], kinds text[], messages text[], at_ bigint, sealed_ bytea,
    timeline_ text, OUT added bigint, OUT invalid bigint, OUT different bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    last_ bigint;
BEGIN
    -- Of two loads one waits for the other.
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    PERFORM check_bulk_load(timeline_);
    SELECT coalesce(max(line), 0) INTO last_ FROM bulk_rows WHERE run = run_;
    SELECT min(n.line) INTO different
    FROM unnest(lines, users, providers, kinds) AS n (line, user_id, provider, kind)
    LEFT JOIN bulk_rows r ON r.run = run_ AND r.line = n.line
    WHERE n.line <= last_ AND (
        r.line IS NULL OR r.user_id IS DISTINCT FROM n.user_id
        OR r.provider IS DISTINCT FROM CASE WHEN n.kind IS NULL THEN n.provider END
    );
    IF different IS NOT NULL THEN RETURN; END IF;
    INSERT INTO bulk_rows
    SELECT run_, n.line, n.user_id, CASE WHEN n.kind IS NULL THEN n.provider END
    FROM unnest(lines, users, providers, kinds) AS n (line, user_id, provider, kind) WHERE n.line > last_;
    GET DIAGNOSTICS added = ROW_COUNT;
    INSERT INTO bulk_outcomes (run, line, state, unsettled, batch, attempts, session, started, finished, kind, message)
    SELECT run_, n.line, 5, false, 0, 0, 0, 0, at_, n.kind, n.message
    FROM unnest(lines, kinds, messages) AS n (line, kind, message) WHERE n.line > last_ AND n.kind IS NOT NULL;
    GET DIAGNOSTICS invalid = ROW_COUNT;
    INSERT INTO bulk_free
    SELECT run_, min(n.line), max(n.line) FROM unnest(lines, kinds) AS n (line, kind)
    WHERE n.line > last_ AND n.kind IS NULL HAVING count(*) > 0;
    INSERT INTO bulk_given
    SELECT run_, min(line), max(line), sealed_ FROM unnest(lines) AS line
    WHERE line > last_ AND sealed_ IS NOT NULL HAVING count(*) > 0;
END $$;

-- Begins a session of a process, and returns its number.
CREATE FUNCTION begin_bulk_worker(run_ int, process_ bigint, started_ bigint, message_ text, kinds text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    id_ bigint;
BEGIN
    PERFORM FROM bulk_runs WHERE id = run_ FOR UPDATE;
    PERFORM check_bulk_run_is_here(run_);
    PERFORM note_bulk_timeline(run_, started_, message_, kinds);
    INSERT INTO bulk_workers (run, id, process, started)
    SELECT run_, coalesce(max(id), 0) + 1, process_, started_ FROM bulk_workers WHERE run = run_
    RETURNING id INTO id_;
    RETURN id_;
END $$;
