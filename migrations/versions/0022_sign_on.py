"""Signing on through identity providers, and other programs that sign their people in through this hub."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SIGN_ON = """
CREATE TABLE sign_on_providers (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
    title text NOT NULL,
    discovery_url text NOT NULL,
    client_id text NOT NULL,
    client_secret_sealed bytea NOT NULL,
    scopes jsonb NOT NULL,
    groups_claim text NOT NULL,
    email_claim text NOT NULL,
    name_claim text NOT NULL,
    admits text NOT NULL CHECK (admits IN ('everyone', 'mapped', 'known')),
    email_domains jsonb NOT NULL,
    trusts_email boolean NOT NULL,
    trusts_second_factor boolean NOT NULL,
    refresh_minutes integer CHECK (refresh_minutes > 0),
    revision integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What a group gives: today a role in an organisation.
CREATE TABLE sign_on_rules (
    id uuid PRIMARY KEY,
    provider_id uuid NOT NULL REFERENCES sign_on_providers (id) ON DELETE CASCADE,
    group_pattern text NOT NULL,
    target_kind text NOT NULL CHECK (target_kind IN ('organisation')),
    target_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'maintainer', 'reviewer', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_on_rules_provider_id_idx ON sign_on_rules (provider_id, id);

-- Whom a provider knows by which name; an issuer's subject is one person for ever.
CREATE TABLE sign_on_identities (
    id uuid PRIMARY KEY,
    provider_id uuid NOT NULL REFERENCES sign_on_providers (id) ON DELETE CASCADE,
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email text,
    groups jsonb NOT NULL,
    refresh_token_sealed bytea,
    refresh_after timestamptz,
    signed_on_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject)
);
CREATE INDEX sign_on_identities_user_id_idx ON sign_on_identities (user_id);
CREATE INDEX sign_on_identities_provider_id_idx ON sign_on_identities (provider_id);
CREATE INDEX sign_on_identities_refresh_after_idx ON sign_on_identities (refresh_after) WHERE refresh_after IS NOT NULL;

-- Which session began by which sign-on, and what the provider calls its own session.
CREATE TABLE sign_on_sessions (
    session_id uuid PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    identity_id uuid NOT NULL REFERENCES sign_on_identities (id) ON DELETE CASCADE,
    provider_session text
);
CREATE INDEX sign_on_sessions_identity_id_idx ON sign_on_sessions (identity_id);

-- What a provider's groups have given to whom, to be taken back when they do so no longer.
CREATE TABLE sign_on_given (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider_id uuid NOT NULL REFERENCES sign_on_providers (id) ON DELETE CASCADE,
    target_kind text NOT NULL,
    target_id uuid NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (user_id, target_kind, target_id, provider_id)
);
CREATE INDEX sign_on_given_provider_id_idx ON sign_on_given (provider_id);

-- What was shown once and must not be shown again: states of sign-ons, ids of logout tokens.
CREATE TABLE sign_on_used (
    digest bytea PRIMARY KEY,
    forget_at timestamptz NOT NULL
);
CREATE INDEX sign_on_used_forget_at_idx ON sign_on_used (forget_at);
"""

PROVIDER = """
CREATE TABLE oauth_clients (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    secret_digest bytea NOT NULL,
    redirect_uris jsonb NOT NULL,
    sign_out_uris jsonb NOT NULL,
    back_channel_logout_url text,
    asks_consent boolean NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE oauth_consents (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id uuid NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    scopes jsonb NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX oauth_consents_client_id_idx ON oauth_consents (client_id);

-- One sign-in of a person at a client: its code, and the tokens that come of it. It ends with the session it was asked from.
CREATE TABLE oauth_grants (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    scopes jsonb NOT NULL,
    redirect_uri text NOT NULL,
    nonce text,
    code_digest bytea NOT NULL UNIQUE,
    code_challenge text NOT NULL,
    code_expires_at timestamptz NOT NULL,
    code_used_at timestamptz,
    revoked_at timestamptz,
    logout_told_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX oauth_grants_client_id_idx ON oauth_grants (client_id);
CREATE INDEX oauth_grants_user_id_idx ON oauth_grants (user_id);
CREATE INDEX oauth_grants_session_id_idx ON oauth_grants (session_id);

CREATE TABLE oauth_tokens (
    digest bytea PRIMARY KEY,
    grant_id uuid NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('access', 'refresh')),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX oauth_tokens_grant_id_idx ON oauth_tokens (grant_id);
CREATE INDEX oauth_tokens_expires_at_idx ON oauth_tokens (expires_at);
"""

ADMINISTRATOR = """EXISTS (
    SELECT FROM users u WHERE u.id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid) AND u.instance_admin
)"""
OWN = "user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid)"

POLICIES = f"""
ALTER TABLE sign_on_providers ENABLE ROW LEVEL SECURITY;
CREATE POLICY sign_on_providers_of_administrators ON sign_on_providers USING ({ADMINISTRATOR});
ALTER TABLE sign_on_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY sign_on_rules_of_administrators ON sign_on_rules USING ({ADMINISTRATOR});
ALTER TABLE sign_on_identities ENABLE ROW LEVEL SECURITY;
CREATE POLICY sign_on_identities_own ON sign_on_identities USING ({OWN});
ALTER TABLE sign_on_sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY sign_on_sessions_own ON sign_on_sessions
    USING (EXISTS (SELECT FROM sessions s WHERE s.id = sign_on_sessions.session_id AND s.{OWN}));
-- No policy: only the audited functions read or write these.
ALTER TABLE sign_on_given ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_on_used ENABLE ROW LEVEL SECURITY;

ALTER TABLE oauth_clients ENABLE ROW LEVEL SECURITY;
CREATE POLICY oauth_clients_of_administrators ON oauth_clients USING ({ADMINISTRATOR});
ALTER TABLE oauth_consents ENABLE ROW LEVEL SECURITY;
CREATE POLICY oauth_consents_own ON oauth_consents USING ({OWN});
ALTER TABLE oauth_grants ENABLE ROW LEVEL SECURITY;
CREATE POLICY oauth_grants_own ON oauth_grants USING ({OWN});
-- No policy: only the audited functions.
ALTER TABLE oauth_tokens ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(SIGN_ON)
    op.execute(PROVIDER)
    op.execute(POLICIES)
