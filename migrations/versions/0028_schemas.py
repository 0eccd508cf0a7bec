"""The schema registry: subjects, their versions, and the schemas these hold."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

MODES = "'NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'"

TABLES = f"""
-- One a organisation: what holds for subjects that say nothing themselves, and the last number given to a schema. Who gives
-- a number holds this row, so that numbers have no twins.
CREATE TABLE schema_registries (
    org_id uuid PRIMARY KEY REFERENCES organisations (id),
    last_schema_number integer NOT NULL DEFAULT 0,
    compatibility text CHECK (compatibility IN ({MODES})),
    write_mode text CHECK (write_mode IN ('READWRITE', 'READONLY'))
);

CREATE TABLE schema_subjects (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    name text NOT NULL,
    dataset_id uuid REFERENCES datasets (id),
    compatibility text CHECK (compatibility IN ({MODES})),
    write_mode text CHECK (write_mode IN ('READWRITE', 'READONLY')),
    last_number integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, name)
);
CREATE UNIQUE INDEX schema_subjects_dataset_id_key ON schema_subjects (dataset_id) WHERE dataset_id IS NOT NULL;

CREATE TABLE registered_schemas (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    number integer NOT NULL,
    type text NOT NULL CHECK (type IN ('AVRO', 'JSON', 'PROTOBUF')),
    text text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, number),
    UNIQUE (org_id, digest)
);

CREATE TABLE schema_versions (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    subject_id uuid NOT NULL REFERENCES schema_subjects (id),
    schema_id uuid NOT NULL REFERENCES registered_schemas (id),
    dataset_id uuid REFERENCES datasets (id),
    dataset_version integer,
    number integer NOT NULL,
    major integer NOT NULL,
    minor integer NOT NULL,
    patch integer NOT NULL,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (subject_id, number)
);
CREATE INDEX schema_versions_schema_id_idx ON schema_versions (schema_id);
CREATE INDEX schema_versions_dataset_id_idx ON schema_versions (dataset_id, number DESC) WHERE dataset_id IS NOT NULL;

-- Which versions a schema builds on, by the names it calls them.
CREATE TABLE schema_references (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    schema_id uuid NOT NULL REFERENCES registered_schemas (id) ON DELETE CASCADE,
    position integer NOT NULL,
    name text NOT NULL,
    version_id uuid NOT NULL REFERENCES schema_versions (id),
    UNIQUE (schema_id, position)
);
CREATE INDEX schema_references_version_id_idx ON schema_references (version_id);
"""

OF_THE_ORGANISATION = "\n".join(
    f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {table}_of_the_organisation ON {table}
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""
    for table in ("schema_registries", "schema_subjects", "registered_schemas", "schema_versions", "schema_references")
)

# Who sees a dataset sees what its columns are and were; the inner tables' own policies decide.
BY_THEIR_DATASET = """
CREATE POLICY schema_subjects_by_their_dataset ON schema_subjects FOR SELECT
    USING (dataset_id IS NOT NULL AND EXISTS (SELECT FROM datasets d WHERE d.id = dataset_id));
CREATE POLICY schema_versions_by_their_dataset ON schema_versions FOR SELECT
    USING (dataset_id IS NOT NULL AND EXISTS (SELECT FROM datasets d WHERE d.id = dataset_id));
CREATE POLICY registered_schemas_by_their_dataset ON registered_schemas FOR SELECT
    USING (EXISTS (SELECT FROM schema_versions v WHERE v.schema_id = registered_schemas.id AND v.dataset_id IS NOT NULL));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (TABLES, OF_THE_ORGANISATION, BY_THEIR_DATASET):
        op.execute(statement)
