"""Watching: the prediction log in an order of its own, and which dataset a model version's predictions go into."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

LOG = """
CREATE SEQUENCE prediction_log_ids;
-- without a default at first, so that what is there is not written anew: it stays without a number
ALTER TABLE prediction_log ADD COLUMN id bigint;
ALTER TABLE prediction_log ALTER COLUMN id SET DEFAULT nextval('prediction_log_ids');
DROP INDEX prediction_log_model_version_id_idx;
CREATE INDEX prediction_log_model_version_id_idx ON prediction_log (model_version_id, id);
CREATE INDEX prediction_log_id_idx ON prediction_log USING brin (id);
ALTER TABLE datasets ADD COLUMN declared_columns jsonb;
-- what the model saw in training, for what it is given later to be compared with
ALTER TABLE model_versions ADD COLUMN reference_path text;
"""

TABLES = """
-- One row: up to where the log was handed to the models' jobs.
CREATE TABLE prediction_log_handed (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    up_to bigint NOT NULL
);
INSERT INTO prediction_log_handed (up_to) VALUES (0);
-- the hub's own: functions read and write it
ALTER TABLE prediction_log_handed ENABLE ROW LEVEL SECURITY;

CREATE TABLE watched_versions (
    model_version_id uuid PRIMARY KEY REFERENCES model_versions (id),
    org_id uuid NOT NULL REFERENCES organisations (id),
    model_id uuid NOT NULL REFERENCES models (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    -- up to where the log is in the dataset
    rolled_to bigint NOT NULL DEFAULT 0,
    verdict jsonb,
    judged_version_id uuid REFERENCES dataset_versions (id) ON DELETE SET NULL,
    judged_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX watched_versions_model_id_idx ON watched_versions (model_id);
CREATE INDEX watched_versions_dataset_id_idx ON watched_versions (dataset_id);
CREATE INDEX watched_versions_judged_version_id_idx ON watched_versions (judged_version_id)
    WHERE judged_version_id IS NOT NULL;

ALTER TABLE watched_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY watched_versions_of_the_organisation ON watched_versions
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY watched_versions_with_their_model ON watched_versions FOR SELECT
    USING (EXISTS (SELECT FROM models m WHERE m.id = model_id));
"""


def upgrade() -> None:
    op.execute(LOG)
    op.execute(TABLES)
