"""Data: topics of Kafka that are read into datasets, who reads them, how far they are read, and messages that cannot be."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

STREAMS = """
CREATE TABLE streams (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    name text NOT NULL,
    servers jsonb NOT NULL,
    topic text NOT NULL,
    group_name text NOT NULL,
    format text NOT NULL CHECK (format IN ('json', 'avro', 'protobuf')),
    new_fields text NOT NULL CHECK (new_fields IN ('add', 'dead_letter')),
    start_at text NOT NULL CHECK (start_at IN ('earliest', 'latest')),
    registry_url text,
    registry_username text,
    protocol text NOT NULL CHECK (protocol IN ('plaintext', 'tls', 'sasl_plaintext', 'sasl_tls')),
    mechanism text,
    username text,
    authorities text,
    certificate text,
    secrets_sealed bytea,
    flush_rows integer NOT NULL,
    flush_seconds integer NOT NULL,
    consumers integer NOT NULL,
    dead_letters_max integer NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'stopped')),
    error text,
    error_at timestamptz,
    version_id uuid,
    delta_version bigint,
    appended_rows bigint NOT NULL DEFAULT 0,
    skipped_messages bigint NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    last_version_at timestamptz,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    revision integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX streams_dataset_id_name_key ON streams (dataset_id, lower(name));
CREATE INDEX streams_org_id_idx ON streams (org_id);
CREATE INDEX streams_running_idx ON streams (id) WHERE state = 'running';
ALTER TABLE streams ENABLE ROW LEVEL SECURITY;
CREATE POLICY streams_of_the_organisation ON streams
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

PARTITIONS = """
CREATE TABLE stream_partitions (
    stream_id uuid NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    partition integer NOT NULL,
    org_id uuid NOT NULL REFERENCES organisations (id),
    first_offset bigint NOT NULL,
    next_offset bigint NOT NULL,
    end_offset bigint,
    message_at timestamptz,
    seen_at timestamptz,
    PRIMARY KEY (stream_id, partition)
);
CREATE INDEX stream_partitions_org_id_idx ON stream_partitions (org_id);
ALTER TABLE stream_partitions ENABLE ROW LEVEL SECURITY;
CREATE POLICY stream_partitions_of_the_organisation ON stream_partitions
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

CONSUMERS = """
CREATE TABLE stream_consumers (
    stream_id uuid NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    place integer NOT NULL,
    org_id uuid NOT NULL REFERENCES organisations (id),
    worker_id uuid NOT NULL,
    partitions jsonb NOT NULL DEFAULT '[]',
    since timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (stream_id, place),
    UNIQUE (stream_id, worker_id)
);
CREATE INDEX stream_consumers_org_id_idx ON stream_consumers (org_id);
ALTER TABLE stream_consumers ENABLE ROW LEVEL SECURITY;
CREATE POLICY stream_consumers_of_the_organisation ON stream_consumers
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

DEAD_LETTERS = """
CREATE TABLE dead_letters (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    stream_id uuid NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    message_at timestamptz,
    byte_count integer NOT NULL,
    content bytea NOT NULL,
    reason text NOT NULL,
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'trying', 'taken', 'given_up')),
    decided_by uuid REFERENCES users (id),
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stream_id, partition, "offset")
);
ALTER TABLE dead_letters ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX dead_letters_org_id_idx ON dead_letters (org_id);
CREATE INDEX dead_letters_held_idx ON dead_letters (stream_id, id DESC) WHERE state IN ('held', 'trying');
ALTER TABLE dead_letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY dead_letters_of_the_organisation ON dead_letters
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(STREAMS)
    op.execute(PARTITIONS)
    op.execute(CONSUMERS)
    op.execute(DEAD_LETTERS)
