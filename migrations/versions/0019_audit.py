"""The audit log, in months, and what of an organisation is sensitive."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE audit_log (
    at timestamptz NOT NULL DEFAULT now(),
    id uuid NOT NULL,
    org_id uuid,
    actor_id uuid,
    key_id uuid,
    session_id uuid,
    impersonator_id uuid,
    action text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'read', 'refused')),
    reason text,
    times integer NOT NULL DEFAULT 1 CHECK (times > 0),
    object_kind text,
    object_id text,
    object_address text,
    before_digest bytea,
    after_digest bytea,
    request_id text,
    address text
) PARTITION BY RANGE (at);
CREATE INDEX audit_log_org_id_idx ON audit_log (org_id, id DESC);
CREATE INDEX audit_log_id_idx ON audit_log (id DESC);
CREATE INDEX audit_log_actor_id_idx ON audit_log (actor_id, id DESC);
CREATE INDEX audit_log_impersonator_id_idx ON audit_log (impersonator_id, id DESC) WHERE impersonator_id IS NOT NULL;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY audit_log_of_the_organisation ON audit_log FOR SELECT
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
-- what somebody of another organisation did to an object stands in the log of the object's organisation
CREATE POLICY audit_log_adds ON audit_log FOR INSERT WITH CHECK (true);
CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
ALTER TABLE audit_log_default ENABLE ROW LEVEL SECURITY;

DO $$
DECLARE
    month timestamp;
    part text;
BEGIN
    FOR number IN 0..2 LOOP
        month := date_trunc('month', now() AT TIME ZONE 'UTC') + number * interval '1 month';
        part := 'audit_log_' || to_char(month, 'YYYY"_"MM');
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_log FOR VALUES FROM (%L) TO (%L)',
                       part, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
    END LOOP;
END
$$;
"""

SENSITIVE = """
ALTER TABLE datasets ADD COLUMN sensitive boolean NOT NULL DEFAULT false;
ALTER TABLE models ADD COLUMN sensitive boolean NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(TABLE)
    op.execute(SENSITIVE)
