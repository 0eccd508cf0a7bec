"""Second factors: authenticator apps, passkeys, recovery codes, and what is under way between two steps of signing in."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE authenticator_apps (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    secret_sealed bytea NOT NULL,
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX authenticator_apps_user_id_idx ON authenticator_apps (user_id);

CREATE TABLE passkeys (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    credential_id bytea NOT NULL UNIQUE,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    transports jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz
);
CREATE INDEX passkeys_user_id_idx ON passkeys (user_id);

CREATE TABLE recovery_codes (
    digest bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);
CREATE INDEX recovery_codes_user_id_idx ON recovery_codes (user_id);

-- The first factor was right; the digest is that of the ticket that says so.
CREATE TABLE second_factor_tickets (
    id uuid PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    signed_in_with text NOT NULL,
    guesses integer NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL
);
CREATE INDEX second_factor_tickets_user_id_idx ON second_factor_tickets (user_id);
CREATE INDEX second_factor_tickets_expires_at_idx ON second_factor_tickets (expires_at);

-- What an authenticator is to sign, once, and for what.
CREATE TABLE passkey_challenges (
    digest bytea PRIMARY KEY,
    purpose text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenges_expires_at_idx ON passkey_challenges (expires_at);
"""

POLICIES = "".join(
    f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {table}_own ON {table}
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
"""
    for table in ("authenticator_apps", "passkeys", "recovery_codes", "second_factor_tickets")
)

CHALLENGES = """
-- No policy: only the audited functions keep and use challenges.
ALTER TABLE passkey_challenges ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(TABLES)
    op.execute(POLICIES)
    op.execute(CHALLENGES)
