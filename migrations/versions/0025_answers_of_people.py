"""Answers to requests that are sent again, kept for people in no organisation, too."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

ANSWERS = """
-- the digest is made of the person, and of the organisation where there is one
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_pkey;
ALTER TABLE idempotency_keys ADD PRIMARY KEY (key_digest);
ALTER TABLE idempotency_keys ALTER COLUMN org_id DROP NOT NULL;
CREATE INDEX idempotency_keys_person_idx ON idempotency_keys (user_id, org_id);

-- what somebody did as themselves is theirs wherever they act
DROP POLICY idempotency_keys_of_the_person ON idempotency_keys;
CREATE POLICY idempotency_keys_of_the_person ON idempotency_keys
    USING ((org_id IS NULL OR org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid))
           AND user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(ANSWERS)
