-- Signing on through identity providers, before anybody is known and for people whose organisations their groups name. These run
-- as the owner of the tables; each says what stands in place of a tenant predicate. Part of the audited functions: see
-- functions.sql.

-- The provider a browser is sent to, by the name in its address; the secret is sealed.
CREATE FUNCTION definer.sign_on_provider(provider_name text)
RETURNS TABLE (
    id uuid, name text, title text, discovery_url text, client_id text, client_secret_sealed bytea, scopes jsonb,
    groups_claim text, email_claim text, name_claim text, admits text, email_domains jsonb, trusts_email boolean,
    trusts_second_factor boolean, refresh_minutes integer
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.id, p.name, p.title, p.discovery_url, p.client_id, p.client_secret_sealed, p.scopes, p.groups_claim,
           p.email_claim, p.name_claim, p.admits, p.email_domains, p.trusts_email, p.trusts_second_factor, p.refresh_minutes
    FROM public.sign_on_providers p WHERE p.name = provider_name
$$;

-- What a sign-in page offers: names and titles are for everybody.
CREATE FUNCTION definer.sign_on_offered() RETURNS TABLE (name text, title text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.name, p.title FROM public.sign_on_providers p ORDER BY p.title, p.name LIMIT 100
$$;

-- What a provider's groups give; read while somebody signs on, whose groups are looked up in it.
CREATE FUNCTION definer.sign_on_rules_of(provider uuid)
RETURNS TABLE (group_pattern text, target_kind text, target_id uuid, role text, into_group_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.group_pattern, r.target_kind, r.target_id, r.role, r.into_group_id
    FROM public.sign_on_rules r WHERE r.provider_id = provider
      AND EXISTS (SELECT FROM public.organisations o WHERE o.id = r.target_id AND o.deleted_at IS NULL)
$$;

-- Removes what groups give in the organisation the transaction works for, once that is deleted: the organisation is the predicate.
CREATE FUNCTION definer.sign_on_forget_organisation() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    org uuid := nullif(current_setting('lyceum.org_id', true), '')::uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM public.organisations o WHERE o.id = org AND o.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the organisation is not deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM public.sign_on_given g WHERE g.target_kind = 'organisation' AND g.target_id = org;
    DELETE FROM public.sign_on_rules r WHERE r.target_kind = 'organisation' AND r.target_id = org;
END
$$;

-- Says whether something is shown for the first time; the digest of it is the predicate.
CREATE FUNCTION definer.sign_on_use(used_digest bytea, keep interval) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH fresh AS (
        INSERT INTO public.sign_on_used (digest, forget_at) VALUES (used_digest, now() + keep)
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT EXISTS (SELECT FROM fresh)
$$;

CREATE FUNCTION definer.sign_on_used_forget(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.sign_on_used u WHERE u.digest IN
            (SELECT f.digest FROM public.sign_on_used f WHERE f.forget_at < now() LIMIT at_most)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Whose sign-on it is, by what a verified token says; and who has its e-mail address, for a provider whose word counts for that.
CREATE FUNCTION definer.sign_on_lookup(token_issuer text, token_subject text, address text)
RETURNS TABLE (identity_id uuid, user_id uuid, suspended boolean, joined boolean, email_confirmed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.user_id, u.suspended_at IS NOT NULL, true, true
    FROM public.sign_on_identities i JOIN public.users u ON u.id = i.user_id
    WHERE i.issuer = token_issuer AND i.subject = token_subject
    UNION ALL
    SELECT NULL, u.id, u.suspended_at IS NOT NULL, false, u.email_verified_at IS NOT NULL
    FROM public.users u WHERE lower(u.email) = lower(address)
    ORDER BY 4 DESC
    LIMIT 1
$$;

-- Gives a person the roles that their groups at a provider give, and takes back those that these gave before and give no
-- longer. A membership that somebody gave by hand is left as it is. Of several providers the highest role counts. Returns the
-- digests of the keys whose powers may have changed. The caller has verified the provider's token, which is the predicate.
CREATE FUNCTION definer.sign_on_give(person uuid, provider uuid, wanted jsonb)
RETURNS TABLE (changed_org_id uuid, key_digest bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ranks CONSTANT text[] := ARRAY['viewer', 'reviewer', 'maintainer', 'owner'];
    organisation record;
    given_before boolean;
    membership_role text;
    wanted_role text;
    best text;
BEGIN
    PERFORM 1 FROM public.users u WHERE u.id = person FOR UPDATE;
    FOR organisation IN
        SELECT g.target_id FROM public.sign_on_given g
        WHERE g.user_id = person AND g.provider_id = provider AND g.target_kind = 'organisation'
        UNION
        SELECT (w ->> 'target_id')::uuid FROM jsonb_array_elements(wanted) w
        JOIN public.organisations o ON o.id = (w ->> 'target_id')::uuid AND o.deleted_at IS NULL
        WHERE w ->> 'target_kind' = 'organisation'
    LOOP
        SELECT ranks[max(array_position(ranks, w ->> 'role'))] INTO wanted_role
        FROM jsonb_array_elements(wanted) w WHERE (w ->> 'target_id')::uuid = organisation.target_id;
        SELECT m.role INTO membership_role FROM public.memberships m
        WHERE m.org_id = organisation.target_id AND m.user_id = person;
        given_before := EXISTS (SELECT FROM public.sign_on_given g WHERE g.user_id = person
                                AND g.target_kind = 'organisation' AND g.target_id = organisation.target_id);
        IF membership_role IS NOT NULL AND NOT given_before THEN
            CONTINUE;
        END IF;
        IF wanted_role IS NULL THEN
            DELETE FROM public.sign_on_given g WHERE g.user_id = person AND g.provider_id = provider
            AND g.target_kind = 'organisation' AND g.target_id = organisation.target_id;
        ELSE
            INSERT INTO public.sign_on_given (user_id, provider_id, target_kind, target_id, role)
            VALUES (person, provider, 'organisation', organisation.target_id, wanted_role)
            ON CONFLICT (user_id, target_kind, target_id, provider_id) DO UPDATE SET role = excluded.role;
        END IF;
        SELECT ranks[max(array_position(ranks, g.role))] INTO best FROM public.sign_on_given g
        WHERE g.user_id = person AND g.target_kind = 'organisation' AND g.target_id = organisation.target_id;
        IF best IS NOT DISTINCT FROM membership_role THEN
            CONTINUE;
        ELSIF best IS NULL THEN
            DELETE FROM public.memberships m WHERE m.org_id = organisation.target_id AND m.user_id = person;
        ELSE
            INSERT INTO public.memberships (org_id, user_id, role) VALUES (organisation.target_id, person, best)
            ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role;
        END IF;
        RETURN QUERY
        SELECT organisation.target_id, k.digest FROM (SELECT 1) one
        LEFT JOIN public.api_keys k ON k.org_id = organisation.target_id AND k.user_id = person AND k.revoked_at IS NULL;
    END LOOP;
END
$$;

-- Puts a person into the groups of organisations that their groups at a provider lead to, and takes them out of those that they
-- lead to no longer, unless another provider's do or somebody has put them there by hand. Only a member of the organisation
-- can be in its groups: roles are given before. Returns what has changed. The caller has verified the provider's token, which
-- is the predicate; a rule leads into groups of its own organisation alone.
CREATE FUNCTION definer.sign_on_give_groups(person uuid, provider uuid, wanted jsonb)
RETURNS TABLE (org_id uuid, group_id uuid, entered boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    led_to uuid[] := ARRAY(
        SELECT g.id FROM jsonb_array_elements(wanted) w
        JOIN public.groups g ON g.id = (w ->> 'into_group_id')::uuid AND g.org_id = (w ->> 'target_id')::uuid
        JOIN public.organisations o ON o.id = g.org_id AND o.deleted_at IS NULL
        WHERE w ->> 'target_kind' = 'organisation'
    );
BEGIN
    PERFORM 1 FROM public.users u WHERE u.id = person FOR UPDATE;
    -- nobody takes them out by hand between the look and the note
    PERFORM 1 FROM public.group_members m WHERE m.user_id = person ORDER BY m.group_id FOR UPDATE;
    RETURN QUERY
    WITH no_longer AS (
        DELETE FROM public.sign_on_given_groups s
        WHERE s.user_id = person AND s.provider_id = provider AND s.group_id <> ALL (led_to)
        RETURNING s.group_id
    )
    DELETE FROM public.group_members m USING no_longer n
    WHERE m.user_id = person AND m.group_id = n.group_id AND NOT m.given_by_hand
      AND NOT EXISTS (SELECT FROM public.sign_on_given_groups s
                      WHERE s.user_id = person AND s.group_id = n.group_id AND s.provider_id <> provider)
    RETURNING m.org_id, m.group_id, false;
    RETURN QUERY
    WITH fit AS (
        SELECT g.org_id, g.id FROM public.groups g
        JOIN public.memberships m ON m.org_id = g.org_id AND m.user_id = person
        WHERE g.id = ANY (led_to) ORDER BY g.id FOR KEY SHARE OF g, m
    ),
    noted AS (
        INSERT INTO public.sign_on_given_groups (user_id, group_id, provider_id)
        SELECT person, f.id, provider FROM fit f ON CONFLICT DO NOTHING
    )
    INSERT INTO public.group_members (org_id, group_id, user_id, given_by_hand)
    SELECT f.org_id, f.id, person, false FROM fit f ON CONFLICT DO NOTHING
    RETURNING org_id, group_id, true;
END
$$;

-- What the groups are called that a provider's rules lead into, for the administrator who reads those: the caller has checked.
CREATE FUNCTION definer.sign_on_groups_of(provider uuid) RETURNS TABLE (group_id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT g.id, g.name FROM public.sign_on_rules r JOIN public.groups g ON g.id = r.into_group_id
    WHERE r.provider_id = provider
$$;

-- Revokes the keys of somebody who has left: those in organisations their groups gave, and all where no other way of signing in
-- is theirs. Returns their digests. The caller has the provider's word, which is the predicate.
CREATE FUNCTION definer.sign_on_revoke_keys(person uuid, provider uuid) RETURNS TABLE (key_digest bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.api_keys k SET revoked_at = now()
    WHERE k.user_id = person AND k.revoked_at IS NULL
      AND (
          EXISTS (SELECT FROM public.sign_on_given g WHERE g.user_id = person AND g.provider_id = provider
                  AND g.target_kind = 'organisation' AND g.target_id = k.org_id)
          OR (
              EXISTS (SELECT FROM public.users u WHERE u.id = person AND u.password_hash IS NULL)
              AND NOT EXISTS (SELECT FROM public.sign_on_identities i WHERE i.user_id = person
                              AND i.provider_id <> provider AND i.ended_at IS NULL)
          )
      )
    RETURNING k.digest
$$;

-- Who a logout token is about, by its verified issuer and subject, or its issuer and the provider's session.
CREATE FUNCTION definer.sign_on_identities_of(provider uuid, token_issuer text, token_subject text, token_session text)
RETURNS TABLE (identity_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.user_id FROM public.sign_on_identities i
    WHERE i.provider_id = provider AND i.issuer = token_issuer
      AND (token_subject IS NULL OR i.subject = token_subject)
      AND (token_subject IS NOT NULL OR EXISTS (
          SELECT FROM public.sign_on_sessions s WHERE s.identity_id = i.id AND s.provider_session = token_session
      ))
$$;

-- Takes people whose groups are to be asked for again; each is given to one asker, who comes back to it later if nothing is
-- heard of him. The sealed token is good for its provider alone.
CREATE FUNCTION definer.sign_on_due(at_most integer, again_after interval)
RETURNS TABLE (identity_id uuid, user_id uuid, provider_name text, issuer text, subject text, refresh_token_sealed bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        UPDATE public.sign_on_identities i SET refresh_after = now() + again_after
        WHERE i.id IN (
            SELECT d.id FROM public.sign_on_identities d
            WHERE d.refresh_after <= now() AND d.refresh_token_sealed IS NOT NULL AND d.ended_at IS NULL
            ORDER BY d.refresh_after LIMIT at_most FOR UPDATE SKIP LOCKED
        )
        RETURNING i.*
    )
    SELECT d.id, d.user_id, p.name, d.issuer, d.subject, d.refresh_token_sealed
    FROM due d JOIN public.sign_on_providers p ON p.id = d.provider_id
$$;

-- Who has signed on through a provider that is to be removed, for the administrator who removes it.
CREATE FUNCTION definer.sign_on_people(provider uuid, at_most integer) RETURNS TABLE (identity_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.user_id FROM public.sign_on_identities i WHERE i.provider_id = provider ORDER BY i.id LIMIT at_most
$$;

-- Lyceum as the provider: a client is looked up by its public id before anybody is known; the digest of its secret says nothing.
CREATE FUNCTION definer.oauth_client(client uuid)
RETURNS TABLE (
    id uuid, title text, secret_digest bytea, redirect_uris jsonb, sign_out_uris jsonb, asks_consent boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id, c.title, c.secret_digest, c.redirect_uris, c.sign_out_uris, c.asks_consent
    FROM public.oauth_clients c WHERE c.id = client
$$;

-- The programs that the person asking has let know them; whose they are is the predicate, and titles are what they were asked with.
CREATE FUNCTION definer.oauth_programs_of_person()
RETURNS TABLE (client_id uuid, title text, scopes jsonb, given_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id, c.title, o.scopes, o.given_at
    FROM public.oauth_consents o JOIN public.oauth_clients c ON c.id = o.client_id
    WHERE o.user_id = nullif(current_setting('lyceum.user_id', true), '')::uuid
    ORDER BY c.title, c.id LIMIT 100
$$;

-- Uses a code. The digest of a random code and the client that authenticated are the predicate. A code that comes again has
-- been taken by somebody: what came of it is revoked, and nothing comes of it any more.
CREATE FUNCTION definer.oauth_code_use(digest_of_code bytea, client uuid)
RETURNS TABLE (
    grant_id uuid, user_id uuid, session_id uuid, scopes jsonb, nonce text, redirect_uri text, code_challenge text,
    signed_in_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held public.oauth_grants;
BEGIN
    SELECT g.* INTO held FROM public.oauth_grants g WHERE g.code_digest = digest_of_code AND g.client_id = client FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.code_used_at IS NOT NULL THEN
        UPDATE public.oauth_grants g SET revoked_at = coalesce(g.revoked_at, now()) WHERE g.id = held.id;
        RETURN;
    END IF;
    UPDATE public.oauth_grants g SET code_used_at = now() WHERE g.id = held.id;
    RETURN QUERY
    SELECT g.id, g.user_id, g.session_id, g.scopes, g.nonce, g.redirect_uri, g.code_challenge, s.created_at
    FROM public.oauth_grants g
    JOIN public.sessions s ON s.id = g.session_id
    JOIN public.users u ON u.id = g.user_id
    WHERE g.id = held.id AND g.revoked_at IS NULL AND g.code_expires_at > now()
      AND s.revoked_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL;
END
$$;

-- Adds a token to a grant whose code or refresh token the caller has just used.
CREATE FUNCTION definer.oauth_token_add(token_digest bytea, of_grant uuid, token_kind text, lifetime interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.oauth_tokens (digest, grant_id, kind, expires_at)
    VALUES (token_digest, of_grant, token_kind, now() + lifetime)
$$;

-- Uses a refresh token once; one that comes again has been taken by somebody, and its grant ends. The digest of a random token
-- and the client that authenticated are the predicate.
CREATE FUNCTION definer.oauth_refresh_use(token_digest bytea, client uuid)
RETURNS TABLE (
    grant_id uuid, user_id uuid, session_id uuid, scopes jsonb, nonce text, signed_in_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held public.oauth_tokens;
BEGIN
    SELECT t.* INTO held FROM public.oauth_tokens t JOIN public.oauth_grants g ON g.id = t.grant_id
    WHERE t.digest = token_digest AND t.kind = 'refresh' AND g.client_id = client FOR UPDATE OF t;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.used_at IS NOT NULL THEN
        UPDATE public.oauth_grants g SET revoked_at = coalesce(g.revoked_at, now()) WHERE g.id = held.grant_id;
        RETURN;
    END IF;
    UPDATE public.oauth_tokens t SET used_at = now() WHERE t.digest = token_digest;
    RETURN QUERY
    SELECT g.id, g.user_id, g.session_id, g.scopes, g.nonce, s.created_at
    FROM public.oauth_grants g
    JOIN public.sessions s ON s.id = g.session_id
    JOIN public.users u ON u.id = g.user_id
    WHERE g.id = held.grant_id AND g.revoked_at IS NULL AND held.expires_at > now()
      AND s.revoked_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL;
END
$$;

-- Whose an access token for userinfo is; the digest of a random token is the predicate. Nobody's once the session has ended.
CREATE FUNCTION definer.oauth_token_lookup(token_digest bytea) RETURNS TABLE (user_id uuid, scopes jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.user_id, g.scopes
    FROM public.oauth_tokens t
    JOIN public.oauth_grants g ON g.id = t.grant_id
    JOIN public.sessions s ON s.id = g.session_id
    JOIN public.users u ON u.id = g.user_id
    WHERE t.digest = token_digest AND t.kind = 'access' AND t.expires_at > now() AND g.revoked_at IS NULL
      AND s.revoked_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL
$$;

-- What a client may be told of a person who let it: theirs alone.
CREATE FUNCTION definer.oauth_claims(person uuid)
RETURNS TABLE (email text, email_confirmed boolean, display_name text, groups jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.email, u.email_verified_at IS NOT NULL, u.display_name, coalesce((
        SELECT jsonb_agg(o.name || ':' || m.role ORDER BY o.name)
        FROM public.memberships m JOIN public.organisations o ON o.id = m.org_id WHERE m.user_id = u.id
    ), '[]')
    FROM public.users u WHERE u.id = person
$$;

-- Clients that want to be told that a session has ended which somebody signed in at them from; each is told once.
CREATE FUNCTION definer.oauth_logouts_due(at_most integer)
RETURNS TABLE (client_id uuid, url text, user_id uuid, session_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH told AS (
        UPDATE public.oauth_grants g SET logout_told_at = now()
        WHERE g.id IN (
            SELECT e.id FROM public.oauth_grants e
            JOIN public.sessions s ON s.id = e.session_id
            JOIN public.oauth_clients c ON c.id = e.client_id
            WHERE e.logout_told_at IS NULL AND e.code_used_at IS NOT NULL
              AND s.revoked_at IS NOT NULL AND c.back_channel_logout_url IS NOT NULL
            LIMIT at_most FOR UPDATE OF e SKIP LOCKED
        )
        RETURNING g.client_id, g.user_id, g.session_id
    )
    SELECT DISTINCT t.client_id, c.back_channel_logout_url, t.user_id, t.session_id
    FROM told t JOIN public.oauth_clients c ON c.id = t.client_id
$$;

-- Grants whose tokens have all run out, and tokens past their time.
CREATE FUNCTION definer.oauth_forget(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.oauth_tokens t WHERE t.digest IN
            (SELECT e.digest FROM public.oauth_tokens e WHERE e.expires_at < now() - interval '1 day' LIMIT at_most)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- What a provider is called, for people who see by which they can sign in.
CREATE FUNCTION definer.sign_on_provider_title(provider uuid) RETURNS TABLE (name text, title text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.name, p.title FROM public.sign_on_providers p WHERE p.id = provider
$$;
