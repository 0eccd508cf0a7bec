"""Storage: uploads in parts, what organisations keep and may keep, and the prediction log in months."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PARTS = """
ALTER TABLE uploads
    ADD COLUMN sha256_declared text,
    ADD COLUMN part_bytes bigint CHECK (part_bytes > 0),
    ADD COLUMN part_count integer CHECK (part_count BETWEEN 1 AND 10000);

CREATE TABLE upload_parts (
    upload_id uuid NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number integer NOT NULL CHECK (number > 0),
    org_id uuid NOT NULL,
    sha256 text NOT NULL,
    content_key text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (upload_id, number)
);
ALTER TABLE upload_parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY upload_parts_of_the_organisation ON upload_parts
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


KEPT = """
ALTER TABLE uploads ADD COLUMN bytes_kept bigint NOT NULL DEFAULT 0 CHECK (bytes_kept >= 0);
UPDATE uploads u SET bytes_kept = coalesce(bytes_received, bytes_declared, 0)
WHERE state IN ('open', 'complete') OR state = 'taken'
  AND NOT EXISTS (SELECT FROM dataset_versions v WHERE v.upload_id = u.id AND v.state = 'accepted');
CREATE INDEX uploads_org_id_idx ON uploads (org_id) WHERE bytes_kept > 0;

-- of versions before this column was there, the size of what was uploaded stands for that of the table's files
ALTER TABLE dataset_versions ADD COLUMN table_bytes bigint CHECK (table_bytes >= 0);
UPDATE dataset_versions SET table_bytes = byte_count WHERE state = 'accepted';
CREATE INDEX dataset_versions_org_id_idx ON dataset_versions (org_id) WHERE table_bytes > 0;
CREATE INDEX dataset_versions_rejected_idx ON dataset_versions (created_at) WHERE state = 'rejected';
CREATE INDEX uploads_swept_idx ON uploads (id) WHERE state = 'swept';

CREATE TABLE storage_usage (
    org_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('models', 'tables', 'uploads')),
    byte_count bigint NOT NULL,
    object_count bigint NOT NULL,
    PRIMARY KEY (org_id, kind)
) WITH (fillfactor = 50);
INSERT INTO storage_usage
SELECT org_id, 'uploads', sum(bytes_kept), count(*) FROM uploads WHERE bytes_kept > 0 GROUP BY org_id
UNION ALL
SELECT org_id, 'tables', sum(table_bytes), count(*) FROM dataset_versions WHERE table_bytes > 0 GROUP BY org_id
UNION ALL
SELECT org_id, 'models', sum((artifact ->> 'byte_count')::bigint), count(*)
FROM training_runs WHERE artifact IS NOT NULL GROUP BY org_id;
ALTER TABLE storage_usage ENABLE ROW LEVEL SECURITY;
CREATE POLICY storage_usage_of_the_organisation ON storage_usage
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

CREATE TABLE storage_quotas (
    org_id uuid PRIMARY KEY,
    bytes_max bigint NOT NULL CHECK (bytes_max >= 0),
    set_by uuid,
    set_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE storage_quotas ENABLE ROW LEVEL SECURITY;
-- read by the organisation, written by nobody but the audited function
CREATE POLICY storage_quotas_of_the_organisation ON storage_quotas FOR SELECT
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


DAMAGE = """
CREATE TABLE damaged_files (
    content_key text PRIMARY KEY,
    org_id uuid NOT NULL,
    problem text NOT NULL CHECK (problem IN ('missing', 'changed')),
    found_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE damaged_files ENABLE ROW LEVEL SECURITY;
-- written by the audited functions alone
CREATE POLICY damaged_files_of_the_organisation ON damaged_files FOR SELECT
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

# What was logged so far becomes the partition of this month and all before it, as it lies: nothing is copied.
MONTHS = """
ALTER TABLE prediction_log RENAME TO prediction_log_so_far;
ALTER INDEX prediction_log_model_version_id_idx RENAME TO prediction_log_so_far_version_idx;
ALTER INDEX prediction_log_at_idx RENAME TO prediction_log_so_far_at_idx;
DROP POLICY prediction_log_of_the_organisation ON prediction_log_so_far;

CREATE TABLE prediction_log (LIKE prediction_log_so_far) PARTITION BY RANGE (at);
CREATE INDEX prediction_log_model_version_id_idx ON prediction_log (model_version_id, at);
CREATE INDEX prediction_log_at_idx ON prediction_log USING brin (at);
ALTER TABLE prediction_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY prediction_log_of_the_organisation ON prediction_log
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
-- a partition has no policy of its own: past its table nobody but the owner reads it
CREATE TABLE prediction_log_default PARTITION OF prediction_log DEFAULT;
ALTER TABLE prediction_log_default ENABLE ROW LEVEL SECURITY;

DO $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
    part text;
BEGIN
    FOR number IN 0..2 LOOP
        month := this_month + number * interval '1 month';
        part := 'prediction_log_' || to_char(month, 'YYYY"_"MM');
        IF number = 0 THEN
            -- those of a clock that was ahead
            INSERT INTO prediction_log SELECT * FROM prediction_log_so_far
            WHERE at >= (month + interval '1 month') AT TIME ZONE 'UTC';
            DELETE FROM prediction_log_so_far WHERE at >= (month + interval '1 month') AT TIME ZONE 'UTC';
            EXECUTE format('ALTER TABLE prediction_log_so_far RENAME TO %I', part);
            EXECUTE format('ALTER TABLE prediction_log ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                           part, (month + interval '1 month') AT TIME ZONE 'UTC');
        ELSIF NOT EXISTS (
            SELECT FROM prediction_log_default d WHERE d.at >= month AT TIME ZONE 'UTC'
              AND d.at < (month + interval '1 month') AT TIME ZONE 'UTC'
        ) THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF prediction_log FOR VALUES FROM (%L) TO (%L)',
                           part, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
        END IF;
    END LOOP;
END
$$;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(PARTS)
    op.execute(KEPT)
    op.execute(DAMAGE)
    op.execute(MONTHS)
