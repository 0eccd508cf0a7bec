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
