"""Limits counted while Valkey is away, and answers kept for requests that are sent again."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LIMITS = """
CREATE TABLE limit_counts (
    name text NOT NULL,
    part bigint NOT NULL,
    taken integer NOT NULL,
    forget_at timestamptz NOT NULL,
    PRIMARY KEY (name, part)
) WITH (fillfactor = 50);
CREATE INDEX limit_counts_forget_at_idx ON limit_counts (forget_at);
-- No policy: only the audited functions count.
ALTER TABLE limit_counts ENABLE ROW LEVEL SECURITY;
"""

ANSWERS = """
CREATE TABLE idempotency_keys (
    org_id uuid NOT NULL REFERENCES organisations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    key_digest bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, user_id, key_digest)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY idempotency_keys_of_the_person ON idempotency_keys
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid)
           AND user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (LIMITS, ANSWERS):
        op.execute(statement)
