"""What a dataset's checks counted, kept for its next version."""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

STATES = """
CREATE TABLE check_states (
    dataset_id uuid PRIMARY KEY REFERENCES datasets (id) ON DELETE CASCADE,
    org_id uuid NOT NULL REFERENCES organisations (id),
    delta_version bigint NOT NULL,
    state bytea NOT NULL CHECK (octet_length(state) <= 1048576),
    kept_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX check_states_org_id_idx ON check_states (org_id);
ALTER TABLE check_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY check_states_of_the_organisation ON check_states
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(STATES)
