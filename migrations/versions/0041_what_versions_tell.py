"""What was noted as a file was read names rows without their values; versions say of which version their rows were taken."""

from alembic import op

revision = "0041"
down_revision = "0039"
branch_labels = None
depends_on = None

NOTES = r"""
UPDATE dataset_versions SET source = jsonb_set(
    source,
    '{notes}',
    (
        SELECT jsonb_agg(
            to_jsonb(regexp_replace(
                told.note,
                '^(.*?) is kept as text, because row ([0-9,]+) holds .*, which (is not .{4,30} as nearly all its other values are\.)$',
                '\1 is kept as text, because the value of row \2 \3'
            ))
            ORDER BY told.place
        )
        FROM jsonb_array_elements_text(source -> 'notes') WITH ORDINALITY AS told (note, place)
    )
)
WHERE jsonb_typeof(source -> 'notes') = 'array' AND source ->> 'notes' LIKE '% is kept as text, because row %'
"""


# a column, since no index on an expression of jsonb serves under row-level security
MADE_OF = """
ALTER TABLE dataset_versions ADD COLUMN made_of_id uuid GENERATED ALWAYS AS ((source ->> 'version_id')::uuid) STORED;
CREATE INDEX dataset_versions_made_of_id_idx ON dataset_versions (made_of_id) WHERE made_of_id IS NOT NULL;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(MADE_OF)
    op.execute(NOTES)
