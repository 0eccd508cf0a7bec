"""Searches for the odd rows of a version, with what they found."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

SEARCHES = """
CREATE TABLE odd_row_searches (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    version_id uuid NOT NULL REFERENCES dataset_versions (id) ON DELETE CASCADE,
    rows_max integer NOT NULL CHECK (rows_max BETWEEN 1 AND 500),
    job_id uuid,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'done', 'failed')),
    result jsonb,
    error jsonb,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX odd_row_searches_org_id_idx ON odd_row_searches (org_id);
CREATE INDEX odd_row_searches_version_id_idx ON odd_row_searches (version_id, id DESC);
ALTER TABLE odd_row_searches ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd_row_searches_of_the_organisation ON odd_row_searches
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(SEARCHES)
