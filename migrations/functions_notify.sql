-- Notices: what one person is told, others have caused, so these look past what the caller may see. Part of the audited
-- functions: see functions.sql.

-- Whom a letter goes to: nobody who is suspended, and nobody at an address they have not shown to be theirs. Asked by jobs, which
-- got the id from a notice or a subscription.
CREATE FUNCTION definer.reader_of_letters(person uuid)
RETURNS TABLE (user_id uuid, email text, display_name text, locale text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id, u.email, u.display_name, coalesce(u.locale, 'en')
    FROM public.users u
    WHERE u.id = person AND u.suspended_at IS NULL AND u.email IS NOT NULL AND u.email_verified_at IS NOT NULL
$$;

-- Keeps a notice for each of some people and says by which ways they want it. Of those in no organisation of the notice nobody
-- is told: that is the predicate; a notice of the hub itself has no organisation.
CREATE FUNCTION definer.notices_add(
    ids uuid[], people uuid[], org uuid, notice_kind text, facts jsonb, of_object text, at_address text, collapse text,
    by_default text[], always text[]
) RETURNS TABLE (id uuid, user_id uuid, is_new boolean, mail text, push boolean, in_inbox boolean, unread bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH asked AS (
        SELECT DISTINCT ON (p.person) p.id, p.person FROM unnest(ids, people) AS p (id, person) ORDER BY p.person, p.id
    ),
    recipients AS (
        SELECT a.id, a.person, coalesce(s.mail_pace, 'at_once') AS pace,
               'inbox' = ANY (always) OR coalesce((w.wanted ->> 'inbox')::boolean, 'inbox' = ANY (by_default)) AS inbox,
               'mail' = ANY (always) AS must_mail,
               'mail' = ANY (always) OR coalesce((w.wanted ->> 'mail')::boolean, 'mail' = ANY (by_default)) AS mail,
               ('push' = ANY (always) OR coalesce((w.wanted ->> 'push')::boolean, 'push' = ANY (by_default)))
                   AND EXISTS (SELECT FROM public.push_subscriptions b WHERE b.user_id = u.id) AS push
        FROM asked a
        JOIN public.users u ON u.id = a.person AND u.suspended_at IS NULL
        LEFT JOIN public.notice_settings s ON s.user_id = u.id
        LEFT JOIN LATERAL (
            SELECT jsonb_object_agg(n.channel, n.wanted) AS wanted FROM public.notice_preferences n
            WHERE n.user_id = u.id AND n.kind = notice_kind
        ) w ON true
        WHERE org IS NULL OR EXISTS (SELECT FROM public.memberships m WHERE m.org_id = org AND m.user_id = u.id)
    ),
    added AS (
        INSERT INTO public.notices AS n
            (id, user_id, org_id, kind, data, object_kind, address, collapse_key, in_inbox, mail)
        SELECT r.id, r.person, org, notice_kind, facts, of_object, at_address, collapse, r.inbox,
               CASE WHEN r.must_mail OR (r.mail AND r.pace = 'at_once') THEN 'at_once'
                    WHEN r.mail AND r.pace IN ('daily', 'weekly') THEN 'digest' ELSE 'none' END
        FROM recipients r WHERE r.inbox OR r.push OR (r.mail AND (r.must_mail OR r.pace <> 'never'))
        ON CONFLICT (user_id, collapse_key) WHERE read_at IS NULL AND collapse_key IS NOT NULL
            DO UPDATE SET data = excluded.data
        RETURNING n.id, n.user_id, n.mail, n.in_inbox
    )
    SELECT a.id, a.user_id, r.id = a.id, a.mail, r.push, a.in_inbox, (r.id = a.id AND a.in_inbox)::integer + (
        SELECT count(*) FROM (
            SELECT FROM public.notices n WHERE n.user_id = a.user_id AND n.in_inbox AND n.read_at IS NULL LIMIT 100
        ) AS counted
    )
    FROM added a JOIN recipients r ON r.person = a.user_id
$$;

-- A notice as it is to be sent, by a job that has its id; none to people who are suspended.
CREATE FUNCTION definer.notice_to_send(notice uuid)
RETURNS TABLE (id uuid, user_id uuid, kind text, data jsonb, object_kind text, address text, mailed_at timestamptz, read_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.id, n.user_id, n.kind, n.data, n.object_kind, n.address, n.mailed_at, n.read_at
    FROM public.notices n JOIN public.users u ON u.id = n.user_id AND u.suspended_at IS NULL
    WHERE n.id = notice
$$;

-- What has gone out by mail does not go out again; where that is all a reader wants of it, it has been read by that.
CREATE FUNCTION definer.notices_mailed(ids uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.notices n SET mailed_at = now(), read_at = CASE WHEN n.in_inbox THEN n.read_at ELSE now() END
    WHERE n.id = ANY (ids) AND n.mailed_at IS NULL
$$;

-- Whose digest is due, whosever it is; the round then names the next time of each.
CREATE FUNCTION definer.digests_due(at_most integer) RETURNS TABLE (user_id uuid, mail_pace text, zone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.user_id, s.mail_pace, s.zone FROM public.notice_settings s
    WHERE s.next_digest_at <= now() ORDER BY s.next_digest_at LIMIT at_most
$$;

CREATE FUNCTION definer.digest_put_off(person uuid, until timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH put_off AS (
        UPDATE public.notice_settings s SET next_digest_at = until
        WHERE s.user_id = person AND s.next_digest_at <= now() RETURNING 1
    )
    SELECT EXISTS (SELECT FROM put_off)
$$;

-- What goes into a person's digest: what they have neither been sent nor read. For the job that sends it to them.
CREATE FUNCTION definer.digest_of(person uuid, at_most integer)
RETURNS TABLE (id uuid, kind text, data jsonb, object_kind text, address text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.id, n.kind, n.data, n.object_kind, n.address, n.created_at FROM public.notices n
    WHERE n.user_id = person AND n.mail = 'digest' AND n.mailed_at IS NULL AND n.read_at IS NULL
    ORDER BY n.id DESC LIMIT at_most
$$;

-- Somebody follows the link of a letter, signed for them; they are not signed in. `*` stands for all letters that may be left out,
-- and then says how often they came before.
CREATE FUNCTION definer.letters_unwanted(person uuid, notice_kind text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pace text;
BEGIN
    SELECT s.mail_pace INTO pace FROM public.notice_settings s WHERE s.user_id = person FOR UPDATE;
    INSERT INTO public.notice_settings AS s (user_id, mail_pace, zone)
    SELECT u.id, 'never', 'UTC' FROM public.users u WHERE u.id = person AND notice_kind = '*'
    ON CONFLICT (user_id) DO UPDATE SET mail_pace = 'never', next_digest_at = NULL;
    INSERT INTO public.notice_preferences (user_id, kind, channel, wanted)
    SELECT u.id, notice_kind, 'mail', false FROM public.users u WHERE u.id = person AND notice_kind <> '*'
    ON CONFLICT (user_id, kind, channel) DO UPDATE SET wanted = false;
    RETURN CASE WHEN notice_kind = '*' THEN coalesce(pace, 'at_once') END;
END
$$;

-- Takes that back by the same link, where it still holds. For all letters the time zone comes back, by which their times go.
CREATE FUNCTION definer.letters_wanted(person uuid, notice_kind text, pace text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text;
BEGIN
    IF notice_kind = '*' THEN
        UPDATE public.notice_settings s SET mail_pace = pace WHERE s.user_id = person AND s.mail_pace = 'never'
        RETURNING s.zone INTO place;
    ELSE
        UPDATE public.notice_preferences p SET wanted = true
        WHERE p.user_id = person AND p.kind = notice_kind AND p.channel = 'mail';
    END IF;
    RETURN place;
END
$$;

-- When the first digest goes out to somebody who has just taken back that they want none.
CREATE FUNCTION definer.digest_begin(person uuid, pace text, first_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.notice_settings s SET next_digest_at = first_at WHERE s.user_id = person AND s.mail_pace = pace
$$;

-- How long notices are kept is the hub's to say.
CREATE FUNCTION definer.notices_forget(read_for interval, kept_for interval, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH forgotten AS (
        DELETE FROM public.notices WHERE id IN (
            SELECT n.id FROM public.notices n
            WHERE n.created_at < now() - kept_for
               OR (n.created_at < now() - read_for AND (n.read_at < now() - read_for OR NOT n.in_inbox))
            LIMIT at_most
        ) RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

-- A person is gone, from an organisation or (without one) from the hub: so is what they were told.
CREATE FUNCTION definer.notices_of_person_forget(person uuid, org uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.notices n WHERE n.user_id = person AND (org IS NULL OR n.org_id = org);
    DELETE FROM public.notice_preferences p WHERE p.user_id = person AND org IS NULL;
    DELETE FROM public.notice_settings s WHERE s.user_id = person AND org IS NULL;
    DELETE FROM public.push_subscriptions s WHERE s.user_id = person AND org IS NULL;
$$;

-- The organisation the transaction works for is gone: so is what anybody was told of it.
CREATE FUNCTION definer.notices_of_organisation_forget() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.notices n WHERE n.org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid);
$$;

-- The browsers a notice is pushed to, and the end of one: for the job that pushes, which has the ids.
CREATE FUNCTION definer.push_subscriptions_of(person uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.id FROM public.push_subscriptions s JOIN public.users u ON u.id = s.user_id AND u.suspended_at IS NULL
    WHERE s.user_id = person ORDER BY s.id DESC LIMIT 20
$$;

CREATE FUNCTION definer.push_subscription(subscription uuid) RETURNS TABLE (user_id uuid, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.user_id, s.sealed FROM public.push_subscriptions s WHERE s.id = subscription
$$;

CREATE FUNCTION definer.push_subscription_end(subscription uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.push_subscriptions s WHERE s.id = subscription
$$;

-- A browser that somebody else signs in with now pushes to them: its endpoint, as a digest, is the predicate.
CREATE FUNCTION definer.push_endpoint_free(endpoint bytea, person uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.push_subscriptions s WHERE s.endpoint_digest = endpoint AND s.user_id <> person
$$;

-- Secrets of the hub itself, sealed with its key; the first that is kept stays.
CREATE FUNCTION definer.hub_secret(secret_name text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.sealed FROM public.hub_secrets s WHERE s.name = secret_name
$$;

CREATE FUNCTION definer.hub_secret_keep(secret_name text, secret bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.hub_secrets (name, sealed) VALUES (secret_name, secret) ON CONFLICT DO NOTHING
$$;

-- One that was sealed with another key is of no use; the text itself is the predicate, so that nobody drops a newer one.
CREATE FUNCTION definer.hub_secret_drop(secret_name text, secret bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM public.hub_secrets s WHERE s.name = secret_name AND s.sealed = secret
$$;

-- Whoever runs the hub: they are told what is wrong with it.
CREATE FUNCTION definer.administrators() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.id FROM public.users u WHERE u.instance_admin AND u.suspended_at IS NULL ORDER BY u.id LIMIT 100
$$;

-- Jobs of all organisations that died since this was last asked, by kind: those the hub failed, not those that were refused.
CREATE FUNCTION definer.jobs_newly_dead() RETURNS TABLE (kind text, jobs bigint, newest uuid, reason text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- a few seconds back: an end is seen only once its transaction has committed
    WITH span AS (
        SELECT coalesce((SELECT r.looked_until FROM public.notice_rounds r WHERE r.name = 'dead_jobs' FOR UPDATE),
                        now() - interval '15 seconds') AS began, now() - interval '15 seconds' AS until
    ),
    looked AS (
        INSERT INTO public.notice_rounds (name, looked_until) SELECT 'dead_jobs', s.until FROM span s
        ON CONFLICT (name) DO UPDATE SET looked_until = excluded.looked_until
    )
    SELECT j.kind, count(*), (array_agg(j.id ORDER BY j.finished_at DESC))[1],
           (array_agg(coalesce(j.error ->> 'detail', '') ORDER BY j.finished_at DESC))[1]
    FROM public.jobs j, span s
    WHERE j.state = 'dead' AND j.finished_at >= s.began AND j.finished_at < s.until
      AND coalesce((j.error ->> 'status')::integer, 500) >= 500
    GROUP BY j.kind ORDER BY j.kind LIMIT 20
$$;
