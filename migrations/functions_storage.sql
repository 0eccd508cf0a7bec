-- What organisations keep: counted again, listed for whoever runs the hub, and limited by them. These cross organisations, or
-- write what no organisation may write itself. Part of the audited functions: see functions.sql.

-- Counts anew what an organisation keeps and corrects its counters; returns those that were wrong. Whoever changes what is
-- kept changes its counter in the same transaction, so with the counters locked nothing is half done, and the statement
-- that counts, which begins after that, sees all of it.
CREATE FUNCTION definer.storage_recount(org uuid)
RETURNS TABLE (kind text, byte_count_before bigint, byte_count bigint, object_count_before bigint, object_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO public.storage_usage (org_id, kind, byte_count, object_count)
    SELECT org, k.kind, 0, 0 FROM unnest(ARRAY['models', 'tables', 'uploads']) AS k (kind)
    ON CONFLICT DO NOTHING;
    PERFORM FROM public.storage_usage u WHERE u.org_id = org ORDER BY u.kind FOR UPDATE;
    RETURN QUERY
    WITH counted AS (
        SELECT 'uploads' AS kind, coalesce(sum(u.bytes_kept), 0)::bigint AS byte_count, count(*) AS object_count
        FROM public.uploads u WHERE u.org_id = org AND u.bytes_kept > 0
        UNION ALL
        SELECT 'tables', coalesce(sum(v.table_bytes), 0)::bigint, count(*)
        FROM public.dataset_versions v WHERE v.org_id = org AND v.table_bytes > 0
        UNION ALL
        SELECT 'models', coalesce(sum((r.artifact ->> 'byte_count')::bigint), 0)::bigint, count(*)
        FROM public.training_runs r WHERE r.org_id = org AND r.artifact IS NOT NULL
    ),
    wrong AS (
        SELECT c.kind, u.byte_count AS byte_count_before, c.byte_count, u.object_count AS object_count_before, c.object_count
        FROM counted c JOIN public.storage_usage u ON u.org_id = org AND u.kind = c.kind
        WHERE (u.byte_count, u.object_count) <> (c.byte_count, c.object_count)
    ),
    corrected AS (
        UPDATE public.storage_usage u SET byte_count = w.byte_count, object_count = w.object_count
        FROM wrong w WHERE u.org_id = org AND u.kind = w.kind
    )
    SELECT w.kind, w.byte_count_before, w.byte_count, w.object_count_before, w.object_count FROM wrong w ORDER BY w.kind;
END
$$;

-- A page of the organisations with what each keeps and may keep; the caller has checked that the asker operates the hub.
CREATE FUNCTION definer.storage_of_organisations(at_most integer, after_id uuid)
RETURNS TABLE (org_id uuid, org_name text, bytes_max bigint, usage jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.name, q.bytes_max, coalesce((
        SELECT jsonb_object_agg(u.kind, jsonb_build_array(u.byte_count, u.object_count))
        FROM public.storage_usage u WHERE u.org_id = o.id
    ), '{}')
    FROM public.organisations o LEFT JOIN public.storage_quotas q ON q.org_id = o.id
    WHERE after_id IS NULL OR o.id > after_id
    ORDER BY o.id LIMIT at_most
$$;

-- Sets what an organisation may keep, or has the hub's setting decide again; the caller has checked as above.
CREATE FUNCTION definer.storage_quota_set(org uuid, bytes_max bigint, set_by uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.storage_quotas q WHERE q.org_id = org AND storage_quota_set.bytes_max IS NULL;
    INSERT INTO public.storage_quotas (org_id, bytes_max, set_by)
    SELECT org, storage_quota_set.bytes_max, storage_quota_set.set_by WHERE storage_quota_set.bytes_max IS NOT NULL
    ON CONFLICT (org_id) DO UPDATE SET bytes_max = excluded.bytes_max, set_by = excluded.set_by, set_at = now();
$$;

-- A page of the files whose SHA-256 is known, of every organisation, by where they lie: they are read again to find damage.
CREATE FUNCTION definer.files_known(at_most integer, after_key text)
RETURNS TABLE (content_key text, org_id uuid, byte_count bigint, sha256 text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.content_key, f.org_id, f.byte_count, f.sha256
    FROM (
        SELECT r.artifact ->> 'path' AS content_key, r.org_id, (r.artifact ->> 'byte_count')::bigint AS byte_count,
               r.artifact ->> 'sha256' AS sha256
        FROM public.training_runs r WHERE r.artifact IS NOT NULL
        UNION ALL
        SELECT u.content_key, u.org_id, u.bytes_received, u.sha256
        FROM public.uploads u WHERE u.bytes_kept > 0 AND u.content_key IS NOT NULL AND u.sha256 IS NOT NULL
    ) AS f
    WHERE f.content_key > after_key
    ORDER BY f.content_key LIMIT at_most
$$;

-- Notes what was found of a file: nothing wrong (NULL), or the damage of one that is still kept.
CREATE FUNCTION definer.file_looked_at(key text, found text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.damaged_files d WHERE d.content_key = key AND found IS NULL;
    WITH damaged AS (
        INSERT INTO public.damaged_files (content_key, org_id, problem)
        SELECT key, k.org_id, found
        FROM (
            SELECT r.org_id FROM public.training_runs r WHERE r.artifact ->> 'path' = key
            UNION ALL
            SELECT u.org_id FROM public.uploads u WHERE u.content_key = key AND u.bytes_kept > 0
            LIMIT 1
        ) AS k
        WHERE found IS NOT NULL
        ON CONFLICT (content_key) DO UPDATE SET problem = excluded.problem
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM damaged)
$$;

-- The damaged files, those found last first; the caller has checked that the asker operates the hub. What is not kept any more
-- is no damage.
CREATE FUNCTION definer.files_damaged(at_most integer)
RETURNS TABLE (content_key text, org_name text, problem text, found_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.content_key, o.name, d.problem, d.found_at
    FROM public.damaged_files d JOIN public.organisations o ON o.id = d.org_id
    WHERE EXISTS (SELECT FROM public.training_runs r WHERE r.org_id = d.org_id AND r.artifact ->> 'path' = d.content_key)
       OR EXISTS (SELECT FROM public.uploads u WHERE u.org_id = d.org_id AND u.content_key = d.content_key AND u.bytes_kept > 0)
    ORDER BY d.found_at DESC, d.content_key LIMIT at_most
$$;

-- Forgets versions that were rejected long ago, whosever they are, and uploads nothing is made of any more; in batches, so
-- that nobody waits for the rest. Returns how many rows went.
CREATE FUNCTION definer.versions_forget_rejected(older_than interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.dataset_versions v
        WHERE v.id = ANY (ARRAY(
            SELECT r.id FROM public.dataset_versions r
            WHERE r.state = 'rejected' AND r.created_at < now() - older_than
            ORDER BY r.created_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

CREATE FUNCTION definer.uploads_forget_swept(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.uploads u
        WHERE u.id = ANY (ARRAY(
            SELECT s.id FROM public.uploads s
            WHERE s.state = 'swept' AND NOT EXISTS (SELECT FROM public.dataset_versions v WHERE v.upload_id = s.id)
            LIMIT at_most FOR UPDATE SKIP LOCKED
        ))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
