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

-- Jobs: a worker serves every organisation and then runs each job as the job's own.
-- A slot draws a class by random clocks of rate 6, 3 and 1; a class without work yields its share to the others.
CREATE FUNCTION definer.jobs_claim(worker uuid, slots integer, want_heavy boolean, lease interval)
RETURNS SETOF public.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    remaining integer := slots;
    open_classes text[] := ARRAY['high', 'normal', 'background'];
    draw record;
    claimed integer;
BEGIN
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
                    WHERE j.state = 'ready' AND j.class = draw.class AND j.heavy = want_heavy AND j.run_at <= now()
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

-- Jobs: an attempt is counted when the job starts, not when it is claimed.
CREATE FUNCTION definer.jobs_start(worker uuid, ids uuid[]) RETURNS TABLE (id uuid, attempt integer)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j SET state = 'running', attempt = j.attempt + 1, started_at = clock_timestamp()
    WHERE j.id = ANY (ids) AND j.worker_id = worker AND j.state = 'claimed' AND NOT j.cancel_requested
    RETURNING j.id, j.attempt
$$;

-- Jobs: whoever lost the lease changes nothing, since (id, attempt) no longer runs with it.
CREATE FUNCTION definer.jobs_finish(worker uuid, ids uuid[], attempts integer[], results jsonb[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = 'done', result = f.result, error = NULL, lease_until = NULL, worker_id = NULL,
        finished_at = clock_timestamp()
    FROM unnest(ids, attempts, results) AS f (id, attempt, result)
    WHERE j.id = f.id AND j.attempt = f.attempt AND j.worker_id = worker AND j.state = 'running'
    RETURNING j.id
$$;

-- Jobs: after a failure the job is ready again at `again_at`, or dead when it has none left.
CREATE FUNCTION definer.jobs_fail(worker uuid, job uuid, failed_attempt integer, failure jsonb, again_at timestamptz)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled'
                     WHEN again_at IS NULL OR j.attempt >= j.attempts_max THEN 'dead' ELSE 'ready' END,
        run_at = coalesce(again_at, j.run_at), error = failure, lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested OR again_at IS NULL OR j.attempt >= j.attempts_max
                           THEN clock_timestamp() END
    WHERE j.id = job AND j.attempt = failed_attempt AND j.worker_id = worker AND j.state = 'running'
    RETURNING j.state
$$;

-- Jobs: extends the leases a worker still holds and tells which of its jobs it must stop.
CREATE FUNCTION definer.jobs_heartbeat(worker uuid, ids uuid[], attempts integer[], lease interval)
RETURNS TABLE (id uuid, verdict text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS (SELECT a.id, a.attempt FROM unnest(ids, attempts) AS a (id, attempt)),
    held AS (
        UPDATE public.jobs j SET lease_until = now() + lease
        FROM asked a
        WHERE j.id = a.id AND j.worker_id = worker AND j.attempt = a.attempt AND j.state IN ('claimed', 'running')
        RETURNING j.id, j.cancel_requested
    )
    SELECT a.id, CASE WHEN h.id IS NULL THEN 'lost' ELSE 'cancel' END
    FROM asked a LEFT JOIN held h ON h.id = a.id
    WHERE h.id IS NULL OR h.cancel_requested
$$;

CREATE FUNCTION definer.jobs_cancelled(worker uuid, job uuid, cancelled_attempt integer) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = 'cancelled', lease_until = NULL, worker_id = NULL, finished_at = clock_timestamp()
    WHERE j.id = job AND j.attempt = cancelled_attempt AND j.worker_id = worker
      AND j.state IN ('claimed', 'running') AND j.cancel_requested
    RETURNING j.id
$$;

-- Jobs: a worker that stops gives back what it runs. The interrupted attempt is granted again, and keeps its number, so
-- that nothing it wrote is taken for the next one's.
CREATE FUNCTION definer.jobs_give_back(worker uuid, job uuid, given_attempt integer) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled' ELSE 'ready' END,
        attempts_max = j.attempts_max + 1, lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested THEN clock_timestamp() END
    WHERE j.id = job AND j.attempt = given_attempt AND j.worker_id = worker AND j.state = 'running'
    RETURNING j.state
$$;

-- Jobs: what a silent worker held goes back; only a job that had begun has spent an attempt. Leases that ran out while
-- the server was away are left alone until the workers that hold them had the time to say so.
CREATE FUNCTION definer.jobs_reap() RETURNS TABLE (id uuid, state text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.jobs j
    SET state = CASE WHEN j.cancel_requested THEN 'cancelled'
                     WHEN j.state = 'running' AND j.attempt >= j.attempts_max THEN 'dead' ELSE 'ready' END,
        error = CASE WHEN j.state = 'running'
                     THEN jsonb_build_object('code', 'worker_lost', 'detail', 'The worker that ran this job is gone.') END,
        lease_until = NULL, worker_id = NULL,
        finished_at = CASE WHEN j.cancel_requested OR (j.state = 'running' AND j.attempt >= j.attempts_max)
                           THEN clock_timestamp() END
    WHERE j.id = ANY (ARRAY(
        SELECT l.id FROM public.jobs l
        WHERE l.state IN ('claimed', 'running') AND l.lease_until < now()
          AND (l.lease_until > pg_postmaster_start_time() OR now() > pg_postmaster_start_time() + interval '5 seconds')
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING j.id, j.state
$$;

-- Jobs: what a worker must stop, asked for every second beside the notification.
CREATE FUNCTION definer.jobs_to_stop(worker uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.id FROM public.jobs j
    WHERE j.state IN ('claimed', 'running') AND j.lease_until IS NOT NULL AND j.worker_id = worker AND j.cancel_requested
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

-- Jobs: figures of the whole queue for the metrics; they carry no organisation.
CREATE FUNCTION definer.jobs_depth() RETURNS TABLE (class text, heavy boolean, state text, jobs bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.class, j.heavy, j.state, count(*), extract(epoch FROM now() - min(j.run_at))::double precision
    FROM public.jobs j
    WHERE j.state IN ('ready', 'claimed', 'running')
    GROUP BY j.class, j.heavy, j.state
$$;

-- Uploads: the sweeper forgets what nobody finished, whosever it was, and gets the ids to remove the files.
CREATE FUNCTION definer.uploads_expired(at_most integer) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.org_id FROM public.uploads u
    WHERE u.expires_at < now() AND u.state <> 'swept'
        -- what waits to be read is still needed, however long the queue
        AND NOT EXISTS (SELECT FROM public.dataset_versions v WHERE v.upload_id = u.id AND v.state = 'pending')
    ORDER BY u.expires_at LIMIT at_most
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
