"""Signing in: sessions and their refresh tokens, and the keys that access tokens are signed with."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    signed_in_with text NOT NULL,
    device text NOT NULL,
    address text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    stepped_up_until timestamptz,
    impersonator_id uuid REFERENCES users (id) ON DELETE CASCADE,
    revoked_at timestamptz
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id, id DESC);
CREATE INDEX sessions_impersonator_id_idx ON sessions (impersonator_id) WHERE impersonator_id IS NOT NULL;
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- One generation follows another; only the last may be used, and one that comes again has been stolen.
CREATE TABLE refresh_tokens (
    digest bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id, generation);

CREATE TABLE signing_keys (
    id text PRIMARY KEY,
    public_key bytea NOT NULL,
    private_key_sealed bytea NOT NULL,
    signs_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE failed_guesses (
    name text PRIMARY KEY,
    failures integer NOT NULL,
    barred_until timestamptz,
    forget_at timestamptz NOT NULL
);
CREATE INDEX failed_guesses_forget_at_idx ON failed_guesses (forget_at);

-- Nobody's address could be confirmed before, and nobody's had to be.
ALTER TABLE users
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN locale text,
    ADD COLUMN awaits_email boolean NOT NULL DEFAULT false,
    ADD COLUMN awaits_consent boolean NOT NULL DEFAULT false;

-- What a link in a letter does, once; its token is made of the id and the hub's secret key, and stands nowhere.
CREATE TABLE one_time_links (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    email text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX one_time_links_user_id_idx ON one_time_links (user_id);
CREATE INDEX one_time_links_expires_at_idx ON one_time_links (expires_at);

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    email text,
    role text NOT NULL CHECK (role IN ('owner', 'maintainer', 'reviewer', 'viewer')),
    invited_by uuid REFERENCES users (id) ON DELETE SET NULL,
    uses_max integer NOT NULL CHECK (uses_max > 0),
    uses integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX invitations_org_id_idx ON invitations (org_id, id DESC);
"""

POLICIES = """
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY sessions_own ON sessions
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY refresh_tokens_of_own_sessions ON refresh_tokens
    USING (EXISTS (SELECT FROM sessions s WHERE s.id = refresh_tokens.session_id
                   AND s.user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid)));

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY invitations_of_the_organisation ON invitations
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

-- No policy: only the audited functions read or write the keys and the links, and count guesses.
ALTER TABLE one_time_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE failed_guesses ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(TABLES)
    op.execute(POLICIES)
