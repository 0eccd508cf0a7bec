"""Odd rows of a version, found by a job and read over HTTP."""

from collections.abc import Callable

import httpx
import numpy as np
import polars as pl
import pytest

from fixtures.staffed import csv_of, dataset_with, ok, until
from lyceum.data.quality.anomalies import rows
from lyceum.data.quality.anomalies.public import odd_rows
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]


def _table(height: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    distance = random.choice([200.0, 800.0, 2500.0], size=height)
    table = pl.DataFrame({"distance": distance, "minutes": distance / 8 + random.normal(size=height), "kind": "usual"})
    table[7, "minutes"] = 9000.0
    return table


async def test_odd_rows_are_found_with_the_columns_that_made_them_odd(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as stranger:
        address = await dataset_with(client, csv_of(_table(300)))
        path = f"/api/v1/datasets/{address}/versions/latest/odd-rows"
        begun = await ok(client.post(path, json={"rows": 3}), 202)
        assert (begun["state"], begun["rows"]) == ("queued", [])
        found = await until(
            lambda: ok(client.get(f"/api/v1/odd-rows/{begun['id']}")), lambda search: search["state"] != "queued"
        )
        assert (found["state"], len(found["rows"])) == ("done", 3)
        oddest = found["rows"][0]
        assert (oddest["row"], oddest["columns"][0]["column"], oddest["columns"][0]["value"]) == (8, "minutes", 9000.0)
        assert [one["id"] for one in (await ok(client.get(path)))["items"]] == [begun["id"]]
        assert (await stranger.get(f"/api/v1/odd-rows/{begun['id']}")).json()["code"] == "odd_row_search_not_found"
        assert (await ok(client.post(path, json={"rows": 501}), 422))["code"]


def test_rows_read_part_by_part_are_as_odd_as_rows_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = _table(30_000)
    at_once = odd_rows(table, rows_max=5)
    monkeypatch.setattr(rows, "READ_CELLS", 1)
    monkeypatch.setattr(rows, "CHUNK_ROWS", 7_000)
    asked: list[None] = []
    assert odd_rows(table.lazy(), rows_max=5, stop_if_asked=lambda: asked.append(None)) == at_once
    assert len(asked) == 5
    assert len(at_once) == 5
