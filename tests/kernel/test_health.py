"""What a supervisor and a monitor ask is answered in time, whatever else waits for the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, running_app, settings_for
from fixtures.servers import TestDatabase
from lyceum.kernel.db import TURNS_ASIDE
from lyceum.kernel.disk import Disk
from lyceum.kernel.http.health import add_health


@asynccontextmanager
async def _taken(turns: asyncio.Semaphore, count: int) -> AsyncIterator[None]:
    for _ in range(count):
        await turns.acquire()
    yield
    for _ in range(count):
        turns.release()


async def test_ready_is_told_while_all_turns_for_the_database_are_taken(
    app: FastAPI, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.tx.TURN_SECONDS_MAX", 0.02)
    async with _taken(app.state.resources.database.turn_aside, TURNS_ASIDE):
        answer = await anonymous.get("/api/v1/sign-on/nowhere")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["detail"] == (
            "Too many requests wait for the hub's database just now; try again in a moment."
        )
        assert (await anonymous.get("/health/ready")).json() == {"status": "ready"}
    assert (await anonymous.get("/api/v1/sign-on/nowhere")).status_code == 404


async def test_ready_is_told_in_time_however_many_ask(
    app: FastAPI, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.http.health.READY_SECONDS_MAX", 0.02)
    async with _taken(app.state.resources.database.turn_of_health, 1):
        answers = await asyncio.gather(*(anonymous.get("/health/ready") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {503}


async def test_ready_tells_whether_valkey_is_there(
    client: httpx.AsyncClient, database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert (await client.get("/health/ready")).json() == {"status": "ready"}
    async with (
        running_app(settings_for(database, tmp_path_factory.mktemp("other"))) as app,
        client_of(app) as without,
    ):
        assert (await without.get("/health/ready")).json() == {"status": "degraded"}


async def test_the_queue_is_counted_in_turn_with_what_has_no_transaction_of_its_own(
    app: FastAPI, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lyceum.kernel.tx.TURN_SECONDS_MAX", 0.02)
    async with _taken(app.state.resources.database.turn_aside, TURNS_ASIDE):
        assert (await anonymous.get("/metrics")).status_code == 200
    assert [record.message for record in caplog.records if "queue" in record.message] == [
        "the queue could not be counted"
    ]


async def test_whoever_asks_for_figures_while_they_are_counted_gets_those() -> None:
    counted, done = [], asyncio.Event()

    async def count(database: object) -> None:
        counted.append(database)
        await done.wait()

    app = FastAPI()
    app.state.resources = SimpleNamespace(database="the database", disk=Disk((Path("/"),), 0))
    add_health(app, refresh=count)
    async with client_of(app) as client:
        asking = [asyncio.create_task(client.get("/metrics")) for _ in range(20)]
        await eventually(lambda: counted)
        # the one that began to count goes away, the others do not lose by it
        asking[0].cancel()
        await asyncio.wait(asking, timeout=0)
        done.set()
        answers = await asyncio.gather(*asking[1:])
        assert {answer.status_code for answer in answers} == {200}
        assert counted == ["the database"]
        await client.get("/metrics")
    assert counted == ["the database"] * 2
