"""Checks that look beside their table, run by a real worker: an earlier version, another dataset, a query."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl

from fixtures.staffed import add_version, csv_of, dataset_with, ok, until
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]


def _orders(rows: int, *, dearer: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "order_id": range(rows),
            "customer": [n % 10 for n in range(rows)],
            "net": [n % 97 + dearer for n in range(rows)],
            "total": [(n % 97 + dearer) * 1.19 for n in range(rows)],
        }
    )


async def _checked(client: httpx.AsyncClient, address: str, version: int) -> dict[str, Any]:
    begun = await ok(client.post(f"/api/v1/datasets/{address}/versions/{version}/check-runs", json={}), 202)
    run: dict[str, Any] = await until(
        lambda: ok(client.get(f"/api/v1/check-runs/{begun['id']}")), lambda found: found["state"] != "queued"
    )
    return {result["definition"]["id"]: result for result in run["results"]}


async def test_checks_compare_with_an_earlier_version_and_another_dataset(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(outsider) as client:
        hidden = await dataset_with(client, csv_of(pl.DataFrame({"id": range(9)})))
    async with hub_client(owner) as client:
        customers = await dataset_with(client, csv_of(pl.DataFrame({"id": range(9)})))
        address = await dataset_with(client, csv_of(_orders(1000)))
        for check in (
            {"kind": "volume", "fall_max": 0.5},
            {"kind": "drift", "columns": ["net"], "reference": "@1"},
            {"kind": "outliers", "column": "total", "reference": "previous"},
            {"kind": "referential", "columns": ["customer"], "to": customers, "to_columns": ["id"]},
            {"kind": "referential", "columns": ["order_id"], "to": hidden, "to_columns": ["id"], "severity": "warning"},
            {"kind": "expression", "expression": "total >= net", "tags": ["money"], "owner": "sales data"},
            {"kind": "sql", "query": "SELECT order_id FROM data WHERE net > 1000"},
        ):
            await ok(client.post(f"/api/v1/datasets/{address}/checks", json={"definition": check}), 201)
        again = {"kind": "expression", "expression": "total >= net", "owner": "somebody else"}
        refused = await client.post(f"/api/v1/datasets/{address}/checks", json={"definition": again})
        assert (refused.status_code, refused.json()["code"]) == (409, "check_exists")

        first = await _checked(client, address, 1)
        assert {name: first[name]["status"] for name in ("volume", "total.outliers", "net.drift")} == {
            "volume": "skipped",
            "total.outliers": "skipped",
            "net.drift": "passed",
        }
        await add_version(client, address, "later.csv", csv_of(_orders(400, dearer=40.0)))
        later = await _checked(client, address, 2)
    assert {name: result["status"] for name, result in later.items()} == {
        "volume": "failed",
        "net.drift": "failed",
        "total.outliers": "passed",
        "customer.referential": "failed",
        "order_id.referential": "errored",
        "total+net.expression": "passed",
        "sql": "passed",
    }
    assert later["customer.referential"]["failing_count"] == 40
    assert hidden in later["order_id.referential"]["sentence"]
    assert later["volume"]["sentence"] == "The table has 400 rows, 60 % fewer than the reference's 1,000."
