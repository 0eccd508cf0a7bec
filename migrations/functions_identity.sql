-- Signing in: what is read and written before anybody is known. These run as the owner of the tables; each says what stands in
-- place of a tenant predicate. Part of the audited functions: see functions.sql.

-- Who might be signing in with an address. The caller compares the password whether somebody is found or not, and tells
-- nobody which it was.
CREATE FUNCTION definer.sign_in_lookup(address text)
RETURNS TABLE (user_id uuid, password_hash text, suspended boolean, awaits_email boolean, awaits_consent boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.password_hash, u.suspended_at IS NOT NULL, u.awaits_email, u.awaits_consent
    FROM public.users u WHERE lower(u.email) = lower(address)
$$;

-- Who a session belongs to and where it acts: in the organisation that is named, else in the person's oldest. The id comes
-- from a signed token. Notes the last use, once a minute at most; who asks is remembered for longer than a request.
CREATE FUNCTION definer.session_lookup(session uuid, person uuid, organisation text)
RETURNS TABLE (
    org_id uuid, org_name text, role text, instance_admin boolean, expires_at timestamptz,
    stepped_up_until timestamptz, impersonator_id uuid, proofs text[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.sessions s SET last_used_at = now()
    WHERE s.id = session AND s.last_used_at < now() - interval '1 minute' AND s.revoked_at IS NULL;
    RETURN QUERY
    SELECT m.org_id, m.name, m.role, u.instance_admin, s.expires_at, s.stepped_up_until, s.impersonator_id,
        array_remove(ARRAY[
            CASE WHEN u.password_hash IS NOT NULL THEN 'password' END,
            CASE WHEN EXISTS (SELECT FROM public.authenticator_apps a
                              WHERE a.user_id = u.id AND a.confirmed_at IS NOT NULL) THEN 'totp' END,
            CASE WHEN EXISTS (SELECT FROM public.passkeys p WHERE p.user_id = u.id) THEN 'passkey' END
        ], NULL)
    FROM public.sessions s
    JOIN public.users u ON u.id = s.user_id
    LEFT JOIN LATERAL (
        SELECT b.org_id, o.name, b.role
        FROM public.memberships b JOIN public.organisations o ON o.id = b.org_id
        WHERE b.user_id = u.id AND (organisation IS NULL OR o.name = organisation)
        ORDER BY b.created_at, b.org_id LIMIT 1
    ) m ON true
    WHERE s.id = session AND s.user_id = person
      AND s.revoked_at IS NULL AND s.expires_at > now() AND u.suspended_at IS NULL;
END
$$;

-- Puts a new refresh token in the place of one that is used; the digests of random tokens are the predicate. A twin that
-- comes within the grace gets a token of the same generation; whatever comes later than that has been taken by somebody,
-- and the session ends.
CREATE FUNCTION definer.session_refresh(
    old_digest bytea, new_digest bytea, from_address text, idle interval, longest interval, grace interval
)
RETURNS TABLE (outcome text, session_id uuid, user_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    held record;
    shown record;
BEGIN
    SELECT s.* INTO held FROM public.refresh_tokens t JOIN public.sessions s ON s.id = t.session_id
    WHERE t.digest = old_digest FOR UPDATE OF s;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::timestamptz;
        RETURN;
    END IF;
    -- read once more now that the session is locked: a twin may have used it meanwhile
    SELECT t.* INTO shown FROM public.refresh_tokens t WHERE t.digest = old_digest;
    IF held.revoked_at IS NOT NULL OR held.expires_at <= now()
       OR EXISTS (SELECT FROM public.users u WHERE u.id = held.user_id AND u.suspended_at IS NOT NULL) THEN
        RETURN QUERY SELECT 'ended', held.id, held.user_id, held.expires_at;
        RETURN;
    END IF;
    IF shown.used_at IS NOT NULL AND (
        shown.used_at < clock_timestamp() - grace
        OR EXISTS (SELECT FROM public.refresh_tokens t
                   WHERE t.session_id = held.id AND t.generation > shown.generation AND t.used_at IS NOT NULL)
    ) THEN
        UPDATE public.sessions s SET revoked_at = now() WHERE s.id = held.id;
        RETURN QUERY SELECT 'reused', held.id, held.user_id, held.expires_at;
        RETURN;
    END IF;
    UPDATE public.refresh_tokens t SET used_at = clock_timestamp()
    WHERE t.session_id = held.id AND t.generation <= shown.generation AND t.used_at IS NULL;
    INSERT INTO public.refresh_tokens (digest, session_id, generation)
    VALUES (new_digest, held.id, shown.generation + 1);
    UPDATE public.sessions s
    SET last_used_at = now(), address = from_address, expires_at = least(now() + idle, s.created_at + longest)
    WHERE s.id = held.id
    RETURNING s.expires_at INTO held.expires_at;
    RETURN QUERY SELECT 'refreshed', held.id, held.user_id, held.expires_at;
END
$$;

-- Which session a refresh token belongs to, for signing out with it; the digest of a random token is the predicate.
CREATE FUNCTION definer.refresh_token_owner(token_digest bytea) RETURNS TABLE (session_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.id, s.user_id FROM public.refresh_tokens t JOIN public.sessions s ON s.id = t.session_id
    WHERE t.digest = token_digest
$$;

-- Sessions that ended so long ago that none of their tokens is worth telling from a made-up one, and tokens past that time.
CREATE FUNCTION definer.sessions_forget(kept_for interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.sessions s WHERE s.id = ANY (ARRAY(
            SELECT e.id FROM public.sessions e WHERE e.expires_at < now() - kept_for
            ORDER BY e.expires_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- The keys that access tokens are signed with are the hub's, no organisation's; their private halves are sealed.
CREATE FUNCTION definer.signing_keys()
RETURNS TABLE (id text, public_key bytea, private_key_sealed bytea, signs_from timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.public_key, k.private_key_sealed, k.signs_from FROM public.signing_keys k ORDER BY k.signs_from, k.id
$$;

-- Adds a key unless one that signs as late stands there already: of several processes that find none, one makes it.
CREATE FUNCTION definer.signing_key_add(key_id text, public bytea, sealed bytea, from_when timestamptz, not_after timestamptz)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7201973417);
    IF EXISTS (SELECT FROM public.signing_keys k WHERE k.signs_from > not_after) THEN
        RETURN false;
    END IF;
    INSERT INTO public.signing_keys (id, public_key, private_key_sealed, signs_from)
    VALUES (key_id, public, sealed, from_when);
    RETURN true;
END
$$;

-- Forgets keys whose last token has run out: another has signed in their place for longer than a token lives.
CREATE FUNCTION definer.signing_keys_forget(replaced_before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.signing_keys k
        WHERE EXISTS (SELECT FROM public.signing_keys n
                      WHERE n.signs_from > k.signs_from AND n.signs_from < replaced_before)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Wrong guesses of a secret, counted before anybody is known; the name says of what, and by whom. Says how many seconds to wait,
-- 0 where one more guess is free. Once the free ones are used up, each further one doubles the wait.
CREATE FUNCTION definer.failures_note(
    limit_name text, free integer, seconds integer, longest_seconds integer, counts boolean
) RETURNS double precision
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held public.failed_guesses;
    present timestamptz := clock_timestamp();
BEGIN
    IF counts THEN
        INSERT INTO public.failed_guesses (name, failures, forget_at)
        VALUES (limit_name, 0, present + make_interval(secs => seconds)) ON CONFLICT DO NOTHING;
    END IF;
    SELECT g.* INTO held FROM public.failed_guesses g WHERE g.name = limit_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    present := clock_timestamp();
    IF held.barred_until > present THEN
        RETURN extract(epoch FROM held.barred_until - present);
    END IF;
    IF NOT counts THEN
        RETURN 0;
    END IF;
    IF held.forget_at <= present THEN
        held.failures := 0;
        held.forget_at := present + make_interval(secs => seconds);
    END IF;
    held.failures := held.failures + 1;
    held.barred_until := NULL;
    IF held.failures >= free THEN
        held.barred_until := present
            + make_interval(secs => least(longest_seconds, seconds * 2.0 ^ least(held.failures - free, 20)));
        held.forget_at := held.barred_until + make_interval(secs => longest_seconds);
    END IF;
    UPDATE public.failed_guesses g
    SET failures = held.failures, barred_until = held.barred_until, forget_at = held.forget_at
    WHERE g.name = limit_name;
    RETURN 0;
END
$$;

-- The right secret came; the caller has checked it.
CREATE FUNCTION definer.failures_forget_of(limit_name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.failed_guesses g WHERE g.name = limit_name
$$;

CREATE FUNCTION definer.failures_forget(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.failed_guesses g WHERE g.name IN
            (SELECT f.name FROM public.failed_guesses f WHERE f.forget_at < now() LIMIT at_most)
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Makes a one-time link, for whoever has an address or for nobody: whether somebody has it, the caller is not told.
CREATE FUNCTION definer.link_make(
    link uuid, link_kind text, person uuid, address text, facts jsonb, until timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.one_time_links (id, kind, user_id, email, data, expires_at)
    VALUES (link, link_kind, coalesce(person, (SELECT u.id FROM public.users u WHERE lower(u.email) = lower(address)
                                               AND u.suspended_at IS NULL)), address, facts, until)
$$;

-- Uses a link: once, and in its time. The caller has checked its token, which only this hub can make.
CREATE FUNCTION definer.link_use(link uuid, link_kind text)
RETURNS TABLE (user_id uuid, email text, data jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.one_time_links l SET used_at = now()
    WHERE l.id = link AND l.kind = link_kind AND l.used_at IS NULL AND l.expires_at > now()
    RETURNING l.user_id, l.email, l.data
$$;

-- Whose a link is that still works; as above.
CREATE FUNCTION definer.link_look(link uuid, link_kind text)
RETURNS TABLE (user_id uuid, email text, data jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.user_id, l.email, l.data FROM public.one_time_links l
    WHERE l.id = link AND l.kind = link_kind AND l.used_at IS NULL AND l.expires_at > now()
$$;

-- What a letter with a link says, for whoever sends it: by the id in the event that asked for the letter. Nothing where the link
-- is nobody's, was used, or has run out, the address is confirmed already, or somebody has the one it would be changed to.
CREATE FUNCTION definer.link_letter(link uuid)
RETURNS TABLE (kind text, email text, display_name text, locale text, data jsonb, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.kind, l.email, coalesce(u.display_name, l.data ->> 'display_name', ''), u.locale, l.data, l.expires_at
    FROM public.one_time_links l LEFT JOIN public.users u ON u.id = l.user_id
    WHERE l.id = link AND l.used_at IS NULL AND l.expires_at > now()
      AND (l.user_id IS NOT NULL OR l.kind = 'invitation')
      AND (l.kind <> 'verify_email' OR u.email_verified_at IS NULL)
      AND (l.kind <> 'change_email' OR NOT EXISTS (SELECT FROM public.users x WHERE lower(x.email) = lower(l.email)))
$$;

-- A person's other links of a kind do nothing any more; the caller has checked a link of theirs, or that they are asking.
CREATE FUNCTION definer.links_void(person uuid, link_kind text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.one_time_links l SET used_at = now()
    WHERE l.user_id = person AND l.kind = link_kind AND l.used_at IS NULL
$$;

CREATE FUNCTION definer.links_forget(kept_for interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.one_time_links l WHERE l.id = ANY (ARRAY(
            SELECT e.id FROM public.one_time_links e WHERE e.expires_at < now() - kept_for
            ORDER BY e.expires_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ))
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- What an invitation is to, for whoever holds its link; the caller has checked the link's token, which only this hub can make.
CREATE FUNCTION definer.invitation_look(invitation uuid)
RETURNS TABLE (org_id uuid, org_name text, org_title text, role text, email text, inviter text, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.id, o.name, o.title, i.role, i.email, u.display_name, i.expires_at
    FROM public.invitations i
    JOIN public.organisations o ON o.id = i.org_id
    LEFT JOIN public.users u ON u.id = i.invited_by
    WHERE i.id = invitation AND i.revoked_at IS NULL AND i.expires_at > now() AND i.uses < i.uses_max
      AND o.deleted_at IS NULL
$$;

-- Makes a person a member by an invitation; whoever is one already keeps their role, and the invitation its use. As above; and
-- one that names an address is for the person who has it.
CREATE FUNCTION definer.invitation_use(invitation uuid, person uuid)
RETURNS TABLE (org_id uuid, org_name text, joined boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    SELECT i.org_id, i.role, o.name INTO held
    FROM public.invitations i JOIN public.organisations o ON o.id = i.org_id
    WHERE i.id = invitation AND i.revoked_at IS NULL AND i.expires_at > now() AND i.uses < i.uses_max
      AND o.deleted_at IS NULL
      AND (i.email IS NULL OR EXISTS (SELECT FROM public.users u
                                      WHERE u.id = person AND lower(u.email) = lower(i.email)))
    FOR UPDATE OF i;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO public.memberships (org_id, user_id, role) VALUES (held.org_id, person, held.role)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        UPDATE public.invitations i SET uses = i.uses + 1 WHERE i.id = invitation;
        RETURN QUERY SELECT held.org_id, held.name, true;
    ELSE
        RETURN QUERY SELECT held.org_id, held.name, false;
    END IF;
END
$$;

-- A person as whoever runs the hub names them; the caller has checked that, or sits at the hub's own machine.
CREATE FUNCTION definer.person_by_id(person uuid) RETURNS TABLE (user_id uuid, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.email FROM public.users u WHERE u.id = person
$$;

CREATE FUNCTION definer.person_by_email(address text) RETURNS TABLE (user_id uuid, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.email FROM public.users u WHERE lower(u.email) = lower(address)
$$;

-- How a session began, for whoever tells its owner: by the id in the event that says so.
CREATE FUNCTION definer.session_told(session uuid)
RETURNS TABLE (user_id uuid, device text, address text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.user_id, s.device, s.address, s.created_at FROM public.sessions s WHERE s.id = session
$$;
