"""Datasets, versions, checks and check runs as rows, written as the owner of the tables; no files belong to them."""

import time
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.data.quality.anomalies.public import Observation, begun, encoded, replay
from lyceum.kernel.ids import new_id
from make.accounts import Member

SCHEMA = {"columns": [{"name": "a", "type": "integer", "nullable": False}]}
PROFILE = {"rows": 3, "columns": [], "duplicate_rows": 0, "sampled_every": 1}
SOURCE = {
    "format": "csv",
    "encoding": "utf-8",
    "delimiter": ",",
    "has_header": True,
    "line_of_first_row": 2,
    "notes": [],
}
DEFINITION = {"kind": "not_null", "id": "a.not_null", "severity": "error", "at_most_failing": 0.0, "column": "a"}


def make_dataset(
    database: TestDatabase, owner: Member, *, name: str = "", visibility: str = "private"
) -> tuple[UUID, str]:
    """Make a dataset without versions and return its id and address."""
    dataset_id = new_id()
    name = name or f"set-{dataset_id.hex[-12:]}"
    statement = "INSERT INTO datasets (id, org_id, name, visibility, created_by) VALUES (%s, %s, %s, %s, %s)"
    rows_of(database, statement, dataset_id, owner.org_id, name, visibility, owner.user_id)
    return dataset_id, f"{owner.org_name}/{name}"


def make_version(
    database: TestDatabase, owner: Member, dataset_id: UUID, *, number: int | None = 1, state: str = "accepted"
) -> UUID:
    """Make a version and return its id; one that is not accepted has no number."""
    version_id = new_id()
    statement = """
        INSERT INTO dataset_versions (id, org_id, dataset_id, number, state, operation_id, delta_version, file_name,
                                      source, row_count, byte_count, table_schema, profile, created_by)
        VALUES (%s, %s, %s, %s, %s, %s, %s, 'table.csv', %s, 3, 20, %s, %s, %s)
    """
    accepted = state == "accepted"
    of_content = (Jsonb(SOURCE), Jsonb(SCHEMA), Jsonb(PROFILE)) if accepted else (Jsonb({}), None, None)
    place = number if accepted else None
    values = (version_id, owner.org_id, dataset_id, place, state, new_id(), place, *of_content, owner.user_id)
    rows_of(database, statement, *values)
    return version_id


def make_erasure(database: TestDatabase, owner: Member, dataset_id: UUID) -> UUID:
    """Make an erasure that found nobody, and return its id."""
    erasure_id = new_id()
    rows_of(
        database,
        "INSERT INTO dataset_erasures (id, org_id, dataset_id, key_column, state, result, finished_at)"
        """ VALUES (%s, %s, %s, 'a', 'done', '{"versions": []}', now())""",
        *(erasure_id, owner.org_id, dataset_id),
    )
    return erasure_id


def make_diff(database: TestDatabase, owner: Member, dataset_id: UUID, version_id: UUID) -> UUID:
    """Make a comparison of a version with itself that is done, and return its id."""
    diff_id = new_id()
    same: dict[str, Any] = {
        "before": 3,
        "after": 3,
        "added": 0,
        "removed": 0,
        "changed": None,
        "changed_by_column": {},
        "samples": {},
    }
    result = {"columns": {"added": [], "removed": [], "changed": []}, "rows": same, "profile": []}
    rows_of(
        database,
        "INSERT INTO dataset_diffs (id, org_id, dataset_id, before_id, after_id, key_columns, state, result, finished_at)"
        " VALUES (%s, %s, %s, %s, %s, '[]', 'done', %s, now())",
        *(diff_id, owner.org_id, dataset_id, version_id, version_id, Jsonb(result)),
    )
    return diff_id


def make_check(
    database: TestDatabase, owner: Member, dataset_id: UUID, *, definition: dict[str, Any] | None = None
) -> UUID:
    """Make a check and return its id."""
    check_id = new_id()
    statement = "INSERT INTO checks (id, org_id, dataset_id, definition, origin) VALUES (%s, %s, %s, %s, 'person')"
    rows_of(database, statement, check_id, owner.org_id, dataset_id, Jsonb(definition or DEFINITION))
    return check_id


def make_check_run(
    database: TestDatabase,
    owner: Member,
    version_id: UUID,
    *,
    results_of: tuple[UUID, ...] = (),
    failing: tuple[UUID, ...] = (),
) -> UUID:
    """Make a check run that has ended, with one result for each check, and return its id."""
    run_id = new_id()
    statement = (
        "INSERT INTO check_runs (id, org_id, version_id, state, finished_at) VALUES (%s, %s, %s, %s, clock_timestamp())"
    )
    rows_of(database, statement, run_id, owner.org_id, version_id, "failed" if failing else "passed")
    result = {
        "check": DEFINITION,
        "status": "passed",
        "sentence": "No value of a is missing.",
        "rows_checked": 3,
        "failing": 0,
        "failing_fraction": 0.0,
        "rows_involved": None,
        "observed": None,
        "sample": [],
    }
    failed = result | {"status": "failed", "sentence": "2 of 3 values of a are missing.", "failing": 2}
    failed["sample"] = [{"row": 2, "line": 3, "values": {"a": None}}]
    for check_id in (*results_of, *failing):
        statement = """
            INSERT INTO check_results (id, org_id, check_run_id, check_id, result) VALUES (%s, %s, %s, %s, %s)
        """
        of_check = Jsonb(failed if check_id in failing else result)
        rows_of(database, statement, new_id(), owner.org_id, run_id, check_id, of_check)
    return run_id


def make_odd_rows(database: TestDatabase, owner: Member, version_id: UUID) -> UUID:
    """Make a search for odd rows that has found one, and return its id."""
    search_id = new_id()
    part = {"column": "a", "share": 1.0, "value": 9.0, "usual": "mostly 1 to 3"}
    rows_of(
        database,
        "INSERT INTO odd_row_searches (id, org_id, version_id, rows_max, state, result, finished_at)"
        " VALUES (%s, %s, %s, 20, 'done', %s, now())",
        *(search_id, owner.org_id, version_id, Jsonb({"rows": [{"row": 1, "score": 1.0, "columns": [part]}]})),
    )
    return search_id


def make_anomaly(database: TestDatabase, owner: Member, dataset_id: UUID) -> UUID:
    """Have a dataset watched with three points of its number of rows, the last of them odd, and return the anomaly's id."""
    now = round(time.time())
    state, _ = replay(begun(), [Observation(now - 60 + at, {"|rows": 3.0 + at}) for at in range(3)])
    watch = """
        INSERT INTO dataset_watches (dataset_id, org_id, enabled, alarm_share, detectors, state, watched_number)
        VALUES (%s, %s, true, 0.05, %s, %s, 1)
    """
    rows_of(database, watch, dataset_id, owner.org_id, Jsonb(["seasonal"]), encoded(state))
    anomaly_id = new_id()
    statement = """
        INSERT INTO anomalies (id, org_id, dataset_id, version_number, at_seconds, score, threshold, findings)
        VALUES (%s, %s, %s, 1, %s, 3.0, 1.3, '[]')
    """
    rows_of(database, statement, anomaly_id, owner.org_id, dataset_id, state.times[-1])
    return anomaly_id
