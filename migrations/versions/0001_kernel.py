"""The kernel: jobs and uploads."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FUNCTIONS_STATE = """
CREATE TABLE applied_functions (digest text NOT NULL);
"""

JOBS = """
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    org_id uuid,
    owner_id uuid,
    kind text NOT NULL,
    class text NOT NULL DEFAULT 'normal' CHECK (class IN ('high', 'normal', 'background')),
    heavy boolean NOT NULL DEFAULT false,
    args jsonb NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'ready'
        CHECK (state IN ('ready', 'claimed', 'running', 'done', 'dead', 'cancelled')),
    run_at timestamptz NOT NULL DEFAULT now(),
    attempt integer NOT NULL DEFAULT 0,
    attempts_max integer NOT NULL DEFAULT 5 CHECK (attempts_max > 0),
    lease_until timestamptz,
    worker_id uuid,
    cancel_requested boolean NOT NULL DEFAULT false,
    dedup_key text,
    result jsonb,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);

CREATE INDEX jobs_ready_idx ON jobs (class, heavy, priority DESC, run_at, id) WHERE state = 'ready';
CREATE INDEX jobs_leased_idx ON jobs (lease_until) WHERE state IN ('claimed', 'running');
CREATE INDEX jobs_org_id_idx ON jobs (org_id, id DESC);
CREATE UNIQUE INDEX jobs_dedup_key_key ON jobs (org_id, dedup_key) NULLS NOT DISTINCT
    WHERE dedup_key IS NOT NULL AND state IN ('ready', 'claimed', 'running');

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY jobs_of_the_organisation ON jobs
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
-- Work of the hub itself belongs to no organisation: anyone's change may cause it, nobody's reads show it.
CREATE POLICY jobs_of_the_hub ON jobs FOR INSERT WITH CHECK (org_id IS NULL);
"""

UPLOADS = """
CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    created_by uuid NOT NULL,
    file_name text NOT NULL,
    bytes_declared bigint,
    bytes_received bigint,
    sha256 text,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'complete', 'taken', 'swept')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX uploads_expires_at_idx ON uploads (expires_at) WHERE state <> 'swept';

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
CREATE POLICY uploads_of_the_organisation ON uploads
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    for statement in (FUNCTIONS_STATE, JOBS, UPLOADS):
        op.execute(statement)
