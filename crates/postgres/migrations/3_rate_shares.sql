-- Rate limits of accounts, lent to processes: each process has a part of the permits for the time of its lease.
CREATE TABLE rate_lanes (
    -- A hash of the account under a secret that is not in the database, and the label of the limit.
    lane text PRIMARY KEY,
    -- The provider has refused a request for its rate.
    closed_until timestamptz,
    -- The part of the limit that is not used for a while, because the provider has refused requests.
    reserved float8 NOT NULL DEFAULT 0,
    reserved_at timestamptz
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
-- has then, what its fair part is, how long the lane is closed, and what part of the limit is reserved.
CREATE FUNCTION lend_permits(
    lane_ text, process_ uuid, total int, window_s float8, held int, wanted_ int, closed_s float8, reserved_ float8,
    lease_s float8, OUT permits_ int, OUT target int, OUT closed_for float8, OUT reserved_now float8
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    now_ timestamptz;
    usable int;
    others int;
    hungry int;
    spare int;
    rank_ int;
    state rate_lanes;
    member record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('repass.rate.' || lane_, 0));
    now_ := clock_timestamp();
    INSERT INTO rate_lanes (lane) VALUES (lane_) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT state FROM rate_lanes WHERE lane = lane_;
    -- It is given back by two hundredths of the limit in each window.
    reserved_now := greatest(0, state.reserved - 0.02 * coalesce(extract(epoch FROM now_ - state.reserved_at), 0) / window_s);
    IF closed_s > 0 OR reserved_ > reserved_now + 0.01 THEN
        reserved_now := greatest(reserved_now, reserved_);
        state.closed_until := greatest(state.closed_until, now_ + make_interval(secs => closed_s));
        UPDATE rate_lanes SET closed_until = state.closed_until, reserved = reserved_now, reserved_at = now_
        WHERE lane = lane_;
    END IF;
    closed_for := greatest(0, coalesce(extract(epoch FROM state.closed_until - now_), 0));
    usable := greatest(1, floor(total * (1 - reserved_now)));
    -- A process without a lease has sent nothing since, and the provider has forgotten what it sent before.
    DELETE FROM rate_shares WHERE lane = lane_ AND until + make_interval(secs => window_s + 1) < now_;
    IF held = 0 AND wanted_ = 0 THEN
        DELETE FROM rate_shares WHERE lane = lane_ AND process = process_;
    ELSE
        INSERT INTO rate_shares VALUES (lane_, process_, held, wanted_, now_ + make_interval(secs => lease_s))
        ON CONFLICT (lane, process) DO UPDATE
        SET permits = excluded.permits, wanted = excluded.wanted, until = excluded.until;
    END IF;
    -- No process gets more than it wants, and the rest is shared evenly. What cannot be divided stays with those who hold the
    -- most: if it moved with every change of what they want, it would be unused most of the time.
    target := wanted_;
    spare := usable;
    SELECT count(*) INTO hungry FROM rate_shares WHERE lane = lane_ AND until >= now_ AND wanted > 0;
    FOR member IN
        SELECT wanted FROM rate_shares WHERE lane = lane_ AND until >= now_ AND wanted > 0 ORDER BY wanted
    LOOP
        IF member.wanted > spare / hungry THEN
            IF wanted_ > spare / hungry THEN
                SELECT count(*) INTO rank_ FROM rate_shares
                WHERE lane = lane_ AND until >= now_ AND wanted > spare / hungry
                    AND (permits > held OR permits = held AND process < process_);
                target := spare / hungry + CASE WHEN rank_ < spare % hungry THEN 1 ELSE 0 END;
            END IF;
            EXIT;
        END IF;
        spare := spare - member.wanted;
        hungry := hungry - 1;
    END LOOP;
    SELECT coalesce(sum(permits), 0) INTO others FROM rate_shares WHERE lane = lane_ AND process <> process_;
    permits_ := held + greatest(0, least(target - held, usable - others - held));
    UPDATE rate_shares SET permits = permits_ WHERE lane = lane_ AND process = process_;
END $$;

-- The same for many lanes in one step. All processes lock lanes in the same order.
CREATE FUNCTION lend_permits_of_lanes(
    lanes text[], processes uuid[], totals int[], windows float8[], held int[], wanted int[], closed float8[],
    reserved_ float8[], leases float8[]
) RETURNS TABLE (number int, permits int, target int, closed_for float8, reserved_now float8)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    at int;
BEGIN
    FOR at IN
        SELECT one.number FROM unnest(lanes) WITH ORDINALITY one (lane, number)
        ORDER BY hashtextextended('repass.rate.' || one.lane, 0), one.lane, one.number
    LOOP
        RETURN QUERY SELECT at, loan.* FROM lend_permits(
            lanes[at], processes[at], totals[at], windows[at], held[at], wanted[at], closed[at], reserved_[at], leases[at]
        ) loan;
    END LOOP;
END $$;
