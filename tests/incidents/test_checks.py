"""What checks find opens incidents and ends them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import polars as pl
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of, running_worker
from fixtures.servers import TestDatabase
from fixtures.staffed import add_version, csv_of, dataset_with, ok, until
from lyceum.data.incidents.public import Subject
from lyceum.data.quality.events import AnomalyAnswered, CheckDropped, ChecksRan
from lyceum.kernel.resources import Resources
from make.accounts import Member
from make.data import DEFINITION, make_check, make_check_run, make_dataset, make_version
from make.incidents import OF_INCIDENTS, deliver, events_of, incident_row, tell, trouble


@pytest.fixture
def dataset_id(database: TestDatabase, member: Member) -> UUID:
    return make_dataset(database, member)[0]


def open_incidents(database: TestDatabase, dataset_id: UUID) -> list[dict[str, Any]]:
    return rows_of(
        database, "SELECT * FROM incidents WHERE dataset_id = %s AND state <> 'resolved' ORDER BY subject", dataset_id
    )


async def test_each_failing_check_has_an_incident_that_ends_when_it_holds_again(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    first, second = (make_version(database, member, dataset_id, number=number) for number in (1, 2))
    grave = make_check(database, member, dataset_id)
    slight = make_check(database, member, dataset_id, definition=DEFINITION | {"severity": "warning"})
    run_id = make_check_run(database, member, first, failing=(grave, slight))
    for _ in range(2):
        await deliver(resources, database, member, ChecksRan(check_run_id=run_id))
    opened = {row["subject"]: row for row in open_incidents(database, dataset_id)}
    assert set(opened) == {str(grave), str(slight)}
    told = opened[str(grave)]
    assert (told["severity"], told["occurrences"]) == ("critical", 1)
    assert told["evidence"]["check_run_id"] == str(run_id)
    assert (told["title"], told["summary"]) == ("a.not_null", "2 of 3 values of a are missing.")
    better = make_check_run(database, member, second, results_of=(grave,), failing=(slight,))
    await deliver(resources, database, member, ChecksRan(check_run_id=better))
    assert [row["subject"] for row in open_incidents(database, dataset_id)] == [str(slight)]
    assert incident_row(database, opened[str(slight)]["id"])["version_id"] == second
    assert events_of(database, told["id"]) == ["opened", "recovered"]


async def test_a_check_with_too_little_to_judge_by_neither_opens_nor_ends_anything(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    old, new = (make_version(database, member, dataset_id, number=number) for number in (1, 2))
    one, other = (make_check(database, member, dataset_id) for _ in range(2))
    before = make_check_run(database, member, old, results_of=(other,), failing=(one,))
    await deliver(resources, database, member, ChecksRan(check_run_id=before))
    assert [row["subject"] for row in open_incidents(database, dataset_id)] == [str(one)]
    undecided = make_check_run(database, member, new, results_of=(one, other))
    statement = """UPDATE check_results SET result = result || '{"status": "skipped"}' WHERE check_run_id = %s"""
    rows_of(database, statement, undecided)
    await deliver(resources, database, member, ChecksRan(check_run_id=undecided))
    assert [row["subject"] for row in open_incidents(database, dataset_id)] == [str(one)]


async def test_runs_on_older_versions_neither_open_nor_end_anything(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    old, new = (make_version(database, member, dataset_id, number=number) for number in (1, 2))
    one, other = (make_check(database, member, dataset_id) for _ in range(2))
    newest = make_check_run(database, member, new, results_of=(other,), failing=(one,))
    await deliver(resources, database, member, ChecksRan(check_run_id=newest))
    late = make_check_run(database, member, old, results_of=(one,), failing=(other,))
    await deliver(resources, database, member, ChecksRan(check_run_id=late))
    assert [row["subject"] for row in open_incidents(database, dataset_id)] == [str(one)]


async def test_the_incident_of_a_check_that_is_dropped_ends(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    version_id, check_id = make_version(database, member, dataset_id), make_check(database, member, dataset_id)
    run_id = make_check_run(database, member, version_id, failing=(check_id,))
    await deliver(resources, database, member, ChecksRan(check_run_id=run_id))
    [opened] = open_incidents(database, dataset_id)
    await deliver(resources, database, member, CheckDropped(check_id=check_id, dataset_id=dataset_id))
    assert open_incidents(database, dataset_id) == []
    assert incident_row(database, opened["id"])["resolution"] == "ignored"


async def test_the_incident_of_a_check_that_is_switched_off_ends(
    app: FastAPI, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    version_id, check_id = make_version(database, member, dataset_id), make_check(database, member, dataset_id)
    run_id = make_check_run(database, member, version_id, failing=(check_id,))
    await deliver(resources, database, member, ChecksRan(check_run_id=run_id))
    assert len(open_incidents(database, dataset_id)) == 1
    async with client_of(app, key=member.key) as client, running_worker(resources, *OF_INCIDENTS):
        off = client.patch(f"/api/v1/checks/{check_id}", json={"enabled": False}, headers={"if-match": '"1"'})
        assert (await ok(off))["enabled"] is False
        await eventually(lambda: not open_incidents(database, dataset_id))


async def test_what_people_say_of_an_anomaly_stands_in_its_timeline_once(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    judged = f"watch:{dataset_id}:7"
    odd = trouble(dataset_id, subject=Subject(dataset_id, "metrics", "metrics"), source=judged)
    incident_id = await tell(resources, member, odd)
    assert incident_id is not None
    answered = AnomalyAnswered(
        dataset_id=dataset_id,
        anomaly_id=uuid4(),
        version_number=7,
        judged_source=judged,
        source=f"answer:{uuid4()}",
        answer="not_expected",
        user_id=member.user_id,
    )
    for _ in range(2):
        await deliver(resources, database, member, answered)
    assert events_of(database, incident_id) == ["opened", "answered"]
    [line] = rows_of(
        database, "SELECT * FROM incident_events WHERE kind = 'answered' AND incident_id = %s", incident_id
    )
    assert line["user_id"] == member.user_id
    assert (line["data"]["answer"], line["data"]["version_number"]) == ("not_expected", 7)


async def test_a_file_with_wrong_values_opens_an_incident_and_a_better_one_ends_it(
    hub_client: Callable[..., httpx.AsyncClient], owner: Member
) -> None:
    """By the hub's own processes, from an upload on."""
    async with hub_client(owner) as client:
        bad, good = (pl.DataFrame({"delay": [value, 1, 2]}) for value in (-5, 5))
        address = await dataset_with(client, csv_of(bad))
        check = {"definition": {"kind": "range", "column": "delay", "min": 0}}
        await ok(client.post(f"/api/v1/datasets/{address}/checks", json=check), 201)

        async def listed(state: str) -> list[dict[str, Any]]:
            page = await ok(client.get("/api/v1/incidents", params={"dataset": address, "state": state}))
            items: list[dict[str, Any]] = page["items"]
            return items

        await ok(client.post(f"/api/v1/datasets/{address}/versions/latest/check-runs"), 202)
        [opened] = await until(lambda: listed("open"), bool)
        assert (opened["version"], opened["occurrences"], opened["severity"]) == (1, 1, "critical")
        await add_version(client, address, "better.csv", csv_of(good))
        await ok(client.post(f"/api/v1/datasets/{address}/versions/latest/check-runs"), 202)
        [ended] = await until(lambda: listed("resolved"), bool)
    assert (ended["id"], ended["resolution"]) == (opened["id"], "recovered")
