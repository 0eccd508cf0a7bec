"""Administrators who act as somebody else, and people who take their data along or leave."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

IMPERSONATIONS = """
CREATE TABLE impersonations (
    id uuid PRIMARY KEY,
    administrator_id uuid NOT NULL REFERENCES users (id),
    user_id uuid NOT NULL REFERENCES users (id),
    reason text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX impersonations_administrator_id_idx ON impersonations (administrator_id) WHERE ended_at IS NULL;
ALTER TABLE impersonations ENABLE ROW LEVEL SECURITY;
CREATE POLICY impersonations_own ON impersonations
    USING (administrator_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
"""

LEAVING = """
-- a row whose person has left stays for what points at it, and leads to nobody
ALTER TABLE users ADD COLUMN erased_at timestamptz;

CREATE TABLE personal_exports (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'ready', 'failed', 'expired')),
    content_key text,
    byte_count bigint,
    sha256 text,
    asked_at timestamptz NOT NULL DEFAULT now(),
    ready_at timestamptz,
    expires_at timestamptz
);
CREATE INDEX personal_exports_user_id_idx ON personal_exports (user_id, id DESC);
CREATE INDEX personal_exports_expires_at_idx ON personal_exports (expires_at) WHERE state = 'ready';
ALTER TABLE personal_exports ENABLE ROW LEVEL SECURITY;
CREATE POLICY personal_exports_own ON personal_exports
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

CREATE TABLE account_deletions (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    asked_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    organisation_ids jsonb NOT NULL DEFAULT '[]',
    began_at timestamptz
);
ALTER TABLE account_deletions ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_deletions_own ON account_deletions
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(IMPERSONATIONS)
    op.execute(LEAVING)
