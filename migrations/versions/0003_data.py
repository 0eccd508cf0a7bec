"""Data: datasets, their versions, checks and what the checks found."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE datasets (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?$'),
    description text NOT NULL DEFAULT '',
    column_notes jsonb NOT NULL DEFAULT '{}',
    visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'internal', 'public')),
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz
);
CREATE UNIQUE INDEX datasets_address_key ON datasets (org_id, lower(name));

CREATE TABLE dataset_versions (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    number integer CHECK (number > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'rejected')),
    operation_id uuid NOT NULL UNIQUE,
    upload_id uuid REFERENCES uploads (id),
    job_id uuid,
    delta_version bigint,
    file_name text NOT NULL,
    source jsonb NOT NULL DEFAULT '{}',
    row_count bigint,
    byte_count bigint,
    table_schema jsonb,
    profile jsonb,
    error jsonb,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    accepted_at timestamptz,
    CHECK ((state = 'accepted') = (number IS NOT NULL AND delta_version IS NOT NULL)),
    UNIQUE (dataset_id, number)
);
CREATE INDEX dataset_versions_pending_idx ON dataset_versions (created_at) WHERE state = 'pending';

CREATE TABLE checks (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    definition jsonb NOT NULL,
    origin text NOT NULL CHECK (origin IN ('suggested', 'person')),
    reason text NOT NULL DEFAULT '',
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz
);
CREATE INDEX checks_dataset_id_idx ON checks (dataset_id, id) WHERE archived_at IS NULL;

CREATE TABLE check_runs (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    version_id uuid NOT NULL REFERENCES dataset_versions (id),
    job_id uuid,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'passed', 'failed', 'errored')),
    error jsonb,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX check_runs_version_id_idx ON check_runs (version_id, id DESC);

CREATE TABLE check_results (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    check_run_id uuid NOT NULL REFERENCES check_runs (id),
    check_id uuid NOT NULL REFERENCES checks (id),
    result jsonb NOT NULL
);
CREATE INDEX check_results_check_run_id_idx ON check_results (check_run_id, id);
"""

POLICIES = """
ALTER TABLE datasets ENABLE ROW LEVEL SECURITY;
CREATE POLICY datasets_of_the_organisation ON datasets
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY datasets_shown_to_all ON datasets FOR SELECT
    USING (visibility = 'public' OR (visibility = 'internal'
        AND (SELECT nullif(current_setting('lyceum.user_id', true), '')) IS NOT NULL));

ALTER TABLE dataset_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY dataset_versions_of_the_organisation ON dataset_versions
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
-- The inner table's own policies decide which datasets the caller sees.
CREATE POLICY dataset_versions_with_their_dataset ON dataset_versions FOR SELECT
    USING (state = 'accepted' AND EXISTS (SELECT FROM datasets d WHERE d.id = dataset_id));

ALTER TABLE checks ENABLE ROW LEVEL SECURITY;
CREATE POLICY checks_of_the_organisation ON checks
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE check_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY check_runs_of_the_organisation ON check_runs
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE check_results ENABLE ROW LEVEL SECURITY;
CREATE POLICY check_results_of_the_organisation ON check_results
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(POLICIES)
