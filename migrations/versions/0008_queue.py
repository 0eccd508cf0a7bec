"""Jobs: lanes and labels, turns of the organisations, due times, order, needs, lines of a job's log, schedules, figures."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LANES = """
ALTER TABLE jobs
    ADD COLUMN lane text NOT NULL DEFAULT 'light' CHECK (lane IN ('light', 'short', 'heavy', 'solo')),
    ADD COLUMN label text NOT NULL DEFAULT '',
    ADD COLUMN seconds_max integer CHECK (seconds_max > 0);
UPDATE jobs SET lane = CASE WHEN heavy THEN 'heavy' WHEN short THEN 'short' ELSE 'light' END WHERE heavy OR short;
"""

# A claim draws a class, then an organisation, then that one's jobs in the order of `turn_at`: what is due longest first,
# where a step of priority counts as a minute of waiting.
TURNS = """
ALTER TABLE jobs
    ADD COLUMN turn_of uuid NOT NULL
        GENERATED ALWAYS AS (coalesce(org_id, '00000000-0000-0000-0000-000000000000'::uuid)) STORED,
    ADD COLUMN turn_at timestamptz NOT NULL DEFAULT now();
UPDATE jobs SET turn_at = run_at - priority * interval '1 minute' WHERE state IN ('ready', 'claimed', 'running');
DROP INDEX jobs_claim_idx;
ALTER TABLE jobs DROP COLUMN heavy, DROP COLUMN short;
-- `kind` stands last: it chooses among what the order has found, without a look at the row.
CREATE INDEX jobs_claim_idx ON jobs (lane, label, class, turn_of, turn_at, id, kind) WHERE state = 'ready';

CREATE TABLE job_usage (
    turn_of uuid NOT NULL,
    lane text NOT NULL,
    seconds double precision NOT NULL,
    jobs double precision NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (turn_of, lane)
) WITH (fillfactor = 50);
ALTER TABLE job_usage ENABLE ROW LEVEL SECURITY;
"""

# `arrived`: its order and needs are looked at by the next worker that claims; `scheduled`: due later.
ORDER = """
ALTER TABLE jobs
    DROP CONSTRAINT jobs_state_check,
    ADD CONSTRAINT jobs_state_check CHECK (state IN
        ('arrived', 'waiting', 'scheduled', 'ready', 'claimed', 'running', 'done', 'dead', 'cancelled')),
    ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN ordering_key text;
UPDATE jobs SET state = 'scheduled' WHERE state = 'ready' AND run_at > now();
CREATE INDEX jobs_due_idx ON jobs (run_at) WHERE state = 'scheduled';
CREATE INDEX jobs_waiting_idx ON jobs (state, number) WHERE state IN ('arrived', 'waiting');
-- at most one of those that go by the same key can be claimed
CREATE UNIQUE INDEX jobs_ordering_key_key ON jobs (turn_of, ordering_key)
    WHERE ordering_key IS NOT NULL AND state IN ('scheduled', 'ready', 'claimed', 'running');
CREATE INDEX jobs_in_order_idx ON jobs (turn_of, ordering_key, number)
    WHERE ordering_key IS NOT NULL AND state IN ('arrived', 'waiting');
DROP INDEX jobs_dedup_key_key;
CREATE UNIQUE INDEX jobs_dedup_key_key ON jobs (org_id, dedup_key) NULLS NOT DISTINCT
    WHERE dedup_key IS NOT NULL AND state IN ('arrived', 'waiting', 'scheduled', 'ready', 'claimed', 'running');

-- the few that ask for a person among the many that are done
CREATE INDEX jobs_dead_idx ON jobs (id DESC) WHERE state = 'dead';

CREATE TABLE job_needs (
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    needs_id uuid NOT NULL,
    org_id uuid,
    PRIMARY KEY (needs_id, job_id)
);
CREATE INDEX job_needs_job_id_idx ON job_needs (job_id);
ALTER TABLE job_needs ENABLE ROW LEVEL SECURITY;
CREATE POLICY job_needs_of_the_organisation ON job_needs
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
CREATE POLICY job_needs_of_the_hub ON job_needs FOR INSERT WITH CHECK (org_id IS NULL);
"""

LOG = """
CREATE TABLE job_log (
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number bigint GENERATED ALWAYS AS IDENTITY,
    org_id uuid,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    level text NOT NULL CHECK (level IN ('info', 'warning', 'error')),
    message text NOT NULL,
    facts jsonb NOT NULL,
    PRIMARY KEY (job_id, number)
);
ALTER TABLE job_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY job_log_of_the_organisation ON job_log FOR SELECT
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

SCHEDULES = """
CREATE TABLE job_schedules (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    owner_id uuid,
    name text NOT NULL,
    kind text NOT NULL,
    args jsonb NOT NULL,
    cron text NOT NULL,
    zone text NOT NULL,
    next_at timestamptz NOT NULL,
    last_job_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, name)
);
CREATE INDEX job_schedules_next_at_idx ON job_schedules (next_at);
ALTER TABLE job_schedules ENABLE ROW LEVEL SECURITY;
CREATE POLICY job_schedules_of_the_organisation ON job_schedules
    USING (org_id = (SELECT nullif(current_setting('lyceum.org_id', true), '')::uuid));
"""

FIGURES = """
CREATE TABLE job_figures (
    kind text NOT NULL,
    class text NOT NULL,
    outcome text NOT NULL,
    jobs bigint NOT NULL,
    wait_seconds double precision NOT NULL,
    run_seconds double precision NOT NULL,
    wait_counts bigint[] NOT NULL,
    run_counts bigint[] NOT NULL,
    PRIMARY KEY (kind, class, outcome)
) WITH (fillfactor = 50);
ALTER TABLE job_figures ENABLE ROW LEVEL SECURITY;
"""


def upgrade() -> None:
    """Bring the tables to this revision."""
    for statement in (LANES, TURNS, ORDER, LOG, SCHEDULES, FIGURES):
        op.execute(statement)
