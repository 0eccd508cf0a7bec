-- People who take their data along or leave: across organisations, and past what their own rows are. Part of the audited
-- functions: see functions.sql.

-- What the hub keeps of the person the transaction works for, one kind of things at a time; nobody else's.
CREATE FUNCTION definer.person_data(kind text) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person uuid := nullif(current_setting('lyceum.user_id', true), '')::uuid;
BEGIN
    CASE kind
        WHEN 'profile' THEN RETURN QUERY
            SELECT to_jsonb(u) - 'password_hash' FROM public.users u WHERE u.id = person;
        WHEN 'organisations' THEN RETURN QUERY
            SELECT jsonb_build_object('organisation', o.name, 'title', o.title, 'role', m.role, 'since', m.created_at)
            FROM public.memberships m JOIN public.organisations o ON o.id = m.org_id WHERE m.user_id = person;
        WHEN 'api_keys' THEN RETURN QUERY
            SELECT to_jsonb(k) - 'digest' FROM public.api_keys k WHERE k.user_id = person ORDER BY k.id;
        WHEN 'sessions' THEN RETURN QUERY
            SELECT to_jsonb(s) FROM public.sessions s WHERE s.user_id = person ORDER BY s.id;
        WHEN 'second_factors' THEN RETURN QUERY
            SELECT f.data FROM (
                SELECT jsonb_build_object('kind', 'authenticator app') || (to_jsonb(a) - 'secret_sealed' - 'last_step') AS data,
                       1 AS place, a.created_at AS at
                FROM public.authenticator_apps a WHERE a.user_id = person
                UNION ALL
                SELECT jsonb_build_object('kind', 'passkey') || (to_jsonb(p) - 'credential_id' - 'public_key'), 2, p.created_at
                FROM public.passkeys p WHERE p.user_id = person
                UNION ALL
                SELECT jsonb_build_object('kind', 'recovery code') || (to_jsonb(c) - 'digest'), 3, c.created_at
                FROM public.recovery_codes c WHERE c.user_id = person
                UNION ALL
                SELECT jsonb_build_object('kind', 'sign-in under way') || (to_jsonb(t) - 'digest'), 4, t.expires_at
                FROM public.second_factor_tickets t WHERE t.user_id = person
            ) f ORDER BY f.place, f.at;
        WHEN 'sign_ons' THEN RETURN QUERY
            SELECT to_jsonb(i) - 'refresh_token_sealed' || jsonb_build_object('provider', p.title, 'gave', (
                SELECT coalesce(jsonb_agg(gave.thing), '[]') FROM (
                    SELECT jsonb_build_object('kind', g.target_kind, 'id', g.target_id, 'role', g.role) AS thing
                    FROM public.sign_on_given g WHERE g.user_id = person AND g.provider_id = i.provider_id
                    UNION ALL
                    SELECT jsonb_build_object('kind', 'group', 'id', s.group_id)
                    FROM public.sign_on_given_groups s WHERE s.user_id = person AND s.provider_id = i.provider_id
                ) gave))
            FROM public.sign_on_identities i JOIN public.sign_on_providers p ON p.id = i.provider_id
            WHERE i.user_id = person ORDER BY i.id;
        WHEN 'programs' THEN RETURN QUERY
            SELECT to_jsonb(g) - 'code_digest' - 'code_challenge' - 'nonce' || jsonb_build_object('program', c.title)
            FROM public.oauth_grants g JOIN public.oauth_clients c ON c.id = g.client_id
            WHERE g.user_id = person ORDER BY g.id;
        WHEN 'consents' THEN RETURN QUERY
            SELECT to_jsonb(a) || jsonb_build_object('program', c.title)
            FROM public.oauth_consents a JOIN public.oauth_clients c ON c.id = a.client_id
            WHERE a.user_id = person ORDER BY a.given_at;
        WHEN 'invitations' THEN RETURN QUERY
            SELECT to_jsonb(i) FROM public.invitations i
            WHERE i.invited_by = person
               OR lower(i.email) = (SELECT lower(u.email) FROM public.users u WHERE u.id = person) ORDER BY i.id;
        WHEN 'groups' THEN RETURN QUERY
            SELECT jsonb_build_object('organisation', o.name, 'group', g.name, 'since', m.added_at,
                                      'by_hand', m.given_by_hand)
            FROM public.group_members m JOIN public.groups g ON g.id = m.group_id
            JOIN public.organisations o ON o.id = m.org_id WHERE m.user_id = person;
        WHEN 'grants' THEN RETURN QUERY
            SELECT to_jsonb(g) FROM public.grants g WHERE g.user_id = person ORDER BY g.id;
        WHEN 'access_requests' THEN RETURN QUERY
            SELECT to_jsonb(r) FROM public.access_requests r WHERE r.user_id = person ORDER BY r.id;
        WHEN 'acted_as' THEN RETURN QUERY
            SELECT to_jsonb(i) FROM public.impersonations i WHERE i.user_id = person ORDER BY i.id;
        WHEN 'datasets' THEN RETURN QUERY
            SELECT jsonb_build_object('id', d.id, 'address', o.name || '/' || d.name, 'created_at', d.created_at)
            FROM public.datasets d JOIN public.organisations o ON o.id = d.org_id WHERE d.created_by = person ORDER BY d.id;
        WHEN 'dataset_versions' THEN RETURN QUERY
            SELECT jsonb_build_object('id', v.id, 'dataset', v.dataset_id, 'number', v.number, 'state', v.state,
                                      'file_name', v.file_name, 'created_at', v.created_at)
            FROM public.dataset_versions v WHERE v.created_by = person ORDER BY v.id;
        WHEN 'uploads' THEN RETURN QUERY
            SELECT jsonb_build_object('id', u.id, 'file_name', u.file_name, 'bytes', u.bytes_received, 'sha256', u.sha256,
                                      'state', u.state, 'created_at', u.created_at)
            FROM public.uploads u WHERE u.created_by = person ORDER BY u.id;
        WHEN 'runs' THEN RETURN QUERY
            SELECT jsonb_build_object('id', r.id, 'dataset_version', r.dataset_version_id, 'target', r.target,
                                      'state', r.state, 'created_at', r.created_at)
            FROM public.training_runs r WHERE r.created_by = person ORDER BY r.id;
        WHEN 'models' THEN RETURN QUERY
            SELECT jsonb_build_object('id', m.id, 'address', o.name || '/' || m.name, 'created_at', m.created_at)
            FROM public.models m JOIN public.organisations o ON o.id = m.org_id WHERE m.created_by = person ORDER BY m.id;
        ELSE RAISE EXCEPTION 'nothing of a person is called %', kind;
    END CASE;
END
$$;

-- Rows that the keys of the person the transaction works for have sent to be predicted, as far as they are kept. A page
-- ends with all rows of its last moment, so that the next one begins after it.
CREATE FUNCTION definer.person_predictions(after_at timestamptz, at_most integer)
RETURNS TABLE (at timestamptz, model_version_id uuid, request_id text, inputs jsonb, outputs jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.at, p.model_version_id, p.request_id, p.inputs, p.outputs
    FROM public.prediction_log p
    WHERE p.at > after_at AND p.key_id = ANY (ARRAY(
        SELECT k.id FROM public.api_keys k
        WHERE k.user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid)))
    ORDER BY p.at FETCH FIRST at_most ROWS WITH TIES
$$;

-- Archives whose time is over, whosever they are: for the job that removes them.
CREATE FUNCTION definer.exports_expired(at_most integer) RETURNS TABLE (id uuid, user_id uuid, content_key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id, e.user_id, e.content_key FROM public.personal_exports e
    WHERE e.state = 'ready' AND e.expires_at < now() ORDER BY e.expires_at LIMIT at_most
$$;

-- Forgets archives that have been gone for a while, or could not be made, whosever they are; no file belongs to these rows. The
-- caller has nothing to choose but how long ago. Returns how many.
CREATE FUNCTION definer.exports_forget(told_of interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.personal_exports e WHERE e.id IN (
            SELECT f.id FROM public.personal_exports f
            WHERE f.state IN ('expired', 'failed') AND coalesce(f.expires_at, f.asked_at) < now() - told_of
            LIMIT at_most
        )
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- The organisations of the person the transaction works for, with how many others are in each and how many of those own it.
CREATE FUNCTION definer.person_organisations()
RETURNS TABLE (org_id uuid, name text, role text, others bigint, other_owners bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.name, m.role, count(x.user_id), count(x.user_id) FILTER (WHERE x.role = 'owner')
    FROM public.memberships m
    JOIN public.organisations o ON o.id = m.org_id
    LEFT JOIN (public.memberships x JOIN public.users u ON u.id = x.user_id AND u.erased_at IS NULL)
        ON x.org_id = m.org_id AND x.user_id <> m.user_id
    WHERE m.user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid)
    GROUP BY o.id, o.name, m.role ORDER BY o.name
$$;

-- Who asked to leave and whose time has come: for the job that has it done.
CREATE FUNCTION definer.deletions_due(at_most integer) RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.user_id FROM public.account_deletions d WHERE d.due_at <= now() ORDER BY d.due_at LIMIT at_most
$$;

-- Begins to erase a person who asked for it and whose time has come: they are let in nowhere from here on, and which
-- organisations go with them is settled: those only they are in, and those they own and named. Returns false where one would
-- be left without an owner.
CREATE FUNCTION definer.deletion_begin(person uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    leaving public.account_deletions;
    going uuid[];
BEGIN
    SELECT * INTO leaving FROM public.account_deletions d WHERE d.user_id = person AND d.due_at <= now() FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nobody asked for that' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF leaving.began_at IS NOT NULL THEN
        RETURN true;
    END IF;
    PERFORM FROM public.organisations o JOIN public.memberships m ON m.org_id = o.id AND m.user_id = person
    ORDER BY o.id FOR UPDATE OF o;
    SELECT coalesce(array_agg(m.org_id), '{}') INTO going FROM public.memberships m
    WHERE m.user_id = person AND (
        NOT EXISTS (SELECT FROM public.memberships x JOIN public.users u ON u.id = x.user_id AND u.erased_at IS NULL
                    WHERE x.org_id = m.org_id AND x.user_id <> person)
        OR (m.role = 'owner' AND leaving.organisation_ids ? m.org_id::text));
    IF EXISTS (
        SELECT FROM public.memberships m WHERE m.user_id = person AND m.role = 'owner' AND m.org_id <> ALL (going)
          AND NOT EXISTS (SELECT FROM public.memberships x JOIN public.users u ON u.id = x.user_id AND u.erased_at IS NULL
                          WHERE x.org_id = m.org_id AND x.user_id <> person AND x.role = 'owner')
    ) THEN
        RETURN false;
    END IF;
    UPDATE public.account_deletions d SET began_at = now(), organisation_ids = to_jsonb(going) WHERE d.user_id = person;
    UPDATE public.users u SET suspended_at = coalesce(u.suspended_at, now()) WHERE u.id = person;
    RETURN true;
END
$$;

-- What goes with a person whose erasure has begun: organisations, and the digests of keys that processes remember.
CREATE FUNCTION definer.deletion_under_way(person uuid) RETURNS TABLE (organisation_ids jsonb, key_digests bytea[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.organisation_ids, ARRAY(
        SELECT k.digest FROM public.api_keys k
        WHERE k.user_id = person OR d.organisation_ids ? k.org_id::text)
    FROM public.account_deletions d WHERE d.user_id = person AND d.began_at IS NOT NULL
$$;

-- Uploads of a person whose erasure has begun that nothing was made of.
CREATE FUNCTION definer.deletion_uploads(person uuid) RETURNS TABLE (id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.org_id FROM public.uploads u
    WHERE u.created_by = person AND u.state IN ('open', 'complete')
      AND EXISTS (SELECT FROM public.account_deletions d WHERE d.user_id = person AND d.began_at IS NOT NULL)
$$;

-- Removes every row of an organisation that goes with a person whose erasure has begun, whatever table it is in: those that
-- point at others before those. Of the audit log the lines stay, without what they were done to. Returns how many went.
CREATE FUNCTION definer.deletion_of_organisation(person uuid, org uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant text;
    batch bigint;
    removed bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM public.account_deletions d
                   WHERE d.user_id = person AND d.began_at IS NOT NULL AND d.organisation_ids ? org::text) THEN
        RAISE EXCEPTION 'the organisation does not go with that person' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE public.audit_log a SET object_address = NULL, address = NULL, request_id = NULL WHERE a.org_id = org;
    FOR tenant IN
        WITH RECURSIVE tables AS (
            SELECT c.oid, c.relname FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relname <> 'audit_log'
        ),
        pointers AS (
            SELECT DISTINCT k.conrelid AS child, k.confrelid AS parent FROM pg_constraint k
            WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
        ),
        depths AS (
            SELECT t.oid, 0 AS depth FROM tables t
            UNION
            SELECT p.child, d.depth + 1 FROM depths d JOIN pointers p ON p.parent = d.oid WHERE d.depth < 20
        )
        SELECT t.relname FROM tables t JOIN depths d ON d.oid = t.oid GROUP BY t.relname ORDER BY max(d.depth) DESC, 1
    LOOP
        EXECUTE format('DELETE FROM public.%I WHERE org_id = $1', tenant) USING org;
        GET DIAGNOSTICS batch = ROW_COUNT;
        removed := removed + batch;
    END LOOP;
    DELETE FROM public.sign_on_given g WHERE g.target_kind = 'organisation' AND g.target_id = org;
    DELETE FROM public.sign_on_rules r WHERE r.target_kind = 'organisation' AND r.target_id = org;
    DELETE FROM public.organisations o WHERE o.id = org;
    RETURN removed;
END
$$;

-- The last step: removes what is a person's alone and leaves their row to what points at it, leading to nobody. What they
-- did stays in the audit log without where they did it from.
CREATE FUNCTION definer.deletion_of_person(person uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.account_deletions d WHERE d.user_id = person AND d.began_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nobody asked for that' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM public.one_time_links l
    WHERE l.user_id = person OR lower(l.email) = (SELECT lower(u.email) FROM public.users u WHERE u.id = person);
    DELETE FROM public.invitations i
    WHERE lower(i.email) = (SELECT lower(u.email) FROM public.users u WHERE u.id = person);
    DELETE FROM public.grants g WHERE g.user_id = person;
    DELETE FROM public.access_requests r WHERE r.user_id = person;
    DELETE FROM public.api_keys k WHERE k.user_id = person;
    DELETE FROM public.memberships m WHERE m.user_id = person;
    DELETE FROM public.sessions s WHERE s.user_id = person OR s.impersonator_id = person;
    DELETE FROM public.authenticator_apps a WHERE a.user_id = person;
    DELETE FROM public.passkeys p WHERE p.user_id = person;
    DELETE FROM public.recovery_codes c WHERE c.user_id = person;
    DELETE FROM public.second_factor_tickets t WHERE t.user_id = person;
    DELETE FROM public.sign_on_identities i WHERE i.user_id = person;
    DELETE FROM public.sign_on_given g WHERE g.user_id = person;
    DELETE FROM public.oauth_grants g WHERE g.user_id = person;
    DELETE FROM public.oauth_consents c WHERE c.user_id = person;
    DELETE FROM public.idempotency_keys i WHERE i.user_id = person;
    DELETE FROM public.personal_exports e WHERE e.user_id = person;
    UPDATE public.impersonations i SET reason = '', ended_at = coalesce(i.ended_at, now())
    WHERE i.user_id = person OR i.administrator_id = person;
    DELETE FROM public.job_log l USING public.jobs j WHERE j.id = l.job_id AND j.owner_id = person;
    UPDATE public.jobs j SET origin = NULL WHERE j.owner_id = person AND j.origin IS NOT NULL;
    UPDATE public.audit_log a SET address = NULL, request_id = NULL
    WHERE a.actor_id = person OR (a.object_kind = 'user' AND a.object_id = person::text);
    UPDATE public.users u
    SET email = NULL, display_name = 'Former member', password_hash = NULL, instance_admin = false,
        email_verified_at = NULL, locale = NULL, purpose = NULL, suspended_at = coalesce(u.suspended_at, now()), erased_at = now()
    WHERE u.id = person;
END
$$;

-- Says that an archive could not be made: its job ends as nobody.
CREATE FUNCTION definer.export_failed(export uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.personal_exports e SET state = 'failed' WHERE e.id = export AND e.state = 'queued'
$$;
