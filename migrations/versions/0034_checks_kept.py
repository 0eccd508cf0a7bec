"""Checks that people change: schedules, revisions, outside runs, refused suggestions and the quality of datasets."""

from alembic import op

revision = "0034"
down_revision = "0029"
branch_labels = None
depends_on = None

CHECKS = """
ALTER TABLE checks
    ADD COLUMN schedule text NOT NULL DEFAULT '',
    ADD COLUMN zone text NOT NULL DEFAULT 'UTC',
    ADD COLUMN enabled boolean NOT NULL DEFAULT true,
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    DROP CONSTRAINT checks_origin_check,
    ADD CONSTRAINT checks_origin_check CHECK (origin IN ('suggested', 'person', 'file'));

ALTER TABLE check_runs
    ADD COLUMN origin text NOT NULL DEFAULT 'person' CHECK (origin IN ('person', 'version', 'schedule', 'dbt')),
    -- the checks that it runs; null for all that are enabled
    ADD COLUMN check_ids jsonb;

-- a result of another tool's check has none of ours
ALTER TABLE check_results ALTER COLUMN check_id DROP NOT NULL;
CREATE INDEX check_results_check_id_idx ON check_results (check_id, id DESC) WHERE check_id IS NOT NULL;
"""

SUGGESTIONS = """
CREATE TABLE refused_suggestions (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    -- what a suggestion is called by itself: of which columns, and its kind
    name text NOT NULL,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (dataset_id, name)
);
ALTER TABLE refused_suggestions ENABLE ROW LEVEL SECURITY;
CREATE POLICY refused_suggestions_of_the_organisation ON refused_suggestions
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

QUALITY = """
CREATE TABLE dataset_quality (
    dataset_id uuid PRIMARY KEY REFERENCES datasets (id),
    org_id uuid NOT NULL REFERENCES organisations (id),
    check_run_id uuid NOT NULL REFERENCES check_runs (id),
    state text NOT NULL CHECK (state IN ('passed', 'failed', 'errored')),
    -- of 100; null where nothing could be judged
    score double precision CHECK (score BETWEEN 0 AND 100),
    judged_at timestamptz NOT NULL
);
ALTER TABLE dataset_quality ENABLE ROW LEVEL SECURITY;
CREATE POLICY dataset_quality_of_the_organisation ON dataset_quality
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    for statements in (CHECKS, SUGGESTIONS, QUALITY):
        op.execute(statements)
