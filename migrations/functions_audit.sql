-- The audit log across organisations. Part of the audited functions: see functions.sql.

-- A page of the log of the whole hub, newest first; the caller has checked that the asker operates the hub. Every filter
-- that is NULL takes all. One plan for each set of filters: a general one would read the log from its end for one action
-- that is rare.
CREATE FUNCTION definer.audit_of_all(
    org uuid, actor uuid, wanted_action text, wanted_kind text, wanted_object text,
    from_time timestamptz, to_time timestamptz, before_id uuid, at_most integer
) RETURNS SETOF public.audit_log
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT a.* FROM public.audit_log a WHERE true'
        || CASE WHEN org IS NOT NULL THEN ' AND a.org_id = $1' ELSE '' END
        || CASE WHEN actor IS NOT NULL THEN ' AND (a.actor_id = $2 OR a.impersonator_id = $2)' ELSE '' END
        || CASE WHEN wanted_action IS NOT NULL THEN ' AND a.action = $3' ELSE '' END
        || CASE WHEN wanted_kind IS NOT NULL THEN ' AND a.object_kind = $4' ELSE '' END
        || CASE WHEN wanted_object IS NOT NULL THEN ' AND (a.object_id = $5 OR a.object_address = $5)' ELSE '' END
        || CASE WHEN from_time IS NOT NULL THEN ' AND a.at >= $6' ELSE '' END
        || CASE WHEN to_time IS NOT NULL THEN ' AND a.at < $7' ELSE '' END
        || CASE WHEN before_id IS NOT NULL THEN ' AND a.id < $8' ELSE '' END
        || ' ORDER BY a.id DESC LIMIT $9'
    USING org, actor, wanted_action, wanted_kind, wanted_object, from_time, to_time, before_id, at_most;
END
$$;

-- The log of one person, wherever they acted, for that person alone: the transaction works for them.
CREATE FUNCTION definer.audit_of_person(before_id uuid, at_most integer) RETURNS SETOF public.audit_log
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.* FROM public.audit_log a
    WHERE a.actor_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid)
      AND (before_id IS NULL OR a.id < before_id)
    ORDER BY a.id DESC LIMIT at_most
$$;

-- What the people in a log are called; who may read the lines with their ids may read this, and nothing else of them.
CREATE FUNCTION definer.audit_names(ids uuid[]) RETURNS TABLE (user_id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.display_name FROM public.users u WHERE u.id = ANY (ids)
$$;
