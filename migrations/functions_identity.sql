-- Signing in: what is read and written before anybody is known. These run as the owner of the tables; each says what stands in
-- place of a tenant predicate. Part of the audited functions: see functions.sql.

-- Who might be signing in with an address. The caller compares the password whether somebody is found or not, and tells
-- nobody which it was.
CREATE FUNCTION definer.sign_in_lookup(address text)
RETURNS TABLE (user_id uuid, password_hash text, suspended boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.password_hash, u.suspended_at IS NOT NULL
    FROM public.users u WHERE lower(u.email) = lower(address)
$$;

-- Who a session belongs to and where it acts: in the organisation that is named, else in the person's oldest. The id comes
-- from a signed token. Notes the last use, once a minute at most; who asks is remembered for longer than a request.
CREATE FUNCTION definer.session_lookup(session uuid, person uuid, organisation text)
RETURNS TABLE (
    org_id uuid, org_name text, role text, instance_admin boolean, expires_at timestamptz,
    stepped_up_until timestamptz, impersonator_id uuid
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.sessions s SET last_used_at = now()
    WHERE s.id = session AND s.last_used_at < now() - interval '1 minute' AND s.revoked_at IS NULL;
    RETURN QUERY
    SELECT m.org_id, m.name, m.role, u.instance_admin, s.expires_at, s.stepped_up_until, s.impersonator_id
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
