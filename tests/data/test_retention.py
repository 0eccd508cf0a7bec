"""What was refused is forgotten in time, with the rows of the uploads it was made of; what was accepted stays."""

import pytest

from fixtures.app import rows_of
from fixtures.queue import run_of, worker_on
from fixtures.servers import TestDatabase
from lyceum.data.datasets import retention
from lyceum.data.datasets.retention import ForgetRejected, forget_rejected
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.wiring import SCHEDULES, handlers
from make.accounts import Member


def _version(database: TestDatabase, member: Member, *, state: str, days: int, upload_state: str = "swept") -> None:
    dataset, upload = new_id(), new_id()
    rows_of(
        database, "INSERT INTO datasets (id, org_id, name) VALUES (%s, %s, %s)", dataset, member.org_id, dataset.hex
    )
    rows_of(
        database,
        "INSERT INTO uploads (id, org_id, created_by, file_name, state, content_key, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, 'x', now())",
        upload, member.org_id, member.user_id, f"{state} {days}", upload_state,
    )  # fmt: skip
    number = 1 if state == "accepted" else None
    rows_of(
        database,
        "INSERT INTO dataset_versions"
        " (id, org_id, dataset_id, upload_id, number, delta_version, state, operation_id, file_name, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, gen_random_uuid(), %s, now() - make_interval(days => %s))",
        new_id(), member.org_id, dataset, upload, number, number, state, f"{state} {days}", days,
    )  # fmt: skip


async def test_refused_versions_go_after_their_days_and_nothing_else_does(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FORGET_AT_ONCE", 1)
    for state in ("accepted", "rejected", "pending"):
        for days in (89, 91, 200):
            _version(fresh_database, fresh_member, state=state, days=days)
    run = run_of(fresh_resources, fresh_member, new_id(), 1, worker_on(fresh_resources.database))
    assert await forget_rejected(run, ForgetRejected()) == {"versions": 2, "uploads": 2}
    kept = {row["file_name"] for row in rows_of(fresh_database, "SELECT file_name FROM dataset_versions")}
    assert kept == {f"{state} {days}" for state in ("accepted", "pending") for days in (89, 91, 200)} | {"rejected 89"}
    assert {row["file_name"] for row in rows_of(fresh_database, "SELECT file_name FROM uploads")} == kept
    assert await forget_rejected(run, ForgetRejected()) == {"versions": 0, "uploads": 0}


def test_forgetting_comes_round() -> None:
    assert ForgetRejected.kind in handlers().by_kind
    assert [schedule for schedule in SCHEDULES if isinstance(schedule.make(), ForgetRejected)]
