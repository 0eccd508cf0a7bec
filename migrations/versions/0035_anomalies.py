"""Watches of datasets' metrics, and the points of them that were odd."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE dataset_watches (
    dataset_id uuid PRIMARY KEY REFERENCES datasets (id),
    org_id uuid NOT NULL REFERENCES organisations (id),
    enabled boolean NOT NULL,
    alarm_share double precision NOT NULL CHECK (alarm_share > 0 AND alarm_share < 1),
    detectors jsonb NOT NULL,
    -- what the detectors, and the measures, know: the engine's bytes, which bear a version
    state bytea,
    memory bytea,
    watched_number integer NOT NULL DEFAULT 0,
    revision integer NOT NULL DEFAULT 1
);
CREATE INDEX dataset_watches_org_id_idx ON dataset_watches (org_id);

CREATE TABLE anomalies (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    version_number integer NOT NULL,
    -- seconds since 1970, as the detectors' state has it
    at_seconds double precision NOT NULL,
    score double precision NOT NULL,
    threshold double precision NOT NULL,
    findings jsonb NOT NULL,
    answer text CHECK (answer IN ('expected', 'not_expected', 'new_level')),
    answered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX anomalies_version_key ON anomalies (dataset_id, version_number);
CREATE INDEX anomalies_dataset_id_idx ON anomalies (dataset_id, id DESC);
CREATE INDEX anomalies_org_id_idx ON anomalies (org_id);
"""

POLICIES = """
ALTER TABLE dataset_watches ENABLE ROW LEVEL SECURITY;
CREATE POLICY dataset_watches_of_the_organisation ON dataset_watches
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE anomalies ENABLE ROW LEVEL SECURITY;
CREATE POLICY anomalies_of_the_organisation ON anomalies
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (TABLES, POLICIES):
        op.execute(statement)
