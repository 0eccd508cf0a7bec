"""Jobs keep where they come from: the id of the first request, and the trace it belongs to."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute("ALTER TABLE jobs ADD COLUMN origin jsonb")
