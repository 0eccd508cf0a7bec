-- Tables in months: partitions are made ahead and dropped by the owner of the tables, which the app's role is not. Part of
-- the audited functions: see functions.sql.

-- The tables these functions may touch, and no other; each has a column `at`, a DEFAULT partition named `<table>_default`,
-- and partitions named `<table>_YYYY_MM` that end with that month of UTC.
CREATE FUNCTION definer.partitions_are_kept(parent text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF parent IS NULL OR parent NOT IN ('prediction_log', 'audit_log') THEN
        RAISE EXCEPTION 'the partitions of % are not kept here', coalesce(parent, 'NULL') USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;

-- How long no caller may shorten what is kept: the app's role adds to the audit log, and must not be able to empty it.
CREATE FUNCTION definer.partitions_kept_at_least(parent text) RETURNS interval
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE parent WHEN 'audit_log' THEN interval '30 days' ELSE interval '0' END
$$;

-- Makes the partitions of this month and the next ones, and of the months whose rows fell into the DEFAULT partition, which
-- move there. Attached and not created in place: that would wait for every reader and writer of the table. Returns what was
-- made; raises lock_not_available where somebody is in the way for two seconds.
CREATE FUNCTION definer.partitions_make(parent text, months_ahead integer) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    fallen text := parent || '_default';
    made text[] := '{}';
    month timestamp;
    part text;
    part_begins timestamptz;
    part_ends timestamptz;
BEGIN
    PERFORM definer.partitions_are_kept(parent);
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(hashtextextended('partitions of ' || parent, 0));
    FOR month IN EXECUTE format(
        'SELECT $1 + n * interval ''1 month'' FROM generate_series(0, $2) AS n
         UNION
         SELECT date_trunc(''month'', d.at AT TIME ZONE ''UTC'') FROM public.%I d
         WHERE d.at < ($1 + ($2 + 1) * interval ''1 month'') AT TIME ZONE ''UTC''
         ORDER BY 1', fallen) USING this_month, months_ahead
    LOOP
        part := parent || to_char(month, '"_"YYYY"_"MM');
        CONTINUE WHEN to_regclass('public.' || quote_ident(part)) IS NOT NULL;
        part_begins := month AT TIME ZONE 'UTC';
        part_ends := (month + interval '1 month') AT TIME ZONE 'UTC';
        EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', fallen);
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', part, parent);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format(
            'WITH moved AS (DELETE FROM public.%I WHERE at >= $1 AND at < $2 RETURNING *) INSERT INTO public.%I SELECT * FROM moved',
            fallen, part) USING part_begins, part_ends;
        EXECUTE format(
            'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', parent, part, part_begins, part_ends);
        made := made || part;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the oldest partition that ended before; one a call, so that readers and writers wait for a moment only. Returns its
-- name, NULL when there is none.
CREATE FUNCTION definer.partitions_drop_one(parent text, before timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text;
BEGIN
    PERFORM definer.partitions_are_kept(parent);
    PERFORM set_config('lock_timeout', '2s', true);
    SELECT m.part INTO part FROM definer.partitions_list(parent) AS m
    WHERE m.ends <= least(before, now() - definer.partitions_kept_at_least(parent)) ORDER BY m.ends LIMIT 1;
    IF part IS NOT NULL THEN
        EXECUTE format('DROP TABLE public.%I', part);
    END IF;
    RETURN part;
END
$$;

-- The partitions by month: where each begins (-infinity for one that takes all before it) and ends; NULL for the DEFAULT.
CREATE FUNCTION definer.partitions_list(parent text) RETURNS TABLE (part text, begins timestamptz, ends timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relname::text,
           CASE WHEN pg_get_expr(c.relpartbound, c.oid) LIKE '%MINVALUE%' THEN '-infinity'::timestamptz
                ELSE to_date(m.month[1], 'YYYY_MM')::timestamp AT TIME ZONE 'UTC' END,
           (to_date(m.month[1], 'YYYY_MM')::timestamp + interval '1 month') AT TIME ZONE 'UTC'
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN LATERAL regexp_match(c.relname, '_(\d{4}_\d{2})$') AS m (month) ON true
    WHERE i.inhparent = to_regclass('public.' || quote_ident(parent))
$$;

-- Removes at most so many rows from before; those the partition of a month still holds past the day they are kept to.
CREATE FUNCTION definer.partitions_forget(parent text, before timestamptz, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text;
    removed bigint := 0;
    batch bigint;
BEGIN
    PERFORM definer.partitions_are_kept(parent);
    IF definer.partitions_kept_at_least(parent) > interval '0' THEN
        before := least(before, now() - definer.partitions_kept_at_least(parent));
    END IF;
    FOR part IN SELECT m.part FROM definer.partitions_list(parent) AS m
                WHERE m.begins IS NULL OR m.begins < before ORDER BY m.ends NULLS LAST
    LOOP
        EXECUTE format(
            'DELETE FROM ONLY public.%1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY public.%1$I WHERE at < $1 LIMIT $2))',
            part) USING before, at_most - removed;
        GET DIAGNOSTICS batch = ROW_COUNT;
        removed := removed + batch;
        EXIT WHEN removed >= at_most;
    END LOOP;
    RETURN removed;
END
$$;

-- How many rows fell into the DEFAULT partition; there should be none.
CREATE FUNCTION definer.partitions_fallen(parent text) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fallen bigint;
BEGIN
    PERFORM definer.partitions_are_kept(parent);
    EXECUTE format('SELECT count(*) FROM ONLY public.%I', parent || '_default') INTO fallen;
    RETURN fallen;
END
$$;
