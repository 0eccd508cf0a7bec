-- Grants of single objects: what the person a transaction works for was granted, by themselves or in a group. Part of the
-- audited functions, see functions.sql. These look past the grants of others; `lyceum.user_id` is the predicate of each.
-- The policies that go by them stand at the end: they are dropped with the functions and made anew with them.

-- What of a kind the person was granted, while it lasts; asked at most once a statement, and only for what is not the
-- organisation's own.
CREATE FUNCTION definer.granted_ids(of_kind text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH me AS (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid AS id)
    SELECT coalesce(array_agg(DISTINCT granted.object_id), '{}') FROM (
        SELECT g.object_id FROM me JOIN public.grants g ON g.user_id = me.id
        WHERE g.kind = of_kind AND (g.ends_at IS NULL OR g.ends_at > now())
        UNION ALL
        SELECT g.object_id FROM me
        JOIN public.group_members m ON m.user_id = me.id
        JOIN public.grants g ON g.group_id = m.group_id
        WHERE g.kind = of_kind AND (g.ends_at IS NULL OR g.ends_at > now())
    ) AS granted
$$;

-- The most that the person was granted on an object: maintainer, reviewer, viewer, null for nothing.
CREATE FUNCTION definer.granted_role(of_kind text, object uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH me AS (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid AS id)
    SELECT granted.role FROM (
        SELECT g.role FROM me JOIN public.grants g ON g.user_id = me.id
        WHERE g.kind = of_kind AND g.object_id = object AND (g.ends_at IS NULL OR g.ends_at > now())
        UNION ALL
        SELECT g.role FROM me
        JOIN public.group_members m ON m.user_id = me.id
        JOIN public.grants g ON g.group_id = m.group_id
        WHERE g.kind = of_kind AND g.object_id = object AND (g.ends_at IS NULL OR g.ends_at > now())
    ) AS granted
    ORDER BY array_position(ARRAY['maintainer', 'reviewer', 'viewer'], granted.role) LIMIT 1
$$;

-- Whether the person may change any object of a kind by a grant: they may send files then.
CREATE FUNCTION definer.maintains_any(of_kind text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM unnest(definer.granted_ids(of_kind)) AS granted (object_id)
        WHERE definer.granted_role(of_kind, granted.object_id) = 'maintainer'
    )
$$;

-- What stands at an address, seen or not: for who asks for access, which tells them nothing of it.
CREATE FUNCTION definer.object_at(of_kind text, org_name text, object_name text)
RETURNS TABLE (org_id uuid, object_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.org_id, d.id FROM public.datasets d JOIN public.organisations o ON o.id = d.org_id
    WHERE of_kind = 'dataset' AND o.name = org_name AND d.name_key = lower(object_name) AND d.archived_at IS NULL
    UNION ALL
    SELECT m.org_id, m.id FROM public.models m JOIN public.organisations o ON o.id = m.org_id
    WHERE of_kind = 'model' AND o.name = org_name AND m.name_key = lower(object_name) AND m.archived_at IS NULL
    UNION ALL
    SELECT r.org_id, r.id FROM public.training_runs r
    WHERE r.id = CASE WHEN of_kind = 'run' AND org_name = '' THEN object_name::uuid END
$$;

-- Somebody the person shares an organisation with, by their whole address: it does not tell who else is on the hub.
CREATE FUNCTION definer.colleague_at(address text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id FROM public.users u
    WHERE lower(u.email) = lower(address) AND u.suspended_at IS NULL AND EXISTS (
        SELECT FROM public.memberships theirs JOIN public.memberships mine ON mine.org_id = theirs.org_id
        WHERE theirs.user_id = u.id AND mine.user_id = nullif(current_setting('lyceum.user_id', true), '')::uuid
    )
$$;

-- A request for access to what there is, for whoever tells of it: by the id in the event, in the scope of whoever asked or of the
-- organisation that was asked. Who decides there, and as what they are members, stands in no answer to whoever asked.
CREATE FUNCTION definer.access_request_told(request uuid, deciding_roles text[])
RETURNS TABLE (
    org_id uuid, kind text, address text, user_id uuid, display_name text, reason text, state text, role text,
    deciders uuid[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.org_id, r.kind, r.address, r.user_id, u.display_name, r.reason, r.state,
           (SELECT g.role FROM public.grants g WHERE r.state = 'approved'
            AND g.user_id = r.user_id AND g.kind = r.kind AND g.object_id = r.object_id),
           ARRAY(SELECT m.user_id FROM public.memberships m JOIN public.users d ON d.id = m.user_id
                 WHERE m.org_id = r.org_id AND m.role = ANY (deciding_roles) AND d.suspended_at IS NULL
                 ORDER BY m.user_id)
    FROM public.access_requests r JOIN public.users u ON u.id = r.user_id
    WHERE r.id = request AND r.org_id IS NOT NULL
      AND (r.user_id = nullif(current_setting('lyceum.user_id', true), '')::uuid
           OR r.org_id = nullif(current_setting('lyceum.org_id', true), '')::uuid)
$$;

-- Whether a group is of an organisation that the person is in.
CREATE FUNCTION definer.group_is_near(wanted uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM public.groups g JOIN public.memberships mine ON mine.org_id = g.org_id
        WHERE g.id = wanted AND mine.user_id = nullif(current_setting('lyceum.user_id', true), '')::uuid
    )
$$;

-- What the organisation acted in calls those it has granted something to, or who have asked it.
CREATE FUNCTION definer.people_granted(ids uuid[]) RETURNS TABLE (id uuid, display_name text, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH org AS (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid AS id)
    SELECT u.id, u.display_name, u.email FROM public.users u, org
    WHERE u.id = ANY (ids) AND (
        EXISTS (SELECT FROM public.grants g WHERE g.user_id = u.id AND g.org_id = org.id)
        OR EXISTS (SELECT FROM public.access_requests r WHERE r.user_id = u.id AND r.org_id = org.id)
    )
$$;

CREATE FUNCTION definer.groups_granted(ids uuid[]) RETURNS TABLE (id uuid, name text, org_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH org AS (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid AS id)
    SELECT w.id, w.name, o.name FROM org, public.groups w JOIN public.organisations o ON o.id = w.org_id
    WHERE w.id = ANY (ids) AND EXISTS (SELECT FROM public.grants g WHERE g.group_id = w.id AND g.org_id = org.id)
$$;

-- What the person was granted, by themselves or in a group, with the name of the organisation whose it is.
CREATE FUNCTION definer.grants_to_me(at_most integer, before_id uuid)
RETURNS TABLE (
    id uuid, org_name text, kind text, object_id uuid, group_id uuid, group_name text, role text,
    created_at timestamptz, ends_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH me AS (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid AS id)
    SELECT g.id, o.name, g.kind, g.object_id, g.group_id, w.name, g.role, g.created_at, g.ends_at
    FROM (
        SELECT g.* FROM me JOIN public.grants g ON g.user_id = me.id
        UNION ALL
        SELECT g.* FROM me JOIN public.group_members m ON m.user_id = me.id JOIN public.grants g ON g.group_id = m.group_id
    ) AS g
    JOIN public.organisations o ON o.id = g.org_id
    LEFT JOIN public.groups w ON w.id = g.group_id
    WHERE (g.ends_at IS NULL OR g.ends_at > now()) AND (before_id IS NULL OR g.id < before_id)
    ORDER BY g.id DESC LIMIT at_most
$$;

-- The jobs among these that work on an object which the person was granted, with its organisation and what they may do.
CREATE FUNCTION definer.jobs_granted(ids uuid[]) RETURNS TABLE (job_id uuid, org_id uuid, of_kind text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT worked.job_id, worked.org_id, worked.of_kind, definer.granted_role(worked.of_kind, worked.object_id)
    FROM (
        SELECT v.job_id, v.org_id, 'dataset' AS of_kind, v.dataset_id AS object_id
        FROM public.dataset_versions v WHERE v.job_id = ANY (ids)
        UNION ALL
        SELECT r.job_id, r.org_id, 'dataset', v.dataset_id
        FROM public.check_runs r JOIN public.dataset_versions v ON v.id = r.version_id WHERE r.job_id = ANY (ids)
        UNION ALL
        SELECT t.job_id, t.org_id, 'run', t.id FROM public.training_runs t WHERE t.job_id = ANY (ids)
    ) AS worked
    WHERE definer.granted_role(worked.of_kind, worked.object_id) IS NOT NULL
$$;

-- An upload of the person's own becomes the organisation's acted in, which lets them change this dataset; what both keep
-- is counted with it. Returns whether it was so.
CREATE FUNCTION definer.upload_hand_over(wanted uuid, dataset uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('lyceum.user_id', true), '')::uuid;
    receiver uuid;
    giver uuid;
    bytes bigint;
BEGIN
    SELECT d.org_id INTO receiver FROM public.datasets d
    WHERE d.id = dataset AND d.org_id = nullif(current_setting('lyceum.org_id', true), '')::uuid;
    IF receiver IS NULL OR definer.granted_role('dataset', dataset) IS DISTINCT FROM 'maintainer' THEN
        RETURN false;
    END IF;
    SELECT u.org_id, u.bytes_kept INTO giver, bytes FROM public.uploads u
    WHERE u.id = wanted AND u.created_by = me AND u.state = 'complete' FOR UPDATE;
    IF giver IS NULL OR giver = receiver THEN
        RETURN giver IS NOT NULL;
    END IF;
    UPDATE public.uploads SET org_id = receiver WHERE id = wanted;
    INSERT INTO public.storage_usage AS s (org_id, kind, byte_count, object_count)
    SELECT c.org, 'uploads', c.sign * bytes, c.sign * (bytes > 0)::integer
    FROM (VALUES (giver, -1), (receiver, 1)) AS c (org, sign) ORDER BY c.org
    ON CONFLICT (org_id, kind) DO UPDATE
    SET byte_count = s.byte_count + excluded.byte_count, object_count = s.object_count + excluded.object_count;
    RETURN true;
END
$$;

-- Whoever was granted an object sees it, and what belongs to it. PostgreSQL looks at policies from the last name to the first:
-- `…_granted` comes after `…_of_the_organisation`, so the function is not called for one's own rows. Those that call no function outlive the schema they stand on, and are dropped first. A list asks for what is granted by itself, since no index is found through an OR of policies.
CREATE POLICY datasets_granted ON datasets FOR SELECT
    USING (id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY dataset_versions_granted ON dataset_versions FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY dataset_diffs_granted ON dataset_diffs FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY checks_granted ON checks FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY refused_suggestions_granted ON refused_suggestions FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY dataset_quality_granted ON dataset_quality FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY anomalies_granted ON anomalies FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY dataset_watches_granted ON dataset_watches FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
CREATE POLICY check_runs_granted ON check_runs FOR SELECT
    USING ((SELECT v.dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[])
            FROM dataset_versions v WHERE v.id = version_id));
CREATE POLICY odd_row_searches_granted ON odd_row_searches FOR SELECT
    USING ((SELECT v.dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[])
            FROM dataset_versions v WHERE v.id = version_id));
DROP POLICY IF EXISTS check_results_granted ON check_results;
CREATE POLICY check_results_granted ON check_results FOR SELECT
    USING ((SELECT true FROM check_runs r WHERE r.id = check_run_id));
CREATE POLICY models_granted ON models FOR SELECT
    USING (id = ANY ((SELECT definer.granted_ids('model'))::uuid[]));
CREATE POLICY training_runs_granted ON training_runs FOR SELECT
    USING (id = ANY ((SELECT definer.granted_ids('run'))::uuid[]));
DROP POLICY IF EXISTS trials_granted ON trials;
CREATE POLICY trials_granted ON trials FOR SELECT
    USING ((SELECT true FROM training_runs r WHERE r.id = run_id));
