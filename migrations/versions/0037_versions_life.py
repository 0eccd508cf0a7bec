"""Versions are held back by checks, and their rows are kept for as long as a dataset says."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

# what the checks of a version found that was held back goes with it
CHECK_RUNS = """
ALTER TABLE check_runs DROP CONSTRAINT check_runs_version_id_fkey,
    ADD CONSTRAINT check_runs_version_id_fkey FOREIGN KEY (version_id) REFERENCES dataset_versions (id) ON DELETE CASCADE;
ALTER TABLE check_results DROP CONSTRAINT check_results_check_run_id_fkey,
    ADD CONSTRAINT check_results_check_run_id_fkey
        FOREIGN KEY (check_run_id) REFERENCES check_runs (id) ON DELETE CASCADE;
ALTER TABLE check_runs DROP CONSTRAINT check_runs_origin_check,
    ADD CONSTRAINT check_runs_origin_check CHECK (origin IN ('person', 'version', 'schedule', 'dbt', 'blocking'));
"""

RETENTION = """
ALTER TABLE datasets
    -- of these the hub's settings hold where nothing is said
    ADD COLUMN keep_versions integer CHECK (keep_versions > 0),
    ADD COLUMN keep_days integer CHECK (keep_days > 0),
    ADD COLUMN dormant_days integer CHECK (dormant_days > 0),
    -- it takes no writes since then
    ADD COLUMN dormant_at timestamptz,
    ADD COLUMN woken_at timestamptz,
    -- when its files were last put in order
    ADD COLUMN tended_at timestamptz;
CREATE INDEX datasets_tended_at_idx ON datasets (tended_at NULLS FIRST) WHERE archived_at IS NULL;
ALTER TABLE dataset_versions
    -- its rows are not read any more; what is said of it stays
    ADD COLUMN thinned_at timestamptz CHECK (thinned_at IS NULL OR state = 'accepted'),
    -- where its rows lay before its small files were written as one, for whoever had begun to read there
    ADD COLUMN replaced_delta_version bigint,
    ADD COLUMN replaced_at timestamptz;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.execute(CHECK_RUNS)
    op.execute(RETENTION)
