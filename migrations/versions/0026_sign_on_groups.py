"""What an identity provider's groups give may hold a place in a group of an organisation."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

RULES = """
-- of the organisation that the rule names, and gone with it
ALTER TABLE sign_on_rules
    ADD COLUMN into_group_id uuid,
    ADD CONSTRAINT sign_on_rules_into_group_fkey
        FOREIGN KEY (target_id, into_group_id) REFERENCES groups (org_id, id) ON DELETE CASCADE;
CREATE INDEX sign_on_rules_into_group_idx ON sign_on_rules (target_id, into_group_id);
"""

GIVEN = """
-- who is in a group by hand stays there whatever a provider says
ALTER TABLE group_members ADD COLUMN given_by_hand boolean NOT NULL DEFAULT true;

-- Which providers' groups have put whom into a group; gone with the membership, so that one given anew by hand is by hand.
CREATE TABLE sign_on_given_groups (
    user_id uuid NOT NULL,
    group_id uuid NOT NULL,
    provider_id uuid NOT NULL REFERENCES sign_on_providers (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id, provider_id),
    FOREIGN KEY (group_id, user_id) REFERENCES group_members (group_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sign_on_given_groups_provider_id_idx ON sign_on_given_groups (provider_id);
-- No policy: only the audited functions read or write it.
ALTER TABLE sign_on_given_groups ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(RULES)
    op.execute(GIVEN)
