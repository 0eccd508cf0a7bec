"""What a person uses the hub for, which decides what the web app shows them first."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.execute("ALTER TABLE users ADD COLUMN purpose text CHECK (purpose IN ('team', 'course', 'looking'))")
