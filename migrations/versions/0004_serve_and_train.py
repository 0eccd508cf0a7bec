"""Serve and train: models with versions and aliases, the prediction log, training runs and their trials."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SERVE = """
CREATE TABLE models (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?$'),
    description text NOT NULL DEFAULT '',
    visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'internal', 'public')),
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz
);
CREATE UNIQUE INDEX models_address_key ON models (org_id, lower(name));

CREATE TABLE model_versions (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    model_id uuid NOT NULL REFERENCES models (id),
    number integer NOT NULL CHECK (number > 0),
    operation_id uuid NOT NULL,
    format text NOT NULL CHECK (format IN ('onnx')),
    artifact_path text NOT NULL,
    artifact_sha256 text NOT NULL,
    artifact_bytes bigint NOT NULL,
    signature jsonb NOT NULL,
    parity jsonb NOT NULL,
    origin jsonb NOT NULL,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model_id, number),
    UNIQUE (model_id, operation_id)
);

CREATE TABLE model_aliases (
    org_id uuid NOT NULL REFERENCES organisations (id),
    model_id uuid NOT NULL REFERENCES models (id),
    alias text NOT NULL CHECK (alias ~ '^[a-z][a-z0-9_-]{0,62}$'),
    version_id uuid NOT NULL REFERENCES model_versions (id),
    set_by uuid REFERENCES users (id),
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_id, alias)
);

CREATE TABLE prediction_log (
    at timestamptz NOT NULL,
    org_id uuid NOT NULL,
    model_version_id uuid NOT NULL,
    key_id uuid NOT NULL,
    request_id text NOT NULL,
    duration_microseconds integer NOT NULL,
    inputs jsonb NOT NULL,
    outputs jsonb NOT NULL
);
CREATE INDEX prediction_log_model_version_id_idx ON prediction_log (model_version_id, at);
CREATE INDEX prediction_log_at_idx ON prediction_log USING brin (at);
"""

TRAIN = """
CREATE TABLE training_runs (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_version_id uuid NOT NULL REFERENCES dataset_versions (id),
    job_id uuid,
    target text NOT NULL,
    time_limit_seconds double precision NOT NULL CHECK (time_limit_seconds > 0),
    seed integer NOT NULL DEFAULT 0,
    leave_out jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'finished', 'failed', 'cancelled')),
    task text,
    metric text,
    greater_is_better boolean,
    score double precision,
    baseline double precision,
    fit_seconds double precision,
    columns_left_out jsonb NOT NULL DEFAULT '{}',
    report jsonb,
    artifact jsonb,
    error jsonb,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX training_runs_org_id_idx ON training_runs (org_id, id DESC);

CREATE TABLE trials (
    org_id uuid NOT NULL REFERENCES organisations (id),
    run_id uuid NOT NULL REFERENCES training_runs (id),
    attempt integer NOT NULL,
    name text NOT NULL,
    facts jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, attempt, name)
);
"""

POLICIES = """
ALTER TABLE models ENABLE ROW LEVEL SECURITY;
CREATE POLICY models_of_the_organisation ON models
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY models_shown_to_all ON models FOR SELECT
    USING (visibility = 'public' OR (visibility = 'internal'
        AND (SELECT nullif(current_setting('lyceum.user_id', true), '')) IS NOT NULL));

ALTER TABLE model_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY model_versions_of_the_organisation ON model_versions
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY model_versions_with_their_model ON model_versions FOR SELECT
    USING (EXISTS (SELECT FROM models m WHERE m.id = model_id));

ALTER TABLE model_aliases ENABLE ROW LEVEL SECURITY;
CREATE POLICY model_aliases_of_the_organisation ON model_aliases
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY model_aliases_with_their_model ON model_aliases FOR SELECT
    USING (EXISTS (SELECT FROM models m WHERE m.id = model_id));

ALTER TABLE prediction_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY prediction_log_of_the_organisation ON prediction_log
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE training_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY training_runs_of_the_organisation ON training_runs
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE trials ENABLE ROW LEVEL SECURITY;
CREATE POLICY trials_of_the_organisation ON trials
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    for statement in (SERVE, TRAIN, POLICIES):
        op.execute(statement)
