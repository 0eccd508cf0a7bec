"""Checks tried, changed and followed over HTTP, on a real hub."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest

from fixtures.staffed import add_version, csv_of, dataset_with, ok, until
from lyceum.data.quality import trial
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]


def _readings(rows: int) -> bytes:
    return csv_of(
        pl.DataFrame(
            {
                "reading": range(rows),
                "celsius": [None if n % 10 == 0 else float(n % 30) for n in range(rows)],
                "station": ["AB"[n % 2] for n in range(rows)],
            }
        )
    )


async def _tried(client: httpx.AsyncClient, address: str, **definition: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await ok(
        client.post(f"/api/v1/datasets/{address}/checks/try", json={"definition": definition})
    )
    return answer


async def _ended(client: httpx.AsyncClient, address: str, version: int, *, runs: int = 1) -> list[dict[str, Any]]:
    """Return the runs of a version, newest first, once there are so many and all have ended."""
    found = await until(
        lambda: ok(client.get(f"/api/v1/datasets/{address}/versions/{version}/check-runs")),
        lambda page: len(page["items"]) == runs and all(run["state"] != "queued" for run in page["items"]),
    )
    listed: list[dict[str, Any]] = found["items"]
    return listed


async def test_a_check_is_tried_on_the_first_rows_and_nothing_is_kept(
    hub_client: Client, owner: Member, outsider: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "ROWS_MAX", 100)
    async with hub_client(owner) as client:
        address = await dataset_with(client, _readings(400))
        customers = await dataset_with(client, csv_of(pl.DataFrame({"station": ["A"]})))

        gaps = await _tried(client, address, kind="not_null", column="celsius")
        assert (gaps["version"], gaps["row_count"], gaps["rows_tried"], gaps["is_sample"]) == (1, 400, 100, True)
        result = gaps["result"]
        assert (result["check_id"], result["status"], result["failing_count"]) == (None, "failed", 10)
        assert result["failing_rows"][0]["values"]["celsius"] is None
        assert result["metrics"] == {"failing": 10}

        # what is asked of the table as a whole is asked of all of it
        size = await _tried(client, address, kind="row_count", min=400)
        assert (size["result"]["status"], size["rows_tried"], size["is_sample"]) == ("passed", 400, False)
        parts = await _tried(client, address, kind="not_null", column="celsius", partition_by="station")
        assert parts["result"]["partitions"] == [{"value": "A", "rows_checked": 50, "failing_count": 10}]
        away = await _tried(
            client, address, kind="referential", columns=["station"], to=customers, to_columns=["station"]
        )
        assert away["result"]["failing_count"] == 50
        query = await _tried(client, address, kind="sql", query="SELECT 1 FROM data WHERE reading > 98")
        assert query["result"]["failing_count"] == 1

        wrong = await client.post(
            f"/api/v1/datasets/{address}/checks/try", json={"definition": {"kind": "not_null", "column": "celcius"}}
        )
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_check")
        assert "celsius" in wrong.json()["detail"]
        assert (await ok(client.get(f"/api/v1/datasets/{address}/checks")))["items"] == []
    async with hub_client(outsider) as client:
        hidden = await client.post(
            f"/api/v1/datasets/{address}/checks/try", json={"definition": {"kind": "row_count", "min": 1}}
        )
    assert hidden.status_code == 404


async def test_a_trial_that_takes_too_long_is_told_and_others_are_told_to_wait(
    hub_client: Client, owner: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"definition": {"kind": "sql", "query": "SELECT count(*) FROM range(10000000000) HAVING count(*) = 3"}}
    async with hub_client(owner) as client:
        address = await dataset_with(client, _readings(10))
        await _tried(client, address, kind="row_count", min=1)
        monkeypatch.setattr(trial, "SECONDS_MAX", 0.01)
        slow = await client.post(f"/api/v1/datasets/{address}/checks/try", json=asked)
        assert (slow.status_code, slow.json()["code"]) == (422, "trial_too_slow")
        again = await client.post(f"/api/v1/datasets/{address}/checks/try", json=asked)
        assert again.json()["code"] == "trial_too_slow"
        # both places are taken until the queries end
        busy = await client.post(f"/api/v1/datasets/{address}/checks/try", json=asked)
        assert (busy.status_code, busy.json()["code"]) == (503, "trials_busy")
        monkeypatch.setattr(trial, "SECONDS_MAX", 30)
        size = {"definition": {"kind": "row_count", "min": 1}}
        await until(
            lambda: client.post(f"/api/v1/datasets/{address}/checks/try", json=size),
            lambda answer: answer.status_code == 200,
        )


async def test_a_check_is_changed_from_the_revision_that_was_read(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, _readings(40))
        path = f"/api/v1/datasets/{address}/checks"
        check = await ok(client.post(path, json={"definition": {"kind": "not_null", "column": "celsius"}}), 201)
        other = await ok(client.post(path, json={"definition": {"kind": "not_null", "column": "station"}}), 201)
        here = f"/api/v1/checks/{check['id']}"
        assert (await client.patch(here, json={"severity": "warning"})).status_code == 428
        changed = await ok(
            client.patch(
                here,
                json={"severity": "warning", "tags": ["weather"], "owner": "station crew", "blocking": True},
                headers={"if-match": '"1"'},
            )
        )
        told = changed["definition"]
        assert (told["id"], told["severity"], told["tags"]) == ("celsius.not_null", "warning", ["weather"])
        assert (told["owner"], told["blocking"], changed["revision"]) == ("station crew", True, 2)
        stale = await client.patch(here, json={"enabled": False}, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["newest"]["revision"]) == (412, 2)
        for body, code in (
            ({}, "check_unchanged"),
            ({"definition": {"kind": "not_null", "column": "stations"}}, "invalid_check"),
            (
                {"definition": {"kind": "not_null", "column": "station"}, "severity": "error", "blocking": None},
                "check_exists",
            ),
            ({"schedule": "at noon"}, "schedule_invalid"),
            ({"schedule": "* * * * *"}, "check_too_often"),
        ):
            refused = await client.patch(here, json=body, headers={"if-match": "*"})
            assert refused.json()["code"] == code, refused.text
        assert await ok(client.get(path)) == {"items": [changed, other]}


async def test_checks_run_on_each_new_version_and_leave_a_history_of_their_metrics(
    hub_client: Client, owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, _readings(40))
        path = f"/api/v1/datasets/{address}/checks"
        check = await ok(
            client.post(
                path, json={"definition": {"kind": "not_null", "column": "celsius", "partition_by": "station"}}
            ),
            201,
        )
        unheard = await ok(client.post(path, json={"definition": {"kind": "row_count", "min": 1}}), 201)
        await ok(client.patch(f"/api/v1/checks/{unheard['id']}", json={"enabled": False}, headers={"if-match": "*"}))
        for number, rows in ((2, 80), (3, 120)):
            await add_version(client, address, "later.csv", _readings(rows))
            [run] = await _ended(client, address, number)
            assert (run["origin"], run["state"]) == ("version", "failed")
        full = await ok(client.get(f"/api/v1/check-runs/{run['id']}"))
        [result] = full["results"]
        assert result["metrics"] == {"failing": 12, "partitions": 2, "partitions_failing": 1}
        history = await ok(client.get(f"{path}/{check['id']}/history", params={"limit": 1}))
        older = await ok(client.get(f"{path}/{check['id']}/history", params={"cursor": history["next"]}))
        points = history["items"] + older["items"]
        assert [(point["version"], point["metrics"]["failing"]) for point in points] == [(3, 12), (2, 8)]
        assert points[0]["check_run_id"] == run["id"]
        assert (await client.get(f"{path}/{unheard['id']}/history")).json()["items"] == []
        elsewhere = await dataset_with(client, _readings(3))
        assert (await client.get(f"/api/v1/datasets/{elsewhere}/checks/{check['id']}/history")).status_code == 404
