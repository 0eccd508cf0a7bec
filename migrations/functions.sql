-- Every function that looks past row-level security, and nothing else; those of the queue, of what is kept, and of partitions
-- stand in files of their own. They
-- run as the owner of the tables, so each one carries its own tenant predicate or says why it crosses organisations. Names
-- outside pg_catalog are written in full. Applied again at every change of these files.

DROP SCHEMA IF EXISTS definer CASCADE;
CREATE SCHEMA definer;

-- Accounts: who a key belongs to. There is no Actor yet; the digest of a random secret is the predicate.
CREATE FUNCTION definer.key_lookup(key_digest bytea)
RETURNS TABLE (
    key_id uuid, org_id uuid, org_name text, user_id uuid, role text, scopes jsonb, instance_admin boolean,
    expires_at timestamptz, rate_per_minute integer
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.org_id, o.name, k.user_id, m.role, k.scopes, u.instance_admin, k.expires_at,
           k.rate_per_minute
    FROM public.api_keys k
    JOIN public.organisations o ON o.id = k.org_id
    JOIN public.memberships m ON m.org_id = k.org_id AND m.user_id = k.user_id
    JOIN public.users u ON u.id = k.user_id
    WHERE k.digest = key_digest
      AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
      AND u.suspended_at IS NULL
      AND o.deleted_at IS NULL
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
    -- until this commits, nobody says up to which number all rows are there
    SELECT pg_advisory_xact_lock_shared(7201973441);
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

-- The prediction log: the number up to which every row is written and seen by whoever looks after this commits. Waits for
-- writers under way.
CREATE FUNCTION definer.predictions_written() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7201973441);
    RETURN (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM public.prediction_log_ids s);
END
$$;

-- The prediction log: which models of which organisations have rows that were not handed on yet, up to a number; for the hub's
-- own job, which then puts a job of each organisation on the queue.
CREATE FUNCTION definer.predictions_not_handed(up_to_id bigint) RETURNS TABLE (org_id uuid, model_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT v.org_id, v.model_id
    FROM (
        SELECT DISTINCT p.model_version_id FROM public.prediction_log p
        WHERE p.id > (SELECT h.up_to FROM public.prediction_log_handed h) AND p.id <= up_to_id
    ) AS logged
    JOIN public.model_versions v ON v.id = logged.model_version_id
$$;

CREATE FUNCTION definer.predictions_handed(up_to_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.prediction_log_handed SET up_to = greatest(up_to, up_to_id)
$$;

-- Limits: counts one more while Valkey is away, for whoever asks before anybody is known; the name says for whom. A window
-- has whole parts, and one counts until the window has left it behind, as in kernel/limits/windows.py.
CREATE FUNCTION definer.limit_take(limit_name text, at_most integer, part_ms integer, parts integer)
RETURNS TABLE (granted integer, remaining integer, more_in bigint, wait bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_ms bigint;
    present bigint;
    oldest bigint;
    used bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(limit_name, 7201973416));
    now_ms := floor(extract(epoch FROM clock_timestamp()) * 1000);
    present := now_ms / part_ms;
    SELECT coalesce(sum(c.taken), 0), min(c.part) INTO used, oldest
    FROM public.limit_counts c WHERE c.name = limit_name AND c.part BETWEEN present - parts AND present;
    granted := (used < at_most)::integer;
    IF used < at_most THEN
        INSERT INTO public.limit_counts AS c (name, part, taken, forget_at)
        VALUES (limit_name, present, 1, to_timestamp((present + parts + 2) * part_ms / 1000.0))
        ON CONFLICT (name, part) DO UPDATE SET taken = c.taken + 1;
        used := used + 1;
        oldest := coalesce(oldest, present);
    END IF;
    remaining := greatest(0, at_most - used);
    more_in := (oldest + parts + 1) * part_ms - now_ms;
    SELECT (min(f.part) + parts + 1) * part_ms - now_ms INTO wait
    FROM (SELECT c.part, sum(c.taken) OVER (ORDER BY c.part) AS freed FROM public.limit_counts c
          WHERE c.name = limit_name AND c.part BETWEEN present - parts AND present) AS f
    WHERE used - f.freed < at_most;
    RETURN NEXT;
END
$$;

-- Limits: what no window holds any more, whosever it was.
CREATE FUNCTION definer.limits_forget(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH forgotten AS (
        DELETE FROM public.limit_counts WHERE (name, part) IN
            (SELECT c.name, c.part FROM public.limit_counts c WHERE c.forget_at < now() LIMIT at_most)
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

-- Answers kept for requests that are sent again: how long is the hub's to say, not an organisation's.
CREATE FUNCTION definer.answers_forget(kept_for interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH forgotten AS (
        DELETE FROM public.idempotency_keys WHERE key_digest IN
            (SELECT k.key_digest FROM public.idempotency_keys k
             WHERE k.created_at < now() - kept_for LIMIT at_most)
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;
