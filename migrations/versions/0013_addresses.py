"""What row-level security lets an index find: names in the case they are compared in, and parents one at a time.

`lower()` is not leakproof, so under a policy an index on it finds the organisation alone and every name of it is read.
An EXISTS in a policy may be answered by hashing all parents that the caller sees; a scalar sub-select looks up the one.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NAMES = """
ALTER TABLE {table} ADD COLUMN name_key text NOT NULL GENERATED ALWAYS AS (lower(name)) STORED;
DROP INDEX {table}_address_key;
CREATE UNIQUE INDEX {table}_address_key ON {table} (org_id, name_key);
"""

LINES_OF_VERSIONS = """
CREATE INDEX dataset_versions_dataset_id_idx ON dataset_versions (dataset_id, id DESC);
CREATE INDEX model_versions_model_id_idx ON model_versions (model_id, id DESC);
"""

POLICIES = """
ALTER POLICY dataset_versions_with_their_dataset ON dataset_versions
    USING (state = 'accepted' AND (SELECT true FROM datasets d WHERE d.id = dataset_id));
ALTER POLICY model_versions_with_their_model ON model_versions
    USING ((SELECT true FROM models m WHERE m.id = model_id));
ALTER POLICY model_aliases_with_their_model ON model_aliases
    USING ((SELECT true FROM models m WHERE m.id = model_id));
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for table in ("datasets", "models"):
        op.execute(NAMES.format(table=table))
    op.execute(LINES_OF_VERSIONS)
    op.execute(POLICIES)
