"""Data: records that are pushed and wait, comparisons of versions, addresses files are fetched from, and what a dataset says."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# No foreign keys to the dataset and its organisation: each push would lock both rows, and wait for whoever changes them.
PUSHES = """
CREATE TABLE pushed_batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    pushed_by uuid,
    form text NOT NULL CHECK (form IN ('json', 'jsonl')),
    record_count integer NOT NULL CHECK (record_count > 0),
    byte_count integer NOT NULL,
    records bytea NOT NULL,
    version_id uuid REFERENCES dataset_versions (id) ON DELETE CASCADE,
    times_put_back smallint NOT NULL DEFAULT 0,
    pushed_at timestamptz NOT NULL DEFAULT now()
);
-- short text is stored as it came: to compress it would cost each push more than it saves the buffer
ALTER TABLE pushed_batches ALTER COLUMN records SET STORAGE EXTERNAL;
CREATE INDEX pushed_batches_dataset_id_idx ON pushed_batches (dataset_id, id);
CREATE INDEX pushed_batches_version_id_idx ON pushed_batches (version_id) WHERE version_id IS NOT NULL;
CREATE INDEX pushed_batches_org_id_idx ON pushed_batches (org_id);
ALTER TABLE pushed_batches ENABLE ROW LEVEL SECURITY;
CREATE POLICY pushed_batches_of_the_organisation ON pushed_batches
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

DIFFS = """
CREATE TABLE dataset_diffs (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    dataset_id uuid NOT NULL REFERENCES datasets (id),
    before_id uuid NOT NULL REFERENCES dataset_versions (id),
    after_id uuid NOT NULL REFERENCES dataset_versions (id),
    key_columns jsonb NOT NULL,
    job_id uuid,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'done', 'failed')),
    result jsonb,
    error jsonb,
    created_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX dataset_diffs_org_id_idx ON dataset_diffs (org_id);
CREATE INDEX dataset_diffs_dataset_id_idx ON dataset_diffs (dataset_id, id DESC);
ALTER TABLE dataset_diffs ENABLE ROW LEVEL SECURITY;
CREATE POLICY dataset_diffs_of_the_organisation ON dataset_diffs
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

# an address may hold a secret; it goes when the file is there
FETCHES = "ALTER TABLE dataset_versions ADD COLUMN fetch_sealed bytea"

CARDS = """
ALTER TABLE datasets
    ADD COLUMN tags jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN licence text NOT NULL DEFAULT '',
    ADD COLUMN readme text NOT NULL DEFAULT '';
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(PUSHES)
    op.execute(DIFFS)
    op.execute(FETCHES)
    op.execute(CARDS)
