"""Files: an upload names the place of its content, which is a place of its own for each completion."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UPLOADS = """
ALTER TABLE uploads ADD COLUMN content_key text;
UPDATE uploads SET content_key = 'uploads/' || org_id || '/' || id WHERE state <> 'open';
ALTER TABLE uploads ADD CONSTRAINT uploads_content_key_check CHECK (state = 'open' OR content_key IS NOT NULL);
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(UPLOADS)
