"""Files: uploads in parts."""

from alembic import op

revision = "0010"
down_revision = "0008"
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


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(PARTS)
