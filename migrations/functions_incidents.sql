-- Incidents: rounds that go over all organisations, and those who were granted a dataset. Part of the audited functions: see
-- functions.sql.

-- The incidents that a round has something to do with: a time limit that has passed, a rest that has ended. It crosses
-- organisations; each is looked at again in its own.
CREATE FUNCTION definer.incidents_due(at_most integer) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.org_id FROM public.incidents i WHERE i.look_at <= now() ORDER BY i.look_at LIMIT at_most
$$;

-- Removes incidents that were resolved long ago, with their timelines and the alerts that told of nothing else; of all organisations.
CREATE FUNCTION definer.incidents_forget(older_than interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.alerts a WHERE a.created_at < now() - older_than
        AND NOT EXISTS (SELECT FROM public.alert_incidents i WHERE i.alert_id = a.id);
    WITH old AS (
        SELECT i.id FROM public.incidents i WHERE i.state = 'resolved' AND i.resolved_at < now() - older_than
        ORDER BY i.resolved_at LIMIT at_most
    ),
    gone AS (DELETE FROM public.incidents i USING old WHERE i.id = old.id RETURNING i.id)
    SELECT count(*) FROM gone
$$;

-- What a person left in incidents of organisations that stay goes on without them: nobody is assigned who has left.
CREATE FUNCTION definer.incidents_of_person_leave(person uuid, org uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.incidents i SET assignee_id = NULL
    WHERE i.assignee_id = person AND (org IS NULL OR i.org_id = org)
$$;

-- What the person the transaction works for has said and done about incidents, wherever; nobody else's.
CREATE FUNCTION definer.incidents_of_person() RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('incident', i.title, 'did', e.kind, 'comment', e.comment, 'at', e.created_at)
    FROM public.incident_events e JOIN public.incidents i ON i.id = e.incident_id
    WHERE e.user_id = nullif(current_setting('lyceum.user_id', true), '')::uuid
    ORDER BY e.id
$$;

-- Whoever was granted a dataset sees its incidents and what became of them; see functions_grants.sql.
CREATE POLICY incidents_granted ON incidents FOR SELECT
    USING (dataset_id = ANY ((SELECT definer.granted_ids('dataset'))::uuid[]));
DROP POLICY IF EXISTS incident_events_granted ON incident_events;
CREATE POLICY incident_events_granted ON incident_events FOR SELECT
    USING ((SELECT true FROM incidents i WHERE i.id = incident_id));
