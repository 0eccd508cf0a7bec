"""What people are told of their own work, when it ends while they look elsewhere."""

from collections.abc import Callable

import httpx
import polars as pl

from fixtures.app import rows_of
from fixtures.staffed import (
    StaffedHub,
    add_version,
    begin_version,
    csv_of,
    dataset_with,
    ended_run,
    new_dataset,
    ok,
    settled_version,
)
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]


def told(hub: StaffedHub, who: Member) -> list[tuple[str, dict[str, str]]]:
    """What somebody was told."""
    rows = rows_of(hub.database, "SELECT kind, data FROM notices WHERE user_id = %s ORDER BY id", who.user_id)
    return [(row["kind"], row["data"]) for row in rows]


async def test_who_sent_a_bad_file_is_told_why_it_is_no_version(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        version = await add_version(client, address, "twice.csv", b"a,b,A\n1,2,3\n")
    reason = version["error"]["detail"]
    assert told(staffed_hub, owner) == [
        ("version_rejected", {"dataset": address, "file_name": "twice.csv", "reason": reason})
    ]


async def test_who_calls_a_file_off_is_not_told_of_it(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await new_dataset(client)
        begun = await begin_version(client, address, "a.csv", csv_of(pl.DataFrame({"a": range(50_000)})))
        await ok(client.post(f"/api/v1/jobs/{begun['job_id']}/cancel"))
        version = await settled_version(client, begun["id"])
    assert version["error"]["code"] == "cancelled"
    assert told(staffed_hub, owner) == []


async def test_who_started_a_training_is_told_why_there_is_no_model(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({"x": range(40), "y": [None] * 40})))
        wanted = {"dataset": address, "target": "y", "time_limit_seconds": 3}
        run = await ended_run(client, (await ok(client.post("/api/v1/runs", json=wanted), 202))["id"])
    facts = {"run_id": run["id"], "dataset": address, "target": "y", "reason": run["error"]["detail"]}
    assert told(staffed_hub, owner) == [("run_failed", facts)]
