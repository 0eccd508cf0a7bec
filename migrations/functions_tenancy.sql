-- Organisations, their members and keys, where the person is not or no longer among them. Part of the audited functions, see
-- functions.sql.

-- When keys were last used, of many organisations in one statement; what a process has seen is the predicate. A key that was
-- noted within the last half minute is left alone.
CREATE FUNCTION definer.keys_used(ids uuid[], ats timestamptz[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH noted AS (
        UPDATE public.api_keys k SET last_used_at = used.at
        FROM unnest(ids, ats) AS used (id, at)
        WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at - interval '30 seconds')
        RETURNING 1
    )
    SELECT count(*) FROM noted
$$;

-- Removes what is left of the organisation the transaction works for, once that is deleted: what the app itself may not write, or
-- no module sees as its own. The organisation is the predicate. Its keys and jobs stay for what they did, and the audit log.
CREATE FUNCTION definer.organisation_remains_remove() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := nullif(current_setting('lyceum.org_id', true), '')::uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM public.organisations o WHERE o.id = org AND o.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the organisation is not deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM public.damaged_files f WHERE f.org_id = org;
    DELETE FROM public.storage_quotas q WHERE q.org_id = org;
    DELETE FROM public.storage_usage u WHERE u.org_id = org;
    DELETE FROM public.idempotency_keys i WHERE i.org_id = org;
    DELETE FROM public.job_schedules s WHERE s.org_id = org;
    DELETE FROM public.job_needs n WHERE n.org_id = org;
    DELETE FROM public.job_log l WHERE l.org_id = org;
END
$$;
