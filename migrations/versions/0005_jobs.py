"""Jobs: those that compute for a moment are told apart, the claim passes over kinds by its index, ended ones are found."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JOBS = """
ALTER TABLE jobs ADD COLUMN short boolean NOT NULL DEFAULT false;
-- `kind` stands last: it chooses among what the order has found, without a look at the row.
CREATE INDEX jobs_claim_idx ON jobs (class, heavy, short, priority DESC, run_at, id, kind) WHERE state = 'ready';
DROP INDEX jobs_ready_idx;
CREATE INDEX jobs_ended_idx ON jobs (state, finished_at) WHERE state IN ('done', 'dead', 'cancelled');
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(JOBS)
