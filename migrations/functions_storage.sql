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
