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

-- Whether an organisation's name is free: names are the hub's.
CREATE FUNCTION definer.organisation_name_is_free(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM public.organisations o WHERE o.name = wanted)
$$;

-- The organisations of the person a transaction works for, with their role in each.
CREATE FUNCTION definer.organisations_of_me() RETURNS TABLE (id uuid, name text, title text, role text, joined_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.name, o.title, m.role, m.created_at
    FROM public.memberships m JOIN public.organisations o ON o.id = m.org_id
    WHERE m.user_id = nullif(current_setting('lyceum.user_id', true), '')::uuid AND o.deleted_at IS NULL
    ORDER BY m.created_at, o.id
$$;
