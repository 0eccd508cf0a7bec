"""Data: columns marked as personal, and people being erased from tables."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# by column: {"kind": …, "confidence": 0 to 1, "reason": …, "is_marked": …, "said_by": "scan" or "person"}
MARKS = "ALTER TABLE datasets ADD COLUMN personal_columns jsonb NOT NULL DEFAULT '{}'"

ERASURES = """
CREATE TABLE dataset_erasures (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    key_column text NOT NULL,
    -- whom it is about is kept until they are gone
    key_sealed bytea,
    job_id uuid,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'done', 'failed')),
    result jsonb,
    error jsonb,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX dataset_erasures_org_id_idx ON dataset_erasures (org_id);
CREATE UNIQUE INDEX dataset_erasures_under_way_key ON dataset_erasures (dataset_id) WHERE state = 'queued';
ALTER TABLE dataset_erasures ENABLE ROW LEVEL SECURITY;
CREATE POLICY dataset_erasures_of_the_organisation ON dataset_erasures
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(MARKS)
    op.execute(ERASURES)
