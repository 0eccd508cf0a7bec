"""Accounts: people, organisations, who belongs to which, and their API keys."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text,
    display_name text NOT NULL,
    password_hash text,
    instance_admin boolean NOT NULL DEFAULT false,
    suspended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TABLE memberships (
    org_id uuid NOT NULL REFERENCES organisations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    role text NOT NULL CHECK (role IN ('owner', 'maintainer', 'reviewer', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user_id_idx ON memberships (user_id);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scopes jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_org_id_idx ON api_keys (org_id, id DESC);

CREATE TABLE setup_links (
    digest bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
"""

POLICIES = """
ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;
CREATE POLICY organisations_own ON organisations
    USING (id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY organisations_names ON organisations FOR SELECT
    USING ((SELECT nullif(current_setting('lyceum.user_id', true), '')) IS NOT NULL);

ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY memberships_of_the_organisation ON memberships
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY memberships_own ON memberships FOR SELECT
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_own ON users
    USING (id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
CREATE POLICY users_colleagues ON users FOR SELECT
    USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id
                   AND m.org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid)));

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_keys_of_the_organisation ON api_keys
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

-- No policy: only the audited functions read or write set-up links.
ALTER TABLE setup_links ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(POLICIES)
