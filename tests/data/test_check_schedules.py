"""Checks that run by their schedules, on a real hub with its worker."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, csv_of, dataset_with, ok, until
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
DUE = "UPDATE job_schedules SET next_at = now() - interval '1 second' WHERE name = %s"
OF_CHECK = "SELECT cron, zone FROM job_schedules WHERE name = %s"


async def test_a_check_runs_alone_when_its_schedule_says_so_until_it_is_switched_off(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({"day": ["2013-01-01", "2013-01-02"]})))
        path = f"/api/v1/datasets/{address}"
        stale = {"kind": "freshness", "column": "day", "age_seconds_max": 86_400}
        wanted: dict[str, Any] = {"definition": stale, "schedule": "0 6 * * 1-5", "zone": "Europe/Berlin"}
        check = await ok(client.post(f"{path}/checks", json=wanted), 201)
        await ok(client.post(f"{path}/checks", json={"definition": {"kind": "row_count", "min": 1}}), 201)
        name = f"check:{check['id']}"
        assert rows_of(staffed_hub.database, OF_CHECK, name) == [{"cron": "0 6 * * 1-5", "zone": "Europe/Berlin"}]

        rows_of(staffed_hub.database, DUE, name)
        found = await until(
            lambda: ok(client.get(f"{path}/versions/1/check-runs")),
            lambda page: page["items"] and page["items"][0]["state"] != "queued",
        )
        [run] = found["items"]
        assert (run["origin"], run["state"]) == ("schedule", "failed")
        [result] = (await ok(client.get(f"/api/v1/check-runs/{run['id']}")))["results"]
        assert result["check_id"] == check["id"]

        # an incident is open about it, and nothing is said of the other check
        page = await until(lambda: ok(client.get("/api/v1/incidents")), lambda page: page["items"])
        assert [each["dataset"] for each in page["items"]] == [address]

        off = {"enabled": False}
        await ok(client.patch(f"/api/v1/checks/{check['id']}", json=off, headers={"if-match": "*"}))
        assert rows_of(staffed_hub.database, OF_CHECK, name) == []
        on = await ok(client.patch(f"/api/v1/checks/{check['id']}", json={"enabled": True}, headers={"if-match": "*"}))
        assert (on["enabled"], on["revision"]) == (True, 3)
        assert len(rows_of(staffed_hub.database, OF_CHECK, name)) == 1
        assert (await client.delete(f"/api/v1/checks/{check['id']}")).status_code == 204
        assert rows_of(staffed_hub.database, OF_CHECK, name) == []
