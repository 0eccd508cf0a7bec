"""Rows that failed checks become a dataset of their own."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl

from fixtures.staffed import csv_of, dataset_with, new_dataset, ok, settled_version, until
from lyceum.data.quality.engine.public import checks_from_plain, failing_rows
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]

TABLE = pl.DataFrame({"id": [1, 2, 2, 4, 5], "age": [30, -1, 40, None, 200], "row_number": list("abcde")})
CHECKS: tuple[dict[str, Any], ...] = (
    {"kind": "range", "column": "age", "min": 0, "max": 120},
    {"kind": "not_null", "column": "age"},
    {"kind": "unique", "columns": ["id"]},
    {"kind": "in_set", "column": "row_number", "values": [f"v{n}" for n in range(30)] + list("abcd")},
    {"kind": "row_count", "min": 100},
)


def test_failing_rows_are_found_with_their_numbers_and_the_checks_each_failed() -> None:
    found = failing_rows(TABLE.lazy(), checks_from_plain(CHECKS))
    assert found is not None
    rows = found.collect(engine="streaming")
    assert rows.columns == ["row_number_", "failed_checks", "id", "age", "row_number"]
    ids = [check.id for check in checks_from_plain(CHECKS)]
    assert dict(rows.select("row_number_", "failed_checks").iter_rows()) == {
        2: f"{ids[0]}, {ids[2]}",
        3: ids[2],
        4: ids[1],
        5: f"{ids[0]}, {ids[3]}",
    }
    whole = failing_rows(TABLE.lazy(), checks_from_plain(CHECKS[4:]))
    assert whole is None


async def _run(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    begun = await ok(client.post(f"/api/v1/datasets/{address}/versions/1/check-runs"), 202)
    run: dict[str, Any] = await until(
        lambda: ok(client.get(f"/api/v1/check-runs/{begun['id']}")), lambda run: run["state"] != "queued"
    )
    return run


async def _is_found_from_both_sides(client: httpx.AsyncClient, address: str, made: str) -> None:
    """Ask lineage on either side, and an erasure, which does not reach the copy and says so."""
    derived = {"source": f"version:{address}@1", "target": f"version:{made}@1", "kind": "derived"}
    origin = await ok(client.get(f"/api/v1/datasets/{address}/lineage"))
    assert derived in origin["edges"]
    copy = await ok(client.get(f"/api/v1/datasets/{made}/lineage"))
    assert copy["edges"] == [derived]
    assert [node["title"] for node in copy["nodes"]] == ["version 1", f"{address}@1"]
    wanted = {"column": "age", "value": "no such age"}
    begun = await ok(client.post(f"/api/v1/datasets/{address}/erasures", json=wanted), 202)
    erasure = await until(
        lambda: ok(client.get(f"/api/v1/dataset-erasures/{begun['id']}")), lambda found: found["state"] != "queued"
    )
    assert erasure["made_into"] == [made]


async def test_failing_rows_of_a_run_become_versions_of_a_dataset(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as stranger:
        address = await dataset_with(client, csv_of(TABLE), sensitive=True)
        for definition in CHECKS:
            await ok(client.post(f"/api/v1/datasets/{address}/checks", json={"definition": definition}), 201)
        run = await _run(client, address)
        path = f"/api/v1/check-runs/{run['id']}/quarantine"
        kinds = {one["definition"]["kind"]: one["check_id"] for one in run["results"]}

        begun = await ok(client.post(path, json={"dataset": "bad"}), 202)
        all_of_them = await settled_version(client, begun["id"])
        assert (all_of_them["state"], all_of_them["number"], all_of_them["row_count"]) == ("accepted", 1, 4)
        assert all_of_them["source"]["format"] == "quarantine"
        assert all_of_them["source"]["check_run_id"] == run["id"]
        await _is_found_from_both_sides(client, address, begun["dataset"])
        kept = await ok(client.get(f"/api/v1/datasets/{begun['dataset']}"))
        assert (kept["sensitive"], kept["visibility"]) == (True, "private")

        wanted = {"dataset": "bad", "check_id": kinds["not_null"]}
        again = await settled_version(client, (await ok(client.post(path, json=wanted), 202))["id"])
        assert (again["state"], again["number"], again["row_count"]) == ("accepted", 2, 1)

        # what names no rows, where nothing may be written, and what would be lost or seen there
        refused = {
            "nothing_to_quarantine": {"dataset": "bad", "check_id": kinds["row_count"]},
            "into_itself": {"dataset": address.partition("/")[2]},
            "less_watched": {"dataset": (await new_dataset(client)).partition("/")[2]},
        }
        for code, body in refused.items():
            assert (await ok(client.post(path, json=body), 409))["code"] == code
        assert (await ok(stranger.post(path, json={"dataset": "bad"}), 404))["code"] == "check_run_not_found"

        # a set's values are kept with the check alone
        await ok(
            client.patch(
                f"/api/v1/checks/{kinds['in_set']}",
                headers={"if-match": '"1"'},
                json={"definition": {"kind": "in_set", "column": "row_number", "values": ["z"]}},
            )
        )
        wanted = {"dataset": "bad", "check_id": kinds["in_set"]}
        assert (await ok(client.post(path, json=wanted), 409))["code"] == "check_changed_since"
