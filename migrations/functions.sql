-- Every function that looks past row-level security, and nothing else. They run as the owner of the tables, so each one
-- carries its own tenant predicate or says why it crosses organisations. Names outside pg_catalog are written in full.
-- Applied again at every change of this file.

DROP SCHEMA IF EXISTS definer CASCADE;
CREATE SCHEMA definer;

-- Accounts: who a key belongs to. There is no Actor yet; the digest of a random secret is the predicate.
CREATE FUNCTION definer.key_lookup(key_digest bytea)
RETURNS TABLE (key_id uuid, org_id uuid, org_name text, user_id uuid, role text, scopes jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.org_id, o.name, k.user_id, m.role, k.scopes
    FROM public.api_keys k
    JOIN public.organisations o ON o.id = k.org_id
    JOIN public.memberships m ON m.org_id = k.org_id AND m.user_id = k.user_id
    JOIN public.users u ON u.id = k.user_id
    WHERE k.digest = key_digest
      AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
      AND u.suspended_at IS NULL
$$;

-- Accounts: a set-up link works once and for its time. The digest of a random token is the predicate.
CREATE FUNCTION definer.setup_link_use(link_digest bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH used AS (
        UPDATE public.setup_links SET used_at = now()
        WHERE digest = link_digest AND used_at IS NULL AND expires_at > now()
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM used)
$$;

CREATE FUNCTION definer.setup_link_works(link_digest bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.setup_links WHERE digest = link_digest AND used_at IS NULL AND expires_at > now())
$$;

-- Accounts: the ids behind the hub's first administrator; the caller has checked a set-up link, or is this machine's own.
CREATE FUNCTION definer.first_administrator() RETURNS TABLE (user_id uuid, org_id uuid, org_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, o.id, o.name
    FROM public.users u
    JOIN public.memberships m ON m.user_id = u.id AND m.role = 'owner'
    JOIN public.organisations o ON o.id = m.org_id
    WHERE u.instance_admin
    ORDER BY u.created_at, u.id, m.created_at
    LIMIT 1
$$;

-- Jobs: a worker serves every organisation and then runs each job as the job's own. It takes only kinds it knows, so that
-- one of an older release leaves the jobs of a newer one to those who can run them.
-- A slot draws a class by random clocks of rate 6, 3 and 1; a class without work yields its share to the others.
CREATE FUNCTION definer.jobs_claim(
    worker uuid, slots integer, want_heavy boolean, want_short boolean, kinds text[], lease interval
) RETURNS SETOF public.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    remaining integer := slots;
    open_classes text[] := ARRAY['high', 'normal', 'background'];
    draw record;
    claimed integer;
BEGIN
    -- A claim that a crash of the server forgets has charged nothing: its job is ready again. The start is what must last.
    PERFORM set_config('synchronous_commit', 'off', true);
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
            RETURN QUERY
                UPDATE public.jobs SET state = 'claimed', worker_id = worker, lease_until = now() + lease
                WHERE id = ANY (ARRAY(
                    SELECT j.id FROM public.jobs j
                    WHERE j.state = 'ready' AND j.class = draw.class AND j.heavy = want_heavy AND j.short = want_short
                      AND j.run_at <= now() AND j.kind = ANY (kinds)
                    ORDER BY j.priority DESC, j.run_at, j.id
                    LIMIT draw.share
                    FOR UPDATE SKIP LOCKED
                ))
                RETURNING *;
            GET DIAGNOSTICS claimed = ROW_COUNT;
            remaining := remaining - claimed;
            IF claimed < draw.share THEN
                open_classes := array_remove(open_classes, draw.class);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- Jobs: an attempt is counted when the job starts, not when it is claimed. From its claim on a job goes by the number of
-- the attempt it is going to be, so that (id, attempt) names the same before and after its start. Asking again after a
-- lost connection is answered alike. Functions that wait for several rows lock them in one order, here and below.
CREATE FUNCTION definer.jobs_start(worker uuid, ids uuid[], attempts integer[]) RETURNS TABLE (id uuid, attempt integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j WHERE j.id = ANY (ids) ORDER BY j.id FOR UPDATE;
    UPDATE public.jobs j SET state = 'running', attempt = s.attempt, started_at = clock_timestamp()
    FROM unnest(ids, attempts) AS s (id, attempt)
    WHERE j.id = s.id AND j.worker_id = worker AND j.state IN ('claimed', 'running')
      AND j.attempt + (j.state = 'claimed')::integer = s.attempt AND NOT j.cancel_requested
    RETURNING j.id, j.attempt
$$;

-- Jobs: whoever lost the lease changes nothing, since (id, attempt) no longer runs with it.
CREATE FUNCTION definer.jobs_finish(worker uuid, ids uuid[], attempts integer[], results jsonb[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j WHERE j.id = ANY (ids) ORDER BY j.id FOR UPDATE;
    UPDATE public.jobs j
    SET state = 'done', result = f.result, error = NULL, lease_until = NULL, worker_id = NULL,
        finished_at = clock_timestamp()
    FROM unnest(ids, attempts, results) AS f (id, attempt, result)
    WHERE j.id = f.id AND j.attempt = f.attempt AND j.worker_id = worker AND j.state = 'running'
    RETURNING j.id
$$;

-- Jobs: an attempt that writes before its end keeps its job's row until that is committed; nothing when it has lost it.
CREATE FUNCTION definer.jobs_hold(worker uuid, job uuid, held_attempt integer) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j
    WHERE j.id = job AND j.attempt = held_attempt AND j.worker_id = worker AND j.state = 'running'
    FOR UPDATE
$$;

-- Jobs: after a failure the job is ready again in `again_in`, or dead when it has no attempt left.
CREATE FUNCTION definer.jobs_fail(worker uuid, job uuid, failed_attempt integer, failure jsonb, again_in interval)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled'
                     WHEN again_in IS NULL OR j.attempt >= j.attempts_max THEN 'dead' ELSE 'ready' END,
        run_at = coalesce(clock_timestamp() + again_in, j.run_at), error = failure, lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested OR again_in IS NULL OR j.attempt >= j.attempts_max
                           THEN clock_timestamp() END
    WHERE j.id = job AND j.attempt = failed_attempt AND j.worker_id = worker AND j.state = 'running'
    RETURNING j.state
$$;

-- Jobs: extends the leases a worker still holds and tells which of its attempts it must stop. A row that somebody has
-- locked is left to the next beat: waiting for one would let the leases of all the others run out.
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
    )
    SELECT a.id, a.attempt, CASE WHEN h.id IS NULL THEN 'lost' ELSE 'cancel' END
    FROM asked a LEFT JOIN held h ON h.id = a.id AND h.attempt = a.attempt
    WHERE h.id IS NULL OR h.cancel_requested
$$;

CREATE FUNCTION definer.jobs_cancelled(worker uuid, job uuid, cancelled_attempt integer) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = 'cancelled', lease_until = NULL, worker_id = NULL, finished_at = clock_timestamp()
    WHERE j.id = job AND j.attempt + (j.state = 'claimed')::integer = cancelled_attempt AND j.worker_id = worker
      AND j.state IN ('claimed', 'running') AND j.cancel_requested
    RETURNING j.id
$$;

-- Jobs: a worker that stops gives back what it has. The interrupted attempt is granted again, and keeps its number, so
-- that nothing it wrote is taken for the next one's; one that had not started has spent none.
CREATE FUNCTION definer.jobs_give_back(worker uuid, job uuid, given_attempt integer) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled' ELSE 'ready' END,
        attempts_max = j.attempts_max + (j.state = 'running')::integer, lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END
    WHERE j.id = job AND j.attempt + (j.state = 'claimed')::integer = given_attempt AND j.worker_id = worker
      AND j.state IN ('claimed', 'running')
    RETURNING j.state
$$;

-- Jobs: what a silent worker held goes back; only a job that had begun has spent an attempt. Those that were lost together
-- before come back apart, so that one which ends its workers does not take the same others along until all are dead.
-- Leases that ran out while the server was away are left alone until the workers that hold them had the time to say so.
CREATE FUNCTION definer.jobs_reap() RETURNS TABLE (id uuid, state text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled'
                     WHEN j.state = 'running' AND j.attempt >= j.attempts_max THEN 'dead' ELSE 'ready' END,
        run_at = CASE WHEN j.state = 'running' AND j.attempt > 1
                      THEN now() + random() * least(power(2, j.attempt), 60) * interval '1 second' ELSE j.run_at END,
        error = CASE WHEN j.state = 'running'
                     THEN jsonb_build_object('code', 'worker_lost', 'detail', 'The worker that ran this job is gone.')
                     ELSE j.error END,
        lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested OR (j.state = 'running' AND j.attempt >= j.attempts_max)
                           THEN clock_timestamp() END
    WHERE j.id = ANY (ARRAY(
        SELECT l.id FROM public.jobs l
        WHERE l.state IN ('claimed', 'running') AND l.lease_until < now()
          AND (l.lease_until > pg_postmaster_start_time() OR now() > pg_postmaster_start_time() + interval '5 seconds')
        ORDER BY l.id
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING j.id, j.state
$$;

-- Jobs: what a worker must stop, asked for a few times a second beside the notification.
CREATE FUNCTION definer.jobs_to_stop(worker uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j
    WHERE j.state IN ('claimed', 'running') AND j.lease_until IS NOT NULL AND j.worker_id = worker AND j.cancel_requested
$$;

-- Jobs: one of the hub itself that kept another out, by its key or by its id; nobody may read such jobs, and whoever adds
-- one already knows both.
CREATE FUNCTION definer.jobs_hub_twin(job uuid, key text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT j.id FROM public.jobs j WHERE j.id = job AND j.org_id IS NULL),
        (SELECT j.id FROM public.jobs j
         WHERE j.org_id IS NULL AND j.dedup_key = key AND j.state IN ('ready', 'claimed', 'running'))
    )
$$;

-- Jobs: the retention of ended ones is a setting of the hub; at most so many at once, so that no transaction is long.
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

-- Jobs: one that ends without success leaves a job that tells its module, in the same transaction, whoever ended it.
CREATE FUNCTION definer.jobs_gave_up() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.jobs (id, org_id, owner_id, kind, class, args)
    VALUES (gen_random_uuid(), NEW.org_id, NEW.owner_id, 'jobs.gave_up', 'high', jsonb_build_object('job_id', NEW.id));
    RETURN NULL;
END
$$;
CREATE TRIGGER jobs_gave_up AFTER UPDATE OF state ON public.jobs FOR EACH ROW
    WHEN (NEW.state IN ('dead', 'cancelled') AND OLD.state IS DISTINCT FROM NEW.state AND NEW.kind <> 'jobs.gave_up')
    EXECUTE FUNCTION definer.jobs_gave_up();

-- Jobs: figures of the whole queue for the metrics; they carry no organisation. Each half has an index of its own, so that
-- the ended jobs, which are the most by far, are never looked at.
CREATE FUNCTION definer.jobs_depth() RETURNS TABLE (class text, heavy boolean, state text, jobs bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.class, j.heavy, j.state, count(*), extract(epoch FROM now() - min(j.run_at))::double precision
    FROM public.jobs j WHERE j.state = 'ready'
    GROUP BY j.class, j.heavy, j.state
    UNION ALL
    SELECT j.class, j.heavy, j.state, count(*), extract(epoch FROM now() - min(j.run_at))::double precision
    FROM public.jobs j WHERE j.state IN ('claimed', 'running')
    GROUP BY j.class, j.heavy, j.state
$$;

-- Uploads: what waits to be read is still needed, however long the queue.
CREATE FUNCTION definer.upload_is_awaited(upload uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.dataset_versions v WHERE v.upload_id = upload AND v.state = 'pending')
$$;

-- Uploads: the sweeper forgets what nobody finished, whosever it was, and gets the ids to remove the files; page by page,
-- so that what it cannot remove does not stand before the rest.
CREATE FUNCTION definer.uploads_expired(at_most integer, after_expiry timestamptz, after_id uuid)
RETURNS TABLE (id uuid, org_id uuid, expires_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.org_id, u.expires_at FROM public.uploads u
    WHERE u.expires_at < now() AND u.state <> 'swept' AND NOT definer.upload_is_awaited(u.id)
        AND (u.expires_at, u.id) > (after_expiry, after_id)
    ORDER BY u.expires_at, u.id LIMIT at_most
$$;

-- Data: the reconciler looks for versions whose job ended without a verdict, then works as their organisation.
CREATE FUNCTION definer.versions_undecided(at_most integer) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.id, v.org_id FROM public.dataset_versions v
    LEFT JOIN public.jobs j ON j.id = v.job_id
    WHERE v.state = 'pending' AND (j.id IS NULL OR j.state IN ('done', 'dead', 'cancelled'))
    ORDER BY v.created_at LIMIT at_most
$$;

-- Serve: predictions of many organisations are logged in one batch; each row names its model version,
-- and the organisation is read from that version, never from the caller.
CREATE FUNCTION definer.predictions_log(
    ats timestamptz[], version_ids uuid[], key_ids uuid[], request_ids text[],
    durations integer[], inputs jsonb[], outputs jsonb[]
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH logged AS (
        INSERT INTO public.prediction_log
            (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs, outputs)
        SELECT p.at, v.org_id, p.version_id, p.key_id, p.request_id, p.duration, p.input, p.output
        FROM unnest(ats, version_ids, key_ids, request_ids, durations, inputs, outputs)
             AS p (at, version_id, key_id, request_id, duration, input, output)
        JOIN public.model_versions v ON v.id = p.version_id
        RETURNING 1
    )
    SELECT count(*) FROM logged
$$;

-- Serve: the log's retention is a setting of the hub, not of an organisation.
CREATE FUNCTION definer.predictions_forget(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH forgotten AS (DELETE FROM public.prediction_log WHERE at < before RETURNING 1)
    SELECT count(*) FROM forgotten
$$;

REVOKE ALL ON SCHEMA definer FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA definer FROM PUBLIC;
