"""What whoever decided a request for access said to the person who asked."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute("ALTER TABLE access_requests ADD COLUMN note text NOT NULL DEFAULT ''")
