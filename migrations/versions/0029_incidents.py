"""Incidents: what is wrong with datasets, what became of it, and whom organisations have told of it."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

INCIDENTS = """
CREATE TABLE incidents (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    -- of the dataset, what is watched of it, and the part of it
    fingerprint text NOT NULL,
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,39}$'),
    subject text NOT NULL,
    title text NOT NULL,
    part text NOT NULL DEFAULT '',
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'acknowledged', 'resolved')),
    summary text NOT NULL,
    evidence jsonb NOT NULL DEFAULT '{}',
    version_id uuid REFERENCES dataset_versions (id) ON DELETE SET NULL,
    occurrences integer NOT NULL DEFAULT 1 CHECK (occurrences > 0),
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    assignee_id uuid REFERENCES users (id),
    acknowledged_by uuid REFERENCES users (id),
    acknowledged_at timestamptz,
    snoozed_until timestamptz,
    resolution text CHECK (resolution IN ('recovered', 'fixed', 'expected', 'false_alarm', 'duplicate', 'ignored')),
    resolved_by uuid REFERENCES users (id),
    resolved_at timestamptz,
    acknowledge_due_at timestamptz,
    resolve_due_at timestamptz,
    acknowledge_breached_at timestamptz,
    resolve_breached_at timestamptz,
    -- when the round has something to do with it next
    look_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL AND resolution IS NOT NULL)),
    CHECK (last_seen_at >= first_seen_at)
);
CREATE UNIQUE INDEX incidents_open_key ON incidents (org_id, fingerprint) WHERE state <> 'resolved';
CREATE INDEX incidents_fingerprint_idx ON incidents (org_id, fingerprint, id DESC);
CREATE INDEX incidents_org_id_idx ON incidents (org_id, id DESC);
CREATE INDEX incidents_open_idx ON incidents (org_id, id DESC) WHERE state <> 'resolved';
CREATE INDEX incidents_assignee_id_idx ON incidents (org_id, assignee_id, id DESC) WHERE assignee_id IS NOT NULL;
CREATE INDEX incidents_dataset_id_idx ON incidents (dataset_id, id DESC);
CREATE INDEX incidents_version_id_idx ON incidents (version_id) WHERE version_id IS NOT NULL;
CREATE INDEX incidents_look_at_idx ON incidents (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX incidents_resolved_at_idx ON incidents (resolved_at) WHERE state = 'resolved';

CREATE TABLE incident_events (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    incident_id uuid NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    kind text NOT NULL,
    user_id uuid REFERENCES users (id),
    comment text NOT NULL DEFAULT '',
    data jsonb NOT NULL DEFAULT '{}',
    -- what was seen, so that being told of it twice counts once
    source text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX incident_events_source_key ON incident_events (org_id, source) WHERE source IS NOT NULL;
CREATE INDEX incident_events_incident_id_idx ON incident_events (incident_id, id DESC);
CREATE INDEX incident_events_user_id_idx ON incident_events (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE incident_settings (
    org_id uuid PRIMARY KEY REFERENCES organisations (id),
    acknowledge_minutes jsonb NOT NULL,
    resolve_minutes jsonb NOT NULL,
    reopen_minutes integer NOT NULL CHECK (reopen_minutes >= 0),
    weekly_digest boolean NOT NULL,
    zone text NOT NULL,
    -- the last week that was told of
    week_told text NOT NULL DEFAULT '',
    revision integer NOT NULL DEFAULT 1
);
"""

ALERTS = """
-- Who is told of which incidents, asked in order.
CREATE TABLE alert_rules (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    position integer NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    conditions jsonb NOT NULL,
    delivery jsonb NOT NULL,
    destination_id uuid REFERENCES destinations (id) ON DELETE SET NULL,
    people jsonb NOT NULL,
    escalate_minutes integer CHECK (escalate_minutes > 0),
    escalate_destination_id uuid REFERENCES destinations (id) ON DELETE SET NULL,
    escalate_people jsonb NOT NULL,
    goes_on boolean NOT NULL,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    revision integer NOT NULL DEFAULT 1
);
CREATE INDEX alert_rules_org_id_idx ON alert_rules (org_id, position, id);
CREATE INDEX alert_rules_destination_id_idx ON alert_rules (destination_id) WHERE destination_id IS NOT NULL;
CREATE INDEX alert_rules_escalate_destination_id_idx ON alert_rules (escalate_destination_id)
    WHERE escalate_destination_id IS NOT NULL;

-- What is about to be told, or was: incidents that gather until it is time.
CREATE TABLE alerts (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    rule_id uuid REFERENCES alert_rules (id) ON DELETE SET NULL,
    destination_id uuid REFERENCES destinations (id) ON DELETE SET NULL,
    group_key text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'sent', 'dropped')),
    send_at timestamptz NOT NULL,
    sent_at timestamptz,
    escalated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX alerts_waiting_key ON alerts (rule_id, group_key) WHERE state = 'waiting';
CREATE INDEX alerts_destination_id_idx ON alerts (destination_id, sent_at) WHERE destination_id IS NOT NULL;
CREATE INDEX alerts_org_id_idx ON alerts (org_id, id DESC);
CREATE INDEX alerts_created_at_idx ON alerts (created_at);

CREATE TABLE alert_incidents (
    alert_id uuid NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    incident_id uuid NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    org_id uuid NOT NULL REFERENCES organisations (id),
    PRIMARY KEY (alert_id, incident_id)
);
CREATE INDEX alert_incidents_incident_id_idx ON alert_incidents (incident_id);
"""

# Which trainings, and which models, are asked for of a version that something is wrong with.
CONSUMERS = """
CREATE INDEX training_runs_dataset_version_id_idx ON training_runs (dataset_version_id, id DESC);
CREATE INDEX model_versions_operation_id_idx ON model_versions (operation_id);
"""

POLICIES = """
ALTER TABLE incidents ENABLE ROW LEVEL SECURITY;
CREATE POLICY incidents_of_the_organisation ON incidents
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE incident_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY incident_events_of_the_organisation ON incident_events
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE incident_settings ENABLE ROW LEVEL SECURITY;
CREATE POLICY incident_settings_of_the_organisation ON incident_settings
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

POLICIES_OF_ALERTS = """
ALTER TABLE alert_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY alert_rules_of_the_organisation ON alert_rules
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY alerts_of_the_organisation ON alerts
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));

ALTER TABLE alert_incidents ENABLE ROW LEVEL SECURITY;
CREATE POLICY alert_incidents_of_the_organisation ON alert_incidents
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (INCIDENTS, ALERTS, CONSUMERS, POLICIES, POLICIES_OF_ALERTS):
        op.execute(statement)
