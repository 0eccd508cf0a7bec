"""A dataset's checks on records that are sent to be looked at, and kept nowhere."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from psycopg.types.json import Jsonb

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.data.quality import records
from lyceum.data.quality.records import RecordChecks
from lyceum.data.quality.schemas import RecordsChecked
from make.accounts import Member, make_member
from make.data import make_check, make_dataset, make_version

COLUMNS = {"id": "integer", "mail": "string", "price": "float", "day": "date", "at": "timestamp_utc"}
CHECKS: tuple[dict[str, Any], ...] = (
    {"kind": "not_null", "column": "id"},
    {"kind": "range", "column": "price", "min": 0, "at_most_failing": 0.5, "severity": "warning"},
    {"kind": "in_set", "column": "mail", "values": ["a@x.org", "b@x.org"]},
    {"kind": "range", "column": "at", "min": "2024-01-01T00:00:00Z"},
    {"kind": "unique", "columns": ["id"]},
    {"kind": "range", "column": "day", "min": "2024-01-01", "partition_by": "mail", "at_most_failing": 0.5},
    {"kind": "not_null", "column": "gone"},
)


def _dataset(database: TestDatabase, owner: Member) -> tuple[UUID, str, dict[str, str]]:
    """Make a dataset with the columns and checks, and return its id, its address and the checks' names by their ids."""
    dataset_id, address = make_dataset(database, owner)
    version_id = make_version(database, owner, dataset_id)
    schema = {"columns": [{"name": name, "type": kind, "nullable": True} for name, kind in COLUMNS.items()]}
    rows_of(database, "UPDATE dataset_versions SET table_schema = %s WHERE id = %s", Jsonb(schema), version_id)
    names = {}
    for asked in CHECKS:
        subject = asked.get("column") or asked["columns"][0]
        definition = {"id": f"{subject}.{asked['kind']}", "severity": "error", **asked}
        names[str(make_check(database, owner, dataset_id, definition=definition))] = definition["id"]
    return dataset_id, address, names


async def _looked_at(client: httpx.AsyncClient, address: str, sent: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = await ok(client.post(f"/api/v1/datasets/{address}/checks/records", json=sent))
    assert RecordsChecked.model_validate(answer, extra="forbid").model_dump(mode="json") == answer
    return answer


async def test_records_are_told_which_checks_they_fail_and_nothing_is_kept(
    fresh_app: FastAPI, fresh_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_member(fresh_database)
    dataset_id, address, names = _dataset(fresh_database, owner)
    good: dict[str, Any] = {
        "id": 1,
        "mail": "a@x.org",
        "price": 1,
        "day": "2024-05-31",
        "at": "2024-01-01T01:30:00+01:00",
    }
    sent = [good, {"price": -1}, good | {"mail": "c@x.org"}, good | {"id": None, "price": None}]
    async with client_of(fresh_app, key=owner.key) as client:
        found = await _looked_at(client, address, sent)
        told = {
            item["name"]: (item["holds"], item["records_checked"], item["failing_count"], item["first_failing"])
            for item in found["items"]
        }
        assert told == {
            "id.not_null": (False, 4, 2, [2, 4]),
            "price.range": (True, 3, 1, [2]),
            "mail.in_set": (False, 3, 1, [3]),
            "at.range": (True, 3, 0, []),
        }
        assert {item["check_id"]: item["name"] for item in found["items"] + found["undecided"]} == names
        assert {item["name"]: item["severity"] for item in found["items"]}["price.range"] == "warning"
        assert {item["name"]: item["why"] for item in found["undecided"]} == {
            "id.unique": "whole_table",
            "day.range": "whole_table",
            "gone.not_null": "misfit",
        }
        assert (found["records"], found["holds"]) == (4, False)
        assert "c@x.org" not in str(found)

        # in a thread it is the same, and lines are taken as lists are
        monkeypatch.setattr(records, "ON_THE_LOOP_BYTES_MAX", 0)
        assert await _looked_at(client, address, sent) == found
        assert (await _looked_at(client, address, [good]))["holds"]
        where = f"/api/v1/datasets/{address}/checks/records"
        lines = await ok(client.post(where, content='{"id": 1}\n{}', headers={"content-type": "application/x-ndjson"}))
        assert lines["items"][0]["first_failing"] == [2]

        # what cannot be read is refused as a push is
        unfit = await client.post(where, json=[{"id": "one"}])
        assert (unfit.status_code, unfit.json()["code"]) == (422, "records_unreadable")
        assert "column 'id'" in unfit.json()["detail"]
        _, empty = make_dataset(fresh_database, owner)
        missing = await client.post(f"/api/v1/datasets/{empty}/checks/records", json=sent)
        assert (missing.status_code, missing.json()["code"]) == (404, "version_not_found")
    assert rows_of(fresh_database, "SELECT 1 FROM pushed_batches WHERE dataset_id = %s", dataset_id) == []
    assert rows_of(fresh_database, "SELECT 1 FROM audit_log WHERE object_id = %s", str(dataset_id)) == []


async def test_checks_of_records_take_two_queries_a_second_and_follow_what_is_changed(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    owner = make_member(fresh_database)
    dataset_id, address, names = _dataset(fresh_database, owner)
    sent = [{"id": 1, "price": -1}]
    async with client_of(fresh_app, key=owner.key) as client:
        first = await _looked_at(client, address, sent)
        with counted_queries(fresh_app) as queries:
            assert await _looked_at(client, address, sent) == first
        assert len(queries) == 0, queries.statements
        # as if a second had passed between any two requests
        fresh_app.state.record_checks = RecordChecks(fresh_app.state.resources, known_seconds=0)
        assert await _looked_at(client, address, sent) == first
        with counted_queries(fresh_app) as queries:
            assert await _looked_at(client, address, sent) == first
        assert len(queries) == 2, queries.statements
        check_id = next(one for one, name in names.items() if name == "price.range")
        changed = {"definition": CHECKS[1] | {"min": -5}}
        await ok(client.patch(f"/api/v1/checks/{check_id}", json=changed, headers={"if-match": '"1"'}))
        after = await _looked_at(client, address, sent)
        assert {item["name"]: item["failing_count"] for item in after["items"]}["price.range"] == 0
        await ok(client.patch(f"/api/v1/checks/{check_id}", json={"enabled": False}, headers={"if-match": '"2"'}))
        assert check_id not in {item["check_id"] for item in (await _looked_at(client, address, sent))["items"]}
        make_check(fresh_database, owner, dataset_id, definition={"id": "new", **CHECKS[0], "severity": "error"})
        assert "new" in {item["name"] for item in (await _looked_at(client, address, sent))["items"]}


async def test_who_may_only_read_learns_nothing_of_what_checks_of_marked_columns_compare_with(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    owner = make_member(fresh_database)
    reader = make_member(fresh_database, organisation=(owner.org_id, owner.org_name), role="viewer")
    dataset_id, address, _ = _dataset(fresh_database, owner)
    marks = {"mail": {"kind": "email", "is_marked": True, "said_by": "scan", "confidence": 1.0, "reason": ""}}
    rows_of(fresh_database, "UPDATE datasets SET personal_columns = %s WHERE id = %s", Jsonb(marks), dataset_id)
    sent = [{"id": 1, "mail": "a@x.org"}]
    async with client_of(fresh_app, key=owner.key) as client:
        assert "mail.in_set" in {item["name"] for item in (await _looked_at(client, address, sent))["items"]}
    async with client_of(fresh_app, key=reader.key) as client:
        seen = await _looked_at(client, address, sent)
        assert "mail.in_set" not in {item["name"] for item in seen["items"]}
        assert {"name": "mail.in_set", "why": "masked"}.items() <= seen["undecided"][-1].items()
        assert "id.not_null" in {item["name"] for item in seen["items"]}
    async with client_of(fresh_app, key=make_member(fresh_database).key) as client:
        hidden = await client.post(f"/api/v1/datasets/{address}/checks/records", json=sent)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "dataset_not_found")
