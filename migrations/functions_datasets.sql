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
    JOIN public.datasets d ON d.id = s.dataset_id AND d.archived_at IS NULL
    LEFT JOIN LATERAL (
        SELECT count(*) AS held, coalesce(bool_or(c.worker_id = streams_to_read.worker_id), false) AS is_mine
        FROM public.stream_consumers c WHERE c.stream_id = s.id AND c.expires_at > now()
    ) AS consumers ON true
    WHERE s.state = 'running' AND consumers.held < s.consumers AND NOT consumers.is_mine
    ORDER BY consumers.held, s.id LIMIT at_most
$$;
