-- The queue's functions; a worker serves every organisation and then runs each job as the job's own, so they cross
-- organisations. Those that wait for several rows lock them in one order. Part of the audited functions: see functions.sql.

-- What has arrived finds its place: it is cancelled with what it needs, waits, or may run (now, or when it is due). Whoever
-- ends a job has those behind it arrive once more, so nothing is looked at in a chain and nothing waits unseen.
CREATE FUNCTION definer.jobs_settle(asked uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job public.jobs;
BEGIN
    PERFORM FROM public.jobs j WHERE j.id = ANY (asked) ORDER BY j.number FOR UPDATE;
    FOR job IN SELECT * FROM public.jobs j WHERE j.id = ANY (asked) AND j.state = 'arrived' ORDER BY j.number LOOP
        IF EXISTS (SELECT FROM public.job_needs n JOIN public.jobs a ON a.id = n.needs_id
                   WHERE n.job_id = job.id AND a.state IN ('dead', 'cancelled')) THEN
            UPDATE public.jobs SET state = 'cancelled', finished_at = clock_timestamp(), error = jsonb_build_object(
                'code', 'needed_job_failed', 'detail', 'A job that this one was to follow did not succeed.')
            WHERE id = job.id;
            CONTINUE;
        END IF;
        -- Whoever ends the one ahead may have looked behind it already, and commit in a moment: then it holds the lock, and
        -- this one stays `arrived` to be looked at again.
        CONTINUE WHEN definer.jobs_ending_ahead(job);
        IF definer.jobs_ahead(job) THEN
            UPDATE public.jobs SET state = 'waiting' WHERE id = job.id;
        ELSE
            -- one that was wanted at once is due, even if the clock has been set back since
            UPDATE public.jobs
            SET state = CASE WHEN run_at > greatest(created_at, clock_timestamp()) THEN 'scheduled' ELSE 'ready' END
            WHERE id = job.id;
        END IF;
    END LOOP;
END
$$;

-- Whether a job has to wait for one it needs, for one with its ordering key that may run, or for an older one with it.
CREATE FUNCTION definer.jobs_ahead(job public.jobs) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.job_needs n JOIN public.jobs a ON a.id = n.needs_id
        WHERE n.job_id = job.id AND a.state NOT IN ('done', 'dead', 'cancelled')
    ) OR job.ordering_key IS NOT NULL AND EXISTS (
        SELECT FROM public.jobs a
        WHERE a.turn_of = job.turn_of AND a.ordering_key = job.ordering_key
          AND (a.state IN ('scheduled', 'ready', 'claimed', 'running')
               OR a.state IN ('arrived', 'waiting') AND a.number < job.number)
    )
$$;

-- Whether one of those is locked, perhaps by whoever ends it; the others stay locked until the caller has committed.
CREATE FUNCTION definer.jobs_ending_ahead(job public.jobs) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH ahead AS (
        SELECT a.id FROM public.job_needs n JOIN public.jobs a ON a.id = n.needs_id
        WHERE n.job_id = job.id AND a.state NOT IN ('done', 'dead', 'cancelled')
        UNION
        SELECT a.id FROM public.jobs a
        WHERE a.turn_of = job.turn_of AND a.ordering_key = job.ordering_key
          AND a.state IN ('scheduled', 'ready', 'claimed', 'running')
        UNION
        (SELECT a.id FROM public.jobs a
         WHERE a.turn_of = job.turn_of AND a.ordering_key = job.ordering_key
           AND a.state IN ('arrived', 'waiting') AND a.number < job.number
         ORDER BY a.number DESC LIMIT 1)
    ),
    locked AS (
        SELECT a.id FROM public.jobs a WHERE a.id IN (SELECT ahead.id FROM ahead) FOR SHARE SKIP LOCKED
    )
    SELECT (SELECT count(*) FROM ahead) > (SELECT count(*) FROM locked)
$$;

-- What follows from the end of jobs: the next in their order, and those that needed them, arrive once more.
CREATE FUNCTION definer.jobs_ended(ended uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    behind uuid[];
BEGIN
    behind := ARRAY(
        SELECT n.job_id FROM public.job_needs n WHERE n.needs_id = ANY (ended)
        UNION
        SELECT w.id
        FROM (SELECT DISTINCT e.turn_of, e.ordering_key FROM public.jobs e
              WHERE e.id = ANY (ended) AND e.ordering_key IS NOT NULL) AS k
        CROSS JOIN LATERAL (
            SELECT j.id FROM public.jobs j
            WHERE j.turn_of = k.turn_of AND j.ordering_key = k.ordering_key AND j.state = 'waiting'
            ORDER BY j.number LIMIT 1
        ) AS w
    );
    IF behind <> '{}' THEN
        PERFORM FROM public.jobs j WHERE j.id = ANY (behind) AND j.state = 'waiting' ORDER BY j.number FOR UPDATE;
        UPDATE public.jobs SET state = 'arrived' WHERE id = ANY (behind) AND state = 'waiting';
    END IF;
END
$$;

-- The slot-seconds an organisation has had of late: half of them are forgotten every ten minutes.
CREATE FUNCTION definer.jobs_charge(stopped uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.job_usage AS u (turn_of, lane, seconds, jobs, at)
    SELECT j.turn_of, j.lane, sum(greatest(0, extract(epoch FROM clock_timestamp() - j.started_at))), count(*), now()
    FROM public.jobs j WHERE j.id = ANY (stopped) AND j.started_at IS NOT NULL
    GROUP BY j.turn_of, j.lane
    ORDER BY j.turn_of, j.lane
    ON CONFLICT (turn_of, lane) DO UPDATE SET
        seconds = u.seconds * power(0.5, least(1000, greatest(0, extract(epoch FROM now() - u.at)) / 600.0)) + excluded.seconds,
        jobs = u.jobs * power(0.5, least(1000, greatest(0, extract(epoch FROM now() - u.at)) / 600.0)) + excluded.jobs,
        at = now()
$$;

-- How many of so many slots each organisation gets that has jobs of this kind ready: the next slot goes to the one that
-- had the fewest slot-seconds of late, what it runs now and would get by this claim counted in.
CREATE FUNCTION definer.jobs_turns(
    wanted_lane text, wanted_label text, wanted_class text, kinds text[], slots integer, passed uuid[], at_once_max integer
) RETURNS TABLE (turn_of uuid, share integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE present AS (
        (SELECT j.turn_of FROM public.jobs j
         WHERE j.state = 'ready' AND j.lane = wanted_lane AND j.label = wanted_label AND j.class = wanted_class
         ORDER BY j.turn_of LIMIT 1)
        UNION ALL
        SELECT (SELECT j.turn_of FROM public.jobs j
                WHERE j.state = 'ready' AND j.lane = wanted_lane AND j.label = wanted_label AND j.class = wanted_class
                  AND j.turn_of > p.turn_of
                ORDER BY j.turn_of LIMIT 1)
        FROM present p WHERE p.turn_of IS NOT NULL
    ),
    busy AS (
        SELECT j.turn_of, count(*) AS jobs,
               sum(greatest(0, extract(epoch FROM clock_timestamp() - coalesce(j.started_at, clock_timestamp())))) AS seconds
        FROM public.jobs j WHERE j.state IN ('claimed', 'running') AND j.lane = wanted_lane
        GROUP BY j.turn_of
    ),
    candidates AS (
        SELECT p.turn_of, coalesce(b.jobs, 0)::integer AS busy_jobs,
               coalesce(u.seconds * power(0.5, least(1000, greatest(0, extract(epoch FROM now() - u.at)) / 600.0)), 0) + coalesce(b.seconds, 0) AS seconds,
               coalesce(greatest(u.seconds / nullif(u.jobs, 0), 0.001), 0.1) AS seconds_a_job
        FROM present p
        LEFT JOIN public.job_usage u ON u.turn_of = p.turn_of AND u.lane = wanted_lane
        LEFT JOIN busy b ON b.turn_of = p.turn_of
        WHERE p.turn_of IS NOT NULL AND p.turn_of <> ALL (passed)
          AND EXISTS (
              SELECT FROM public.jobs j
              WHERE j.state = 'ready' AND j.lane = wanted_lane AND j.label = wanted_label AND j.class = wanted_class
                AND j.turn_of = p.turn_of AND j.kind = ANY (kinds)
          )
          AND (at_once_max = 0 OR coalesce(b.jobs, 0) < at_once_max)
        ORDER BY 3, random() LIMIT slots
    )
    SELECT s.turn_of, count(*)::integer
    FROM (
        SELECT c.turn_of
        FROM candidates c,
             generate_series(1, CASE WHEN at_once_max = 0 THEN slots ELSE least(slots, at_once_max - c.busy_jobs) END) AS i
        -- the claim asks again for what is left, so that many organisations do not make this a table of slots x slots
        WHERE i <= 1 + 4 * slots / greatest(1, (SELECT count(*) FROM candidates))
        ORDER BY c.seconds + (c.busy_jobs + i) * c.seconds_a_job
        LIMIT slots
    ) AS s
    GROUP BY s.turn_of
$$;

-- What is due becomes ready, and what has arrived is settled; each claim does so first. What is cancelled on the way has
-- those behind it arrive in their turn.
CREATE FUNCTION definer.jobs_due() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    arrived uuid[];
    before uuid[] := '{}';
BEGIN
    UPDATE public.jobs SET state = 'ready' WHERE id = ANY (ARRAY(
        SELECT j.id FROM public.jobs j WHERE j.state = 'scheduled' AND j.run_at <= now()
        ORDER BY j.run_at LIMIT 1000
        FOR UPDATE SKIP LOCKED
    ));
    FOR round IN 1..20 LOOP
        arrived := ARRAY(
            SELECT j.id FROM public.jobs j WHERE j.state = 'arrived' ORDER BY j.number LIMIT 1000 FOR UPDATE SKIP LOCKED
        );
        EXIT WHEN arrived = '{}' OR arrived = before;
        PERFORM definer.jobs_settle(arrived);
        before := arrived;
    END LOOP;
END
$$;

-- A slot draws a class by random clocks of rate 6, 3 and 1; a class without work yields its share to the others. A worker
-- takes only kinds it knows, so that one of an older release leaves the jobs of a newer one to those who can run them.
CREATE FUNCTION definer.jobs_claim(
    worker uuid, slots integer, wanted_lane text, wanted_label text, classes text[], kinds text[], lease interval,
    at_once_max integer
) RETURNS SETOF public.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    remaining integer := slots;
    open_classes text[] := classes;
    draw record;
    wanted integer;
    claimed integer;
    found uuid[];
    spent uuid[];
    passed uuid[];
BEGIN
    -- A claim that a crash of the server forgets has charged nothing: its job is ready again. The start is what must last.
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM definer.jobs_due();
    IF at_once_max > 0 THEN
        -- what another claim has taken and not yet committed counts, too
        PERFORM pg_advisory_xact_lock(hashtextextended('lyceum jobs ' || wanted_lane, 0));
    END IF;
    WHILE remaining > 0 AND cardinality(open_classes) > 0 LOOP
        FOR draw IN
            SELECT ticks.class, count(*)::integer AS share
            FROM (
                SELECT w.class, sum(-ln(1 - random()) / w.weight) OVER (PARTITION BY w.class ORDER BY i) AS at
                FROM (VALUES ('high', 6.0), ('normal', 3.0), ('background', 1.0)) AS w (class, weight),
                     generate_series(1, remaining) AS i
                WHERE w.class = ANY (open_classes)
                ORDER BY at
                LIMIT remaining
            ) AS ticks
            GROUP BY ticks.class
        LOOP
            wanted := draw.share;
            passed := '{}';
            WHILE wanted > 0 LOOP
                SELECT array_agg(f.id) FILTER (WHERE f.id IS NOT NULL), count(f.id),
                       (SELECT array_agg(e.turn_of) FROM (
                            SELECT x.turn_of
                            FROM unnest(array_agg(f.turn_of), array_agg(f.share), array_agg(f.id)) AS x (turn_of, share, id)
                            GROUP BY x.turn_of, x.share HAVING count(x.id) < x.share
                        ) AS e)
                INTO found, claimed, spent
                FROM (
                    SELECT t.turn_of, t.share, l.id
                    FROM definer.jobs_turns(wanted_lane, wanted_label, draw.class, kinds, wanted, passed, at_once_max) AS t
                    LEFT JOIN LATERAL (
                        SELECT j.id FROM public.jobs j
                        WHERE j.state = 'ready' AND j.lane = wanted_lane AND j.label = wanted_label
                          AND j.class = draw.class AND j.turn_of = t.turn_of AND j.kind = ANY (kinds)
                        ORDER BY j.turn_at, j.id
                        LIMIT t.share
                        FOR UPDATE SKIP LOCKED
                    ) AS l ON true
                ) AS f;
                EXIT WHEN claimed = 0 AND spent IS NULL;
                RETURN QUERY
                    UPDATE public.jobs j SET state = 'claimed', worker_id = worker, lease_until = now() + lease, started_at = NULL
                    WHERE j.id = ANY (found)
                    RETURNING j.*;
                passed := passed || coalesce(spent, '{}');
                wanted := wanted - claimed;
                remaining := remaining - claimed;
            END LOOP;
            IF wanted > 0 THEN
                open_classes := array_remove(open_classes, draw.class);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- An attempt is counted when the job starts, not when it is claimed. From its claim on a job goes by the number of the
-- attempt it is going to be, so that (id, attempt) names the same before and after its start. Asking again after a lost
-- connection is answered alike.
CREATE FUNCTION definer.jobs_start(worker uuid, ids uuid[], attempts integer[])
RETURNS TABLE (id uuid, attempt integer, waited_seconds double precision)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j WHERE j.id = ANY (ids) ORDER BY j.id FOR UPDATE;
    UPDATE public.jobs j SET state = 'running', attempt = s.attempt, started_at = clock_timestamp()
    FROM unnest(ids, attempts) AS s (id, attempt)
    WHERE j.id = s.id AND j.worker_id = worker AND j.state IN ('claimed', 'running')
      AND j.attempt + (j.state = 'claimed')::integer = s.attempt AND NOT j.cancel_requested
    RETURNING j.id, j.attempt, extract(epoch FROM j.started_at - greatest(j.run_at, j.created_at))::double precision
$$;

-- Whoever lost the lease changes nothing, since (id, attempt) no longer runs with it.
CREATE FUNCTION definer.jobs_finish(worker uuid, ids uuid[], attempts integer[], results jsonb[]) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended uuid[];
BEGIN
    PERFORM FROM public.jobs j WHERE j.id = ANY (ids) ORDER BY j.id FOR UPDATE;
    WITH finished AS (
        UPDATE public.jobs j
        SET state = 'done', result = f.result, error = NULL, lease_until = NULL, worker_id = NULL,
            finished_at = clock_timestamp()
        FROM unnest(ids, attempts, results) AS f (id, attempt, result)
        WHERE j.id = f.id AND j.attempt = f.attempt AND j.worker_id = worker AND j.state = 'running'
        RETURNING j.id
    )
    SELECT array_agg(f.id) INTO ended FROM finished f;
    PERFORM definer.jobs_charge(ended);
    PERFORM definer.jobs_ended(ended);
    RETURN QUERY SELECT unnest(ended);
END
$$;

-- An attempt that writes before its end keeps its job's row until that is committed; nothing when it has lost it.
CREATE FUNCTION definer.jobs_hold(worker uuid, job uuid, held_attempt integer) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j
    WHERE j.id = job AND j.attempt = held_attempt AND j.worker_id = worker AND j.state = 'running'
    FOR UPDATE
$$;

-- After a failure the job is due again in `again_in`, or dead when it has no attempt left.
CREATE FUNCTION definer.jobs_fail(worker uuid, job uuid, failed_attempt integer, failure jsonb, again_in interval)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_in text;
BEGIN
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled'
                     WHEN again_in IS NULL OR j.attempt >= j.attempts_max THEN 'dead'
                     WHEN again_in > interval '0' THEN 'scheduled' ELSE 'ready' END,
        run_at = coalesce(clock_timestamp() + again_in, j.run_at),
        turn_at = coalesce(clock_timestamp() + again_in, j.run_at) - j.priority * interval '1 minute',
        error = failure, lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested OR again_in IS NULL OR j.attempt >= j.attempts_max
                           THEN clock_timestamp() END
    WHERE j.id = job AND j.attempt = failed_attempt AND j.worker_id = worker AND j.state = 'running'
    RETURNING j.state INTO now_in;
    IF now_in IS NOT NULL THEN
        PERFORM definer.jobs_charge(ARRAY[job]);
    END IF;
    RETURN now_in;
END
$$;

-- Extends the leases a worker still holds, and tells which it has extended (no verdict) and which of its attempts it must
-- stop. A row that somebody has locked is left to the next beat and told nothing of: waiting for one would let the leases
-- of all the others run out.
CREATE FUNCTION definer.jobs_heartbeat(worker uuid, ids uuid[], attempts integer[], lease interval)
RETURNS TABLE (id uuid, attempt integer, verdict text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS (SELECT a.id, a.attempt FROM unnest(ids, attempts) AS a (id, attempt)),
    held AS (
        SELECT a.id, a.attempt, j.cancel_requested
        FROM asked a JOIN public.jobs j ON j.id = a.id
        WHERE j.worker_id = worker AND j.state IN ('claimed', 'running')
          AND j.attempt + (j.state = 'claimed')::integer = a.attempt
    ),
    extended AS (
        UPDATE public.jobs j SET lease_until = now() + lease
        WHERE j.id = ANY (ARRAY(
            SELECT l.id FROM public.jobs l JOIN held h ON h.id = l.id
            WHERE l.worker_id = worker AND l.state IN ('claimed', 'running')
            ORDER BY l.id
            FOR UPDATE OF l SKIP LOCKED
        ))
        RETURNING j.id
    )
    SELECT a.id, a.attempt, CASE WHEN h.id IS NULL THEN 'lost' WHEN h.cancel_requested THEN 'cancel' END
    FROM asked a LEFT JOIN held h ON h.id = a.id AND h.attempt = a.attempt
    WHERE h.id IS NULL OR h.cancel_requested OR a.id IN (SELECT e.id FROM extended e)
$$;

CREATE FUNCTION definer.jobs_cancelled(worker uuid, job uuid, cancelled_attempt integer) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stopped uuid[];
BEGIN
    WITH ended AS (
        UPDATE public.jobs j
        SET state = 'cancelled', lease_until = NULL, worker_id = NULL, finished_at = clock_timestamp()
        WHERE j.id = job AND j.attempt + (j.state = 'claimed')::integer = cancelled_attempt AND j.worker_id = worker
          AND j.state IN ('claimed', 'running') AND j.cancel_requested
        RETURNING j.id
    )
    SELECT array_agg(e.id) INTO stopped FROM ended e;
    PERFORM definer.jobs_charge(stopped);
    RETURN QUERY SELECT unnest(stopped);
END
$$;

-- A worker leaves an attempt to another, begun or not, and uncharged: at once when it stops, or after a while when the job
-- cannot go on for now; then the job's error says why. The interrupted attempt is granted again, and keeps its number, so
-- that nothing it wrote is taken for the next one's; one that had not started has spent none.
CREATE FUNCTION definer.jobs_give_back(worker uuid, job uuid, given_attempt integer, reason jsonb, again_in interval)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given public.jobs;
BEGIN
    SELECT * INTO given FROM public.jobs j
    WHERE j.id = job AND j.attempt + (j.state = 'claimed')::integer = given_attempt AND j.worker_id = worker
      AND j.state IN ('claimed', 'running')
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF given.state = 'running' THEN
        PERFORM definer.jobs_charge(ARRAY[job]);
    END IF;
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled' WHEN again_in IS NOT NULL THEN 'scheduled' ELSE 'ready' END,
        run_at = coalesce(clock_timestamp() + again_in, j.run_at), error = coalesce(reason, j.error),
        attempts_max = j.attempts_max + (j.state = 'running')::integer, lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END
    WHERE j.id = job
    RETURNING j.* INTO given;
    RETURN given.state;
END
$$;

-- Leases that are over. Whoever looks takes a job back only when it finds the same lease again after a while: a clock that
-- jumps, a machine that slept and a server that was away let the leases of living workers run out, too, and each of
-- those extends its own within one beat. A lease that ends in a far future is one from before a clock was set back.
CREATE FUNCTION definer.jobs_overdue(lease interval) RETURNS TABLE (id uuid, lease_until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id, j.lease_until FROM public.jobs j
    WHERE j.state IN ('claimed', 'running') AND (j.lease_until < now() OR j.lease_until > now() + 4 * lease)
$$;

-- What a silent worker held goes back; only a job that had begun has spent an attempt. One that ran on a worker's own loop
-- may have taken the worker with it: it runs again in a process of its own, alone.
CREATE FUNCTION definer.jobs_reap(ids uuid[], leases timestamptz[]) RETURNS TABLE (id uuid, state text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost uuid[];
BEGIN
    lost := ARRAY(
        SELECT l.id FROM public.jobs l JOIN unnest(ids, leases) AS o (id, lease) ON o.id = l.id
        WHERE l.state IN ('claimed', 'running') AND l.lease_until = o.lease
        ORDER BY l.id
        FOR UPDATE OF l SKIP LOCKED
    );
    PERFORM definer.jobs_charge(ARRAY(SELECT j.id FROM public.jobs j WHERE j.id = ANY (lost) AND j.state = 'running'));
    RETURN QUERY
        UPDATE public.jobs j
        SET state = CASE WHEN j.cancel_requested THEN 'cancelled'
                         WHEN j.state = 'running' AND j.attempt >= j.attempts_max THEN 'dead' ELSE 'ready' END,
            lane = CASE WHEN j.state = 'running' AND j.lane = 'light' THEN 'solo' ELSE j.lane END,
            error = CASE WHEN j.state = 'running'
                         THEN jsonb_build_object('code', 'worker_lost', 'detail', 'The worker that ran this job is gone.')
                         ELSE j.error END,
            lease_until = NULL, worker_id = NULL,
            finished_at = CASE WHEN j.cancel_requested OR (j.state = 'running' AND j.attempt >= j.attempts_max)
                               THEN clock_timestamp() END
        WHERE j.id = ANY (lost)
        RETURNING j.id, j.state;
END
$$;

-- What a worker must stop, asked for a few times a second beside the notification.
CREATE FUNCTION definer.jobs_to_stop(worker uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j
    WHERE j.state IN ('claimed', 'running') AND j.lease_until IS NOT NULL AND j.worker_id = worker AND j.cancel_requested
$$;

-- One of the hub itself that kept another out, by its key or by its id; nobody may read such jobs, and whoever adds one
-- already knows both.
CREATE FUNCTION definer.jobs_hub_twin(job uuid, key text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT j.id FROM public.jobs j WHERE j.id = job AND j.org_id IS NULL),
        (SELECT j.id FROM public.jobs j
         WHERE j.org_id IS NULL AND j.dedup_key = key
           AND j.state IN ('arrived', 'waiting', 'scheduled', 'ready', 'claimed', 'running'))
    )
$$;

-- The retention of ended ones is a setting of the hub; at most so many at once, so that no transaction is long.
CREATE FUNCTION definer.jobs_forget(done_for interval, dead_for interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH forgotten AS (
        DELETE FROM public.jobs WHERE id = ANY (ARRAY(
            SELECT j.id FROM public.jobs j WHERE j.state = 'done' AND j.finished_at < now() - done_for
            UNION ALL
            SELECT j.id FROM public.jobs j WHERE j.state = 'cancelled' AND j.finished_at < now() - done_for
            UNION ALL
            SELECT j.id FROM public.jobs j WHERE j.state = 'dead' AND j.finished_at < now() - dead_for
            LIMIT at_most
        ))
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

-- A UUIDv7 where the server may be too old to make one: lists of jobs go by the time in it.
CREATE FUNCTION definer.new_job_id() RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
            || '7' || substr(r.digits, 1, 3) || '8' || substr(r.digits, 4, 15))::uuid
    FROM (SELECT replace(gen_random_uuid()::text, '-', '') AS digits) AS r
$$;

-- One that ends without success leaves a job that tells its module, and goes on to those behind it, in the same
-- transaction, whoever ended it.
CREATE FUNCTION definer.jobs_gave_up() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.kind <> 'jobs.gave_up' THEN
        INSERT INTO public.jobs (id, org_id, owner_id, kind, class, args, origin)
        VALUES (definer.new_job_id(), NEW.org_id, NEW.owner_id, 'jobs.gave_up', 'high', jsonb_build_object('job_id', NEW.id),
                NEW.origin);
    END IF;
    PERFORM definer.jobs_ended(ARRAY[NEW.id]);
    RETURN NULL;
END
$$;
CREATE TRIGGER jobs_gave_up AFTER UPDATE OF state ON public.jobs FOR EACH ROW
    WHEN (NEW.state IN ('dead', 'cancelled') AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION definer.jobs_gave_up();

-- Figures of the whole queue for the metrics; they carry no organisation. Each part has an index of its own, so that the
-- ended jobs, which are the most by far, are never looked at.
CREATE FUNCTION definer.jobs_depth()
RETURNS TABLE (
    kind text, class text, lane text, label text, state text, jobs bigint, oldest_seconds double precision
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.kind, j.class, j.lane, j.label, j.state, count(*), extract(epoch FROM now() - min(j.run_at))::double precision
    FROM public.jobs j WHERE j.state = 'ready'
    GROUP BY j.kind, j.class, j.lane, j.label, j.state
    UNION ALL
    SELECT j.kind, j.class, j.lane, j.label, j.state, count(*), extract(epoch FROM now() - min(j.run_at))::double precision
    FROM public.jobs j WHERE j.state IN ('claimed', 'running')
    GROUP BY j.kind, j.class, j.lane, j.label, j.state
    UNION ALL
    SELECT j.kind, j.class, j.lane, j.label, 'waiting', count(*),
           extract(epoch FROM now() - min(j.created_at))::double precision
    FROM public.jobs j WHERE j.state IN ('arrived', 'waiting')
    GROUP BY j.kind, j.class, j.lane, j.label
    UNION ALL
    SELECT j.kind, j.class, j.lane, j.label, j.state, count(*), extract(epoch FROM now() - min(j.run_at))::double precision
    FROM public.jobs j WHERE j.state = 'scheduled'
    GROUP BY j.kind, j.class, j.lane, j.label, j.state
$$;

-- For whoever runs the hub, checked by the caller: jobs of all organisations and of the hub itself, newest first.
CREATE FUNCTION definer.jobs_of_all(wanted_states text[], wanted_kind text, before uuid, at_most integer)
RETURNS SETOF public.jobs
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM public.jobs j
    WHERE (wanted_states IS NULL OR j.state = ANY (wanted_states)) AND (wanted_kind IS NULL OR j.kind = wanted_kind)
      AND (before IS NULL OR j.id < before)
    ORDER BY j.id DESC LIMIT at_most
$$;

-- What workers count, added up over all of them: ended jobs by kind, class and outcome, with how long they waited and ran.
CREATE FUNCTION definer.jobs_figures_add(counted json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.job_figures AS f (kind, class, outcome, jobs, wait_seconds, run_seconds, wait_counts, run_counts)
    SELECT c.kind, c.class, c.outcome, c.jobs, c.wait_seconds, c.run_seconds, c.wait_counts, c.run_counts
    FROM json_to_recordset(counted) AS c (
        kind text, class text, outcome text, jobs bigint, wait_seconds double precision, run_seconds double precision,
        wait_counts bigint[], run_counts bigint[]
    )
    ORDER BY c.kind, c.class, c.outcome
    ON CONFLICT (kind, class, outcome) DO UPDATE SET
        jobs = f.jobs + excluded.jobs,
        wait_seconds = f.wait_seconds + excluded.wait_seconds,
        run_seconds = f.run_seconds + excluded.run_seconds,
        wait_counts = ARRAY(SELECT a.n + b.n FROM unnest(f.wait_counts) WITH ORDINALITY AS a (n, i)
                            JOIN unnest(excluded.wait_counts) WITH ORDINALITY AS b (n, i) USING (i) ORDER BY i),
        run_counts = ARRAY(SELECT a.n + b.n FROM unnest(f.run_counts) WITH ORDINALITY AS a (n, i)
                           JOIN unnest(excluded.run_counts) WITH ORDINALITY AS b (n, i) USING (i) ORDER BY i)
$$;

CREATE FUNCTION definer.jobs_figures() RETURNS SETOF public.job_figures
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM public.job_figures ORDER BY kind, class, outcome
$$;

-- What handlers log, kept with the job for its organisation; lines of a job that is forgotten go nowhere.
CREATE FUNCTION definer.jobs_log_add(lines json) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.job_log (job_id, org_id, attempt, at, level, message, facts)
    SELECT j.id, j.org_id, l.attempt, to_timestamp(l.at), l.level, l.message, l.facts
    FROM json_to_recordset(lines) AS l (
        n integer, job_id uuid, attempt integer, at double precision, level text, message text, facts jsonb
    )
    JOIN public.jobs j ON j.id = l.job_id
    ORDER BY l.n
$$;

-- Schedules of all organisations that are due and of a kind the worker knows; each is then read again and moved on as its
-- organisation.
CREATE FUNCTION definer.job_schedules_due(kinds text[], at_most integer)
RETURNS TABLE (id uuid, org_id uuid, owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.id, s.org_id, s.owner_id FROM public.job_schedules s
    WHERE s.next_at <= now() AND s.kind = ANY (kinds)
    ORDER BY s.next_at LIMIT at_most
$$;

-- For whoever runs the hub, checked by the caller: whose a job is, to work on it as that organisation.
CREATE FUNCTION definer.job_scope(job uuid) RETURNS TABLE (org_id uuid, owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.org_id, j.owner_id FROM public.jobs j WHERE j.id = job
$$;

-- A job of the hub itself, which no organisation sees; for whoever runs the hub, checked by the caller, as are the next.
CREATE FUNCTION definer.jobs_hub_one(job uuid) RETURNS SETOF public.jobs
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM public.jobs j WHERE j.id = job AND j.org_id IS NULL
$$;

-- Calls a job of the hub itself off; one that runs is to be told by the caller.
CREATE FUNCTION definer.jobs_hub_cancel(job uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET cancel_requested = true,
        state = CASE WHEN j.state IN ('claimed', 'running') THEN j.state ELSE 'cancelled' END,
        finished_at = CASE WHEN j.state IN ('claimed', 'running') THEN NULL ELSE clock_timestamp() END
    WHERE j.id = job AND j.org_id IS NULL AND j.state NOT IN ('done', 'dead', 'cancelled')
$$;

-- Has a job of the hub itself tried again that is dead or was called off, unless one with its key is on the queue by now.
CREATE FUNCTION definer.jobs_hub_retry(job uuid, attempts_at_most integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.ordering_key IS NULL AND NOT EXISTS (SELECT FROM public.job_needs n WHERE n.job_id = j.id)
                     THEN 'ready' ELSE 'arrived' END,
        attempts_max = j.attempt + least(j.attempts_max, attempts_at_most), cancel_requested = false,
        run_at = now(), turn_at = now() - j.priority * interval '1 minute', finished_at = NULL
    WHERE j.id = job AND j.org_id IS NULL AND j.state IN ('dead', 'cancelled')
      AND NOT EXISTS (
          SELECT FROM public.jobs t
          WHERE t.org_id IS NULL AND t.dedup_key = j.dedup_key AND t.state NOT IN ('done', 'dead', 'cancelled')
      )
$$;

CREATE FUNCTION definer.jobs_hub_log(job uuid, after_line bigint, at_most integer) RETURNS SETOF public.job_log
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.* FROM public.job_log l JOIN public.jobs j ON j.id = l.job_id
    WHERE j.id = job AND j.org_id IS NULL AND l.number > after_line
    ORDER BY l.number LIMIT at_most
$$;
