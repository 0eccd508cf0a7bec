"""Notices, who wants them by which way, browsers to push to, and where organisations have them sent."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = """
-- A kind and what it is about; words are made for each reader. One with a collapse key stands for all like it until it is read.
CREATE TABLE notices (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    org_id uuid REFERENCES organisations (id) ON DELETE CASCADE,
    kind text NOT NULL,
    data jsonb NOT NULL,
    object_kind text,
    address text,
    collapse_key text,
    in_inbox boolean NOT NULL,
    mail text NOT NULL CHECK (mail IN ('none', 'at_once', 'digest')),
    mailed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at timestamptz
);
CREATE INDEX notices_of_a_person_idx ON notices (user_id, id DESC) WHERE in_inbox;
CREATE INDEX notices_unread_idx ON notices (user_id, id DESC) WHERE in_inbox AND read_at IS NULL;
CREATE INDEX notices_for_digests_idx ON notices (user_id, id) WHERE mail = 'digest' AND mailed_at IS NULL;
CREATE INDEX notices_created_at_idx ON notices (created_at);
CREATE INDEX notices_org_id_idx ON notices (org_id, user_id);
CREATE UNIQUE INDEX notices_collapse_key ON notices (user_id, collapse_key) WHERE read_at IS NULL AND collapse_key IS NOT NULL;

CREATE TABLE notice_preferences (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('inbox', 'mail', 'push')),
    wanted boolean NOT NULL,
    PRIMARY KEY (user_id, kind, channel)
);

CREATE TABLE notice_settings (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    mail_pace text NOT NULL CHECK (mail_pace IN ('at_once', 'daily', 'weekly', 'never')),
    zone text NOT NULL,
    next_digest_at timestamptz
);
CREATE INDEX notice_settings_next_digest_at_idx ON notice_settings (next_digest_at) WHERE next_digest_at IS NOT NULL;

CREATE TABLE push_subscriptions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    endpoint_digest bytea NOT NULL UNIQUE,
    service text NOT NULL,
    device text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX push_subscriptions_user_id_idx ON push_subscriptions (user_id, id DESC);

CREATE TABLE destinations (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('slack', 'pagerduty', 'webhook')),
    name text NOT NULL,
    host text NOT NULL,
    sealed bytea NOT NULL,
    notice_kinds jsonb NOT NULL,
    created_by uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_sent_at timestamptz,
    last_error text
);
CREATE INDEX destinations_org_id_idx ON destinations (org_id, id DESC);

CREATE TABLE hub_secrets (
    name text PRIMARY KEY,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- How far a round that looks for what is new has come.
CREATE TABLE notice_rounds (
    name text PRIMARY KEY,
    looked_until timestamptz NOT NULL
);
"""

POLICIES = """
-- Rows come and go by the audited functions alone: what one person is told, others have caused.
ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
CREATE POLICY notices_own_read ON notices FOR SELECT
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
CREATE POLICY notices_own_change ON notices FOR UPDATE
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE notice_preferences ENABLE ROW LEVEL SECURITY;
CREATE POLICY notice_preferences_own ON notice_preferences
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE notice_settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY notice_settings_own ON notice_settings
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE push_subscriptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY push_subscriptions_own ON push_subscriptions
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE destinations ENABLE ROW LEVEL SECURITY;
CREATE POLICY destinations_of_the_organisation ON destinations
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

-- No policy: only the audited functions read or write them.
ALTER TABLE hub_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_rounds ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(TABLES)
    op.execute(POLICIES)
