-- What whoever runs the hub sees and does across organisations; in each the caller has checked that the asker operates it.
-- Part of the audited functions: see functions.sql.

-- A page of the people of the hub, newest first, or one of them; those who have left are not listed.
CREATE FUNCTION definer.admin_users(search text, one uuid, before_id uuid, at_most integer)
RETURNS TABLE (
    id uuid, email text, display_name text, instance_admin boolean, suspended_at timestamptz, created_at timestamptz,
    deletion_due_at timestamptz, organisations jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.email, u.display_name, u.instance_admin, u.suspended_at, u.created_at, d.due_at, coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'title', o.title, 'role', m.role) ORDER BY o.name)
        FROM public.memberships m JOIN public.organisations o ON o.id = m.org_id WHERE m.user_id = u.id
    ), '[]')
    FROM public.users u LEFT JOIN public.account_deletions d ON d.user_id = u.id
    WHERE u.erased_at IS NULL
      AND (one IS NULL OR u.id = one)
      AND (before_id IS NULL OR u.id < before_id)
      AND (search IS NULL OR strpos(lower(u.email), lower(search)) > 0 OR strpos(lower(u.display_name), lower(search)) > 0)
    ORDER BY u.id DESC LIMIT at_most
$$;

-- Suspends a person or lets them back in; returns the digests of their keys, which processes remember, NULL for nobody's.
CREATE FUNCTION definer.admin_suspend(person uuid, suspend boolean) RETURNS bytea[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7201973417);
    UPDATE public.users u SET suspended_at = CASE WHEN suspend THEN coalesce(u.suspended_at, now()) END
    WHERE u.id = person AND u.erased_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT k.digest FROM public.api_keys k WHERE k.user_id = person AND k.revoked_at IS NULL);
END
$$;

-- Makes a person an administrator of the hub, or no longer; returns as above.
CREATE FUNCTION definer.admin_set_administrator(person uuid, is_one boolean) RETURNS bytea[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7201973417);
    UPDATE public.users u SET instance_admin = is_one WHERE u.id = person AND u.erased_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(SELECT k.digest FROM public.api_keys k WHERE k.user_id = person AND k.revoked_at IS NULL);
END
$$;

-- How many people can run the hub: asked after a change, under its lock.
CREATE FUNCTION definer.admin_count() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM public.users u WHERE u.instance_admin AND u.suspended_at IS NULL AND u.erased_at IS NULL
$$;

-- A page of the organisations with what is in them, in the order of their ids.
CREATE FUNCTION definer.admin_organisations(search text, after_id uuid, at_most integer)
RETURNS TABLE (
    id uuid, name text, title text, created_at timestamptz, members bigint, datasets bigint, models bigint, byte_count bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.name, o.title, o.created_at,
        (SELECT count(*) FROM public.memberships m WHERE m.org_id = o.id),
        (SELECT count(*) FROM public.datasets d WHERE d.org_id = o.id AND d.archived_at IS NULL),
        (SELECT count(*) FROM public.models m WHERE m.org_id = o.id AND m.archived_at IS NULL),
        (SELECT coalesce(sum(u.byte_count), 0)::bigint FROM public.storage_usage u WHERE u.org_id = o.id)
    FROM public.organisations o
    WHERE o.deleted_at IS NULL AND (after_id IS NULL OR o.id > after_id)
      AND (search IS NULL OR strpos(o.name, lower(search)) > 0 OR strpos(lower(o.title), lower(search)) > 0)
    ORDER BY o.id LIMIT at_most
$$;

-- A page of an organisation's groups, newest first: names and figures, not who is in them.
CREATE FUNCTION definer.admin_groups(org_name text, before_id uuid, at_most integer)
RETURNS TABLE (id uuid, name text, created_at timestamptz, member_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.id, g.name, g.created_at, (SELECT count(*) FROM public.group_members m WHERE m.group_id = g.id)
    FROM public.groups g JOIN public.organisations o ON o.id = g.org_id
    WHERE o.name = org_name AND o.deleted_at IS NULL AND (before_id IS NULL OR g.id < before_id)
    ORDER BY g.id DESC LIMIT at_most
$$;

-- A page of what comes round for organisations.
CREATE FUNCTION definer.admin_schedules(after_id uuid, at_most integer)
RETURNS TABLE (
    id uuid, org_name text, name text, kind text, cron text, zone text, next_at timestamptz, last_job_id uuid
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.id, o.name, s.name, s.kind, s.cron, s.zone, s.next_at, s.last_job_id
    FROM public.job_schedules s JOIN public.organisations o ON o.id = s.org_id
    WHERE after_id IS NULL OR s.id > after_id
    ORDER BY s.id LIMIT at_most
$$;

-- As whom an administrator acts, for as long as that lasts and they still run the hub: the person and one organisation
-- of theirs, the one named or the one they were in first. Nobody acts as another administrator.
CREATE FUNCTION definer.impersonation_lookup(impersonation uuid, administrator uuid, organisation text)
RETURNS TABLE (user_id uuid, org_id uuid, org_name text, role text, ends_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, m.org_id, m.name, m.role, i.ends_at
    FROM public.impersonations i
    JOIN public.users a ON a.id = i.administrator_id
    JOIN public.users u ON u.id = i.user_id
    LEFT JOIN LATERAL (
        SELECT m.org_id, o.name, m.role FROM public.memberships m JOIN public.organisations o ON o.id = m.org_id
        WHERE m.user_id = u.id AND (organisation IS NULL OR o.name = organisation)
        ORDER BY m.created_at, m.org_id LIMIT 1
    ) AS m ON true
    WHERE i.id = impersonation AND i.administrator_id = administrator
      AND i.ended_at IS NULL AND i.ends_at > now()
      AND a.instance_admin AND a.suspended_at IS NULL AND a.erased_at IS NULL
      AND NOT u.instance_admin AND u.suspended_at IS NULL AND u.erased_at IS NULL
$$;
