"""Databases that datasets are read from, again and again."""

from alembic import op

revision = "0033"
down_revision = "0030"
branch_labels = None
depends_on = None

SOURCES = """
CREATE TABLE dataset_sql_sources (
    dataset_id uuid PRIMARY KEY REFERENCES datasets (id) ON DELETE CASCADE,
    org_id uuid NOT NULL REFERENCES organisations (id),
    wish_sealed bytea NOT NULL,
    cron text,
    zone text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dataset_sql_sources_org_id_idx ON dataset_sql_sources (org_id);
ALTER TABLE dataset_sql_sources ENABLE ROW LEVEL SECURITY;
CREATE POLICY dataset_sql_sources_of_the_organisation ON dataset_sql_sources
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Make what later releases need."""
    op.execute(SOURCES)
