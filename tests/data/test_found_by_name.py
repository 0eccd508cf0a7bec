"""Lists of datasets, models and runs, asked for by a part of their names."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of
from fixtures.servers import TestDatabase
from make.accounts import Member
from make.data import make_dataset, make_version
from make.predictions import make_model
from make.train import make_run


async def _names(client: httpx.AsyncClient, path: str, **query: Any) -> list[str]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def test_datasets_are_found_however_the_name_is_written_and_by_pages(
    app: FastAPI, database: TestDatabase, member: Member, stranger: Member
) -> None:
    for name in ("Flights-2013", "weather_10", "flights-2014"):
        make_dataset(database, member, name=name)
    make_dataset(database, stranger, name="flights-of-others")
    async with client_of(app, key=member.key) as client:
        path = "/api/v1/datasets"
        assert await _names(client, path, named="LIGHT") == ["flights-2014", "Flights-2013"]
        assert await _names(client, path, named="r_1") == ["weather_10"]
        assert await _names(client, path, named="%") == []
        first = (await client.get(path, params={"named": "flights", "limit": 1})).json()
        assert [item["name"] for item in first["items"]] == ["flights-2014"]
        assert await _names(client, path, named="flights", limit=1, cursor=first["next"]) == ["Flights-2013"]


async def test_models_are_found_by_a_part_of_their_name(
    app: FastAPI, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    for name in ("Churn", "late_flights"):
        make_model(database, tmp_path, member, name=name)
    async with client_of(app, key=member.key) as client:
        assert await _names(client, "/api/v1/models", named="hur") == ["Churn"]
        assert await _names(client, "/api/v1/models", named="e_f") == ["late_flights"]


async def test_runs_are_found_by_what_they_forecast(app: FastAPI, database: TestDatabase, member: Member) -> None:
    dataset_id, _ = make_dataset(database, member)
    run_id = make_run(database, member, make_version(database, member, dataset_id))
    async with client_of(app, key=member.key) as client:
        found = (await client.get("/api/v1/runs", params={"named": "A"})).json()["items"]
        assert [run["id"] for run in found] == [str(run_id)]
        assert (await client.get("/api/v1/runs", params={"named": "b"})).json()["items"] == []


@pytest.mark.parametrize("kind", ["datasets", "models", "runs"])
async def test_an_empty_name_is_refused(app: FastAPI, member: Member, kind: str) -> None:
    async with client_of(app, key=member.key) as client:
        assert (await client.get(f"/api/v1/{kind}", params={"named": ""})).status_code == 422
