"""Datasets can be edited by several people: which change of its description, notes and visibility a row has seen."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute("ALTER TABLE datasets ADD COLUMN revision integer NOT NULL DEFAULT 1")
