-- Rate limits of accounts, lent to processes: each process has a part of the permits for the time of its lease.
CREATE TABLE rate_lanes (
    -- A hash of the account under a secret that is not in the database, and the label of the limit.
    lane text PRIMARY KEY,
    -- The provider has refused a request for its rate.
    closed_until timestamptz
);

CREATE TABLE rate_shares (
    lane text NOT NULL,
    process uuid NOT NULL,
    permits int NOT NULL,
    wanted int NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (lane, process)
) WITH (fillfactor = 20);

-- Renews the lease of a process that holds and wants this many permits, and lends it more if there are some. Returns what it
-- has then, what its fair part is, and how long the lane is closed.
CREATE FUNCTION lend_permits(
    lane_ text, process_ uuid, total int, window_s float8, held int, wanted_ int, closed_s float8, lease_s float8,
    OUT permits_ int, OUT target int, OUT closed_for float8
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    now_ timestamptz;
    others int;
    spare int := total;
    hungry int;
    fair int;
    member record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('repass.rate.' || lane_, 0));
    now_ := clock_timestamp();
    INSERT INTO rate_lanes (lane) VALUES (lane_) ON CONFLICT DO NOTHING;
    IF closed_s > 0 THEN
        UPDATE rate_lanes SET closed_until = greatest(closed_until, now_ + make_interval(secs => closed_s))
        WHERE lane = lane_;
    END IF;
    -- A process without a lease has sent nothing since, and the provider has forgotten what it sent before.
    DELETE FROM rate_shares WHERE lane = lane_ AND until + make_interval(secs => window_s + 1) < now_;
    IF held = 0 AND wanted_ = 0 THEN
        DELETE FROM rate_shares WHERE lane = lane_ AND process = process_;
    ELSE
        INSERT INTO rate_shares VALUES (lane_, process_, held, wanted_, now_ + make_interval(secs => lease_s))
        ON CONFLICT (lane, process) DO UPDATE
        SET permits = excluded.permits, wanted = excluded.wanted, until = excluded.until;
    END IF;
    -- No process gets more than it wants, and the rest is shared evenly.
    target := 0;
    SELECT count(*) INTO hungry FROM rate_shares WHERE lane = lane_ AND until >= now_ AND wanted > 0;
    FOR member IN
        SELECT process, wanted FROM rate_shares WHERE lane = lane_ AND until >= now_ AND wanted > 0 ORDER BY wanted, process
    LOOP
        fair := least(member.wanted, spare / hungry);
        IF member.process = process_ THEN target := fair; END IF;
        spare := spare - fair;
        hungry := hungry - 1;
    END LOOP;
    SELECT coalesce(sum(permits), 0) INTO others FROM rate_shares WHERE lane = lane_ AND process <> process_;
    permits_ := held + greatest(0, least(target - held, total - others - held));
    UPDATE rate_shares SET permits = permits_ WHERE lane = lane_ AND process = process_;
    SELECT greatest(0, extract(epoch FROM closed_until - now_)) INTO closed_for FROM rate_lanes WHERE lane = lane_;
    closed_for := coalesce(closed_for, 0);
END $$;
