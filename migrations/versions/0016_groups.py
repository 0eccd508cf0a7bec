"""Accounts: groups of members; keys that tell when they were used, have a rate of their own and are followed by another."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# A member who leaves the organisation leaves its groups with that.
GROUPS = """
CREATE TABLE groups (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    name_key text NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, id)
);
CREATE UNIQUE INDEX groups_name_key ON groups (org_id, name_key);

CREATE TABLE group_members (
    group_id uuid NOT NULL,
    user_id uuid NOT NULL,
    org_id uuid NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, user_id),
    FOREIGN KEY (org_id, group_id) REFERENCES groups (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE INDEX group_members_user_id_idx ON group_members (user_id, group_id);
CREATE INDEX group_members_membership_idx ON group_members (org_id, user_id);

ALTER TABLE groups ENABLE ROW LEVEL SECURITY;
CREATE POLICY groups_of_the_organisation ON groups
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
ALTER TABLE group_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY group_members_of_the_organisation ON group_members
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

KEYS = """
ALTER TABLE api_keys
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN rate_per_minute integer CHECK (rate_per_minute > 0),
    ADD COLUMN replaced_by uuid REFERENCES api_keys (id);
CREATE INDEX api_keys_user_id_idx ON api_keys (org_id, user_id, id DESC);
"""

# What is deleted keeps its row, without its name: others refer to it.
ORGANISATIONS = """
ALTER TABLE organisations ADD COLUMN deleted_at timestamptz;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (GROUPS, KEYS, ORGANISATIONS):
        op.execute(statement)
