"""Accounts: grants of single objects to people and groups, and what is asked for; what lists and jobs of granted objects go by.

The policies that let granted objects be seen stand in functions_grants.sql: they call its functions, and go with them
when those are made anew.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

GRANTS = """
CREATE TABLE grants (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations (id),
    kind text NOT NULL,
    object_id uuid NOT NULL,
    user_id uuid REFERENCES users (id),
    group_id uuid REFERENCES groups (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('maintainer', 'reviewer', 'viewer')),
    granted_by uuid REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz,
    CHECK (user_id IS NULL OR group_id IS NULL)
);
CREATE UNIQUE INDEX grants_to_a_person_key ON grants (user_id, kind, object_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX grants_to_a_group_key ON grants (group_id, kind, object_id) WHERE group_id IS NOT NULL;
CREATE INDEX grants_org_id_idx ON grants (org_id, id DESC);
CREATE INDEX grants_object_id_idx ON grants (org_id, object_id, id DESC);

CREATE TABLE access_requests (
    id uuid PRIMARY KEY,
    org_id uuid REFERENCES organisations (id),
    kind text NOT NULL,
    object_id uuid,
    address text NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    reason text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'refused')),
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_by uuid REFERENCES users (id),
    decided_at timestamptz
);
CREATE UNIQUE INDEX access_requests_pending_key ON access_requests (user_id, kind, address) WHERE state = 'pending';
CREATE INDEX access_requests_org_id_idx ON access_requests (org_id, id DESC);
CREATE INDEX access_requests_user_id_idx ON access_requests (user_id, id DESC);
"""

POLICIES = """
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;
CREATE POLICY grants_of_the_organisation ON grants
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
-- who was granted something may look at that, and give it back
CREATE POLICY grants_to_the_person ON grants FOR SELECT
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
CREATE POLICY grants_given_back ON grants FOR DELETE
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));

ALTER TABLE access_requests ENABLE ROW LEVEL SECURITY;
CREATE POLICY access_requests_of_the_organisation ON access_requests
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY access_requests_asked ON access_requests FOR SELECT
    USING (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
CREATE POLICY access_requests_ask ON access_requests FOR INSERT
    WITH CHECK (user_id = (SELECT nullif(current_setting('lyceum.user_id', true), '')::uuid));
"""

# A list is what is the organisation's, what is granted and what is shown, each found by an index of its own.
LISTS = """
CREATE INDEX datasets_org_id_idx ON datasets (org_id, id DESC) WHERE archived_at IS NULL;
CREATE INDEX datasets_shown_idx ON datasets (id DESC) WHERE visibility <> 'private' AND archived_at IS NULL;
CREATE INDEX models_org_id_idx ON models (org_id, id DESC) WHERE archived_at IS NULL;
CREATE INDEX models_shown_idx ON models (id DESC) WHERE visibility <> 'private' AND archived_at IS NULL;
"""

# A run on what another organisation shows or grants outlives that organisation.
RUNS = "ALTER TABLE training_runs DROP CONSTRAINT training_runs_dataset_version_id_fkey"

# Policies are looked at from the last name to the first: what is the organisation's is told by that alone.
ORDER = """
ALTER POLICY dataset_versions_with_their_dataset ON dataset_versions RENAME TO dataset_versions_by_their_dataset;
ALTER POLICY model_versions_with_their_model ON model_versions RENAME TO model_versions_by_their_model;
ALTER POLICY model_aliases_with_their_model ON model_aliases RENAME TO model_aliases_by_their_model;
"""

JOBS_OF_OBJECTS = """
CREATE INDEX dataset_versions_job_id_idx ON dataset_versions (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX check_runs_job_id_idx ON check_runs (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX training_runs_job_id_idx ON training_runs (job_id) WHERE job_id IS NOT NULL;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (GRANTS, POLICIES, LISTS, RUNS, ORDER, JOBS_OF_OBJECTS):
        op.execute(statement)
