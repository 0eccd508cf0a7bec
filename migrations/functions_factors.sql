-- Second factors: what is read and written before a session has begun, or of somebody else. These run as the owner of the
-- tables; each says what stands in place of a tenant predicate. Part of the audited functions: see functions.sql.

-- Whose first factor was right, by a ticket that has not run out and on which guesses are left; counts one. The digest of a
-- random token is the predicate.
CREATE FUNCTION definer.ticket_guess(ticket_digest bytea, guesses_max integer)
RETURNS TABLE (ticket_id uuid, user_id uuid, signed_in_with text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.second_factor_tickets t SET guesses = t.guesses + 1
    WHERE t.digest = ticket_digest AND t.expires_at > now() AND t.guesses < guesses_max
      AND EXISTS (SELECT FROM public.users u WHERE u.id = t.user_id AND u.suspended_at IS NULL)
    RETURNING t.id, t.user_id, t.signed_in_with
$$;

-- The same without a guess, for what an authenticator is asked; as above.
CREATE FUNCTION definer.ticket_look(ticket_digest bytea, guesses_max integer)
RETURNS TABLE (ticket_id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.user_id FROM public.second_factor_tickets t
    WHERE t.digest = ticket_digest AND t.expires_at > now() AND t.guesses < guesses_max
$$;

-- A challenge is nobody's until it is signed: what it was made for is a part of the predicate when it is used.
CREATE FUNCTION definer.challenge_keep(challenge_digest bytea, made_for text, seconds integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.passkey_challenges (digest, purpose, expires_at)
    VALUES (challenge_digest, made_for, now() + make_interval(secs => seconds))
$$;

-- Says whether a challenge was made for this, in time, and never used.
CREATE FUNCTION definer.challenge_use(challenge_digest bytea, made_for text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH used AS (
        DELETE FROM public.passkey_challenges c WHERE c.digest = challenge_digest AND c.purpose = made_for
        RETURNING c.expires_at > now() AS in_time
    )
    SELECT coalesce(bool_or(u.in_time), false) FROM used u
$$;

-- Who might be signing in with a passkey. The caller checks its signature before it believes so.
CREATE FUNCTION definer.passkey_owner(credential bytea) RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.user_id FROM public.passkeys p JOIN public.users u ON u.id = p.user_id
    WHERE p.credential_id = credential AND u.suspended_at IS NULL
$$;

-- Removes every second factor of a person who has lost theirs; says how many, NULL where there is no such person. The caller
-- has checked that whoever asks runs the hub, or sits at its own machine.
CREATE FUNCTION definer.factors_remove(person uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH apps AS (DELETE FROM public.authenticator_apps a WHERE a.user_id = person RETURNING a.confirmed_at),
    keys AS (DELETE FROM public.passkeys p WHERE p.user_id = person RETURNING 1),
    codes AS (DELETE FROM public.recovery_codes r WHERE r.user_id = person),
    tickets AS (DELETE FROM public.second_factor_tickets t WHERE t.user_id = person)
    SELECT (SELECT count(a.confirmed_at) FROM apps a) + (SELECT count(*) FROM keys)
    FROM public.users u WHERE u.id = person
$$;

-- What nobody came back to: tickets, challenges, and apps that never gave a code.
CREATE FUNCTION definer.factors_forget(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH tickets AS (
        DELETE FROM public.second_factor_tickets t WHERE t.id = ANY (ARRAY(
            SELECT e.id FROM public.second_factor_tickets e WHERE e.expires_at < now() LIMIT at_most))
        RETURNING 1
    ), challenges AS (
        DELETE FROM public.passkey_challenges c WHERE c.digest = ANY (ARRAY(
            SELECT e.digest FROM public.passkey_challenges e WHERE e.expires_at < now() LIMIT at_most))
        RETURNING 1
    ), apps AS (
        DELETE FROM public.authenticator_apps a WHERE a.id = ANY (ARRAY(
            SELECT e.id FROM public.authenticator_apps e
            WHERE e.confirmed_at IS NULL AND e.created_at < now() - interval '1 day' LIMIT at_most))
        RETURNING 1
    )
    SELECT greatest((SELECT count(*) FROM tickets), (SELECT count(*) FROM challenges), (SELECT count(*) FROM apps))
$$;
