-- Of datasets, what crosses organisations. Part of the audited functions: see functions.sql.

-- Datasets whose pushed records have waited longer than they should, whosever they are, those that wait longest first; the
-- sweep has them flushed as their organisation.
CREATE FUNCTION definer.pushes_waiting(longer_than interval, at_most integer) RETURNS TABLE (dataset_id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.dataset_id, b.org_id FROM public.pushed_batches b
    WHERE b.version_id IS NULL AND b.pushed_at < now() - longer_than
    GROUP BY b.dataset_id, b.org_id ORDER BY min(b.id) LIMIT at_most
$$;

-- Streams that want one more consumer and that a worker does not read yet, whosever they are, those that have waited longest
-- first; the worker reads them as their organisation.
CREATE FUNCTION definer.streams_to_read(worker_id uuid, at_most integer) RETURNS TABLE (stream_id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.id, s.org_id FROM public.streams s
    JOIN public.datasets d ON d.id = s.dataset_id AND d.archived_at IS NULL AND d.dormant_at IS NULL
    LEFT JOIN LATERAL (
        SELECT count(*) AS held, coalesce(bool_or(c.worker_id = streams_to_read.worker_id), false) AS is_mine
        FROM public.stream_consumers c WHERE c.stream_id = s.id AND c.expires_at > now()
    ) AS consumers ON true
    WHERE s.state = 'running' AND consumers.held < s.consumers AND NOT consumers.is_mine
    ORDER BY consumers.held, s.id LIMIT at_most
$$;

-- Datasets whose versions and files were not looked after for so long, whosever they are, those that wait longest first; the
-- round works on each as its organisation.
CREATE FUNCTION definer.datasets_to_tend(older_than interval, at_most integer) RETURNS TABLE (dataset_id uuid, org_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.id, d.org_id FROM public.datasets d
    WHERE d.archived_at IS NULL AND (d.tended_at IS NULL OR d.tended_at < now() - older_than)
    ORDER BY d.tended_at NULLS FIRST LIMIT at_most
$$;

-- Which of some versions of the organisation acted in a training run has learned from: another organisation's as well, whose
-- runs stand on what it was shown or granted. Nothing is told of them but that there is one.
CREATE FUNCTION definer.versions_learned_from(ids uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.id FROM public.dataset_versions v
    WHERE v.id = ANY (ids) AND v.org_id = nullif(current_setting('lyceum.org_id', true), '')::uuid
      AND EXISTS (SELECT FROM public.training_runs r WHERE r.dataset_version_id = v.id)
$$;

-- What checks counted holds smallest and largest values: none may stay of a column that has come to be known as personal,
-- whoever found it out. Only rows of the dataset that is being written go.
CREATE FUNCTION definer.forget_check_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM public.check_states WHERE dataset_id = NEW.id AND org_id = NEW.org_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER datasets_forget_check_state AFTER UPDATE OF personal_columns ON public.datasets FOR EACH ROW
    WHEN (OLD.personal_columns IS DISTINCT FROM NEW.personal_columns)
    EXECUTE FUNCTION definer.forget_check_state();
