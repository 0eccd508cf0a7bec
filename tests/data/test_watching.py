"""The metrics of a dataset's versions are watched, and people answer what was odd."""

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, until
from make.accounts import Member
from make.watching import POINTS, delays, learned


async def answers(client: httpx.AsyncClient, incident_id: str) -> list[dict[str, Any]]:
    page = await ok(client.get(f"/api/v1/incidents/{incident_id}/events"))
    lines: list[dict[str, Any]] = page["items"]
    return [line for line in lines if line["kind"] == "answered"]


async def test_what_is_watched_no_more_leaves_no_incident_open(
    hub_client: Callable[..., httpx.AsyncClient], staffed_hub: StaffedHub, owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(delays(100)))
        place = f"/api/v1/datasets/{address}"
        await ok(client.put(f"{place}/watch", json={"enabled": True}))
        await until(lambda: ok(client.get(f"{place}/watch")), lambda watch: watch["watched_version"] == 1)
        statement = "UPDATE dataset_watches SET state = %s, memory = %s WHERE org_id = %s"
        rows_of(staffed_hub.database, statement, *learned(), owner.org_id)
        await add_version(client, address, "late.csv", csv_of(delays(101, late=60)))

        async def incidents(state: str) -> Any:
            return (await ok(client.get("/api/v1/incidents", params={"dataset": address, "state": state})))["items"]

        [incident] = await until(partial(incidents, "open"), lambda found: len(found) == 1)
        await ok(client.put(f"{place}/watch", json={"enabled": False}))
        [over] = await until(partial(incidents, "resolved"), lambda found: len(found) == 1)
        assert (over["id"], over["resolution"]) == (incident["id"], "ignored")
        newest, *_ = (await ok(client.get(f"/api/v1/incidents/{over['id']}/events")))["items"]
        assert (newest["kind"], newest["data"]["why"]) == ("resolved", "watch_ended")


async def test_an_odd_version_opens_an_incident_and_being_told_that_it_was_expected_ends_it(
    hub_client: Callable[..., httpx.AsyncClient], staffed_hub: StaffedHub, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(delays(100)))
        place = f"/api/v1/datasets/{address}"
        assert (await ok(client.get(f"{place}/watch")))["watched_version"] == 0
        assert await ok(client.get(f"{place}/anomalies/metrics")) == {"items": []}
        await ok(client.put(f"{place}/watch", json={"enabled": True}))

        async def watched(number: int) -> Any:
            return await until(
                lambda: ok(client.get(f"{place}/watch")), lambda watch: watch["watched_version"] == number
            )

        assert (await watched(1))["points"] == 1
        state, memory = learned()
        rows_of(
            staffed_hub.database,
            "UPDATE dataset_watches SET state = %s, memory = %s WHERE org_id = %s",
            *(state, memory, owner.org_id),
        )
        await add_version(client, address, "late.csv", csv_of(delays(101, late=60)))
        assert (await watched(2))["points"] == POINTS + 1
        [odd] = (await ok(client.get(f"{place}/anomalies")))["items"]
        assert (odd["version_number"], odd["answer"]) == (2, None)
        assert odd["findings"][0]["metric"].startswith("delay|")

        async def open_incidents() -> list[dict[str, Any]]:
            page = await ok(client.get("/api/v1/incidents", params={"dataset": address, "state": "open"}))
            items: list[dict[str, Any]] = page["items"]
            return items

        [incident] = await until(open_incidents, lambda found: len(found) == 1)
        assert incident["kind"] == "metrics"
        listed = (await ok(client.get(f"{place}/anomalies/metrics")))["items"]
        assert {"metric": "|rows", "column": "", "kind": "rows", "value": 200.0, "is_odd": False} in listed
        series = await ok(client.get(f"{place}/anomalies/metrics/delay|mean"))
        last = series["points"][-1]
        assert (last["mark"], last["anomaly_id"]) == ("held", odd["id"])
        assert last["value"] > last["high"] > last["expected"]
        answer = f"{place}/anomalies/{odd['id']}/answer"
        told = await ok(client.put(answer, json={"answer": "expected"}))
        assert told["answer"] == "expected"
        await until(open_incidents, lambda found: not found)
        [line] = await until(partial(answers, client, incident["id"]), lambda found: len(found) == 1)
        assert (line["data"]["answer"], line["by"]["user_id"]) == ("expected", str(owner.user_id))
        series = await ok(client.get(f"{place}/anomalies/metrics/delay|mean"))
        assert (series["points"][-1]["mark"], series["points"][-1]["answer"]) == ("expected", "expected")
        audited = "SELECT * FROM audit_log WHERE org_id = %s AND action = 'answer_anomaly'"
        [line] = rows_of(staffed_hub.database, audited, owner.org_id)
        assert line["actor_id"] == owner.user_id
        await ok(client.get(f"{place}/anomalies/metrics/no|such"), 404)
        async with hub_client(outsider) as other:
            await ok(other.get(f"{place}/anomalies"), 404)
            await ok(other.put(answer, json={"answer": "not_expected"}), 404)
