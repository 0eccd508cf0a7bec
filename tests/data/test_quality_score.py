"""The data-quality score with its terms, and how lists of datasets show health."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl

from fixtures.staffed import add_version, csv_of, dataset_with, ok, until
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]


def _table(gaps: int) -> bytes:
    return csv_of(pl.DataFrame({"id": range(100), "age": [None if n < gaps else n for n in range(100)]}))


async def _quality(client: httpx.AsyncClient, address: str, version: int) -> dict[str, Any]:
    quality: dict[str, Any] = await until(
        lambda: ok(client.get(f"/api/v1/datasets/{address}/quality")), lambda found: found["version"] == version
    )
    return quality


async def test_the_score_is_its_terms_by_its_formula(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, _table(0))
        path = f"/api/v1/datasets/{address}"
        none = await ok(client.get(f"{path}/quality"))
        assert (none["score"], none["state"], none["terms"]) == (None, None, [])
        for definition in (
            {"kind": "not_null", "column": "age"},
            {"kind": "unique", "columns": ["id"], "severity": "warning"},
            {"kind": "row_count", "min": 1000, "severity": "warning"},
            {"kind": "drift", "columns": ["age"]},
        ):
            await ok(client.post(f"{path}/checks", json={"definition": definition}), 201)
        await ok(client.post(f"{path}/versions/1/check-runs"), 202)
        first = await _quality(client, address, 1)
        # 3 of weight for the column, 1 for the key, nothing of 1 for the size; drift has nothing to compare with
        assert (first["score"], first["state"]) == (80.0, "passed")
        assert [(term["name"], term["weight"], term["credit"]) for term in first["terms"]] == [
            ("age.not_null", 3, 1.0),
            ("id.unique", 1, 1.0),
            ("row_count", 1, 0.0),
            ("age.drift", 0, 0.0),
        ]
        assert {each["dimension"]: each["score"] for each in first["dimensions"]} == {
            "completeness": 100.0,
            "uniqueness": 100.0,
            "volume": 0.0,
        }
        assert "Σ(weight · credit)" in first["formula"]

        await add_version(client, address, "gaps.csv", _table(40))
        worse = await _quality(client, address, 2)
        assert worse["state"] == "failed"
        assert {term["name"]: term["credit"] for term in worse["terms"]}["age.not_null"] == 0.3
        weight = sum(term["weight"] for term in worse["terms"])
        score = 100 * sum(term["weight"] * term["credit"] for term in worse["terms"]) / weight
        assert worse["score"] == round(score, 2)

        # an older version that is checked again says nothing of the dataset as it is now
        again = await ok(client.post(f"{path}/versions/1/check-runs"), 202)
        await until(lambda: ok(client.get(f"/api/v1/check-runs/{again['id']}")), lambda run: run["state"] != "queued")
        assert await ok(client.get(f"{path}/quality")) == worse


async def test_a_list_of_datasets_shows_how_each_stands(hub_client: Client, owner: Member, outsider: Member) -> None:
    async with hub_client(owner) as client:
        plain = await dataset_with(client, _table(0))
        address = await dataset_with(client, _table(10))
        check = {"definition": {"kind": "not_null", "column": "age"}}
        await ok(client.post(f"/api/v1/datasets/{address}/checks", json=check), 201)
        await ok(client.post(f"/api/v1/datasets/{address}/versions/1/check-runs"), 202)
        await _quality(client, address, 1)
        listed = await until(
            lambda: ok(client.get("/api/v1/datasets")),
            lambda page: page["items"][0]["health"]["open_incidents"] == 1,
        )
        assert [each["address"] for each in listed["items"]] == [address, plain]
        health = listed["items"][0]["health"]
        assert (health["state"], health["score"]) == ("failed", 45.0)
        nothing = {"state": None, "score": None, "checked_at": None, "open_incidents": 0}
        assert listed["items"][1]["health"] == nothing
        await ok(
            client.patch(f"/api/v1/datasets/{address}", json={"visibility": "internal"}, headers={"if-match": "*"})
        )
    async with hub_client(outsider) as client:
        [seen] = [each for each in (await ok(client.get("/api/v1/datasets")))["items"] if each["address"] == address]
        # whoever may read the rows of another organisation's dataset sees none of its checks
        assert seen["health"] == nothing
