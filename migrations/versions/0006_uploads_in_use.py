"""Data: the versions made of an upload are found by it, also where the database is older than the index."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute("CREATE INDEX IF NOT EXISTS dataset_versions_upload_id_idx ON dataset_versions (upload_id)")
