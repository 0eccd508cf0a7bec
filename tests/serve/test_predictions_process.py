"""The prediction process on a real socket, while what it relies on comes and goes."""

import asyncio
import math
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.app import ServedProcess, eventually, free_port, rows_of, served, settings_for
from fixtures.servers import OwnServers, TestDatabase
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from make.accounts import Member, make_member
from make.predictions import MadeModel, flight, make_model, onnx_file

VALKEY_REST_SECONDS = 1.0
BODY = {"rows": [flight(1)]}


@contextmanager
def predicting(settings: Settings, **more: Any) -> Iterator[tuple[ServedProcess, str]]:
    """Run a prediction process over the settings; yields it and its address."""
    own = settings.model_copy(update={"predict_port": free_port(), **more})
    own.model_fields_set.update({"predict_port", *more})
    with served("lyceum.predict", own) as process:
        yield process, f"http://127.0.0.1:{own.predict_port}"


@pytest.fixture
def model(database: TestDatabase, tmp_path: Path, member: Member) -> MadeModel:
    return make_model(database, tmp_path, member, onnx_file())


@asynccontextmanager
async def client_at(url: str, who: Member | None = None) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=32)
    headers = who.headers if who else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30, trust_env=False) as client:
        yield client


async def test_the_process_predicts_tells_its_health_and_refuses_other_names(
    hub_settings: Settings, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    with predicting(hub_settings) as (process, url):
        async with client_at(url, member) as client:
            reply = await client.post(model.path(), json=BODY)
            assert reply.status_code == 200
            assert reply.json()["predictions"][0]["label"] in {"late", "on time"}
            assert (await client.get("/health/live")).json() == {"status": "live"}
            assert (await client.get("/health/ready")).json() == {"status": "ready"}
            assert 'lyceum_predict_requests_total{status="200"} 1.0' in (await client.get("/metrics")).text
            missing = await client.get("/api/v1/datasets")
            assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
            wrong = await client.post(model.path(), json=BODY, headers={"host": "evil.example"})
            assert (wrong.status_code, wrong.json()["code"]) == (421, "wrong_host")
        process.end(signal.SIGTERM)
        rows = rows_of(database, "SELECT * FROM prediction_log WHERE org_id = %s", member.org_id)
        assert [row["inputs"] for row in rows] == BODY["rows"]


@pytest.mark.deep
async def test_behind_a_sub_path_predictions_answer_with_it_and_without(
    hub_settings: Settings, member: Member, model: MadeModel
) -> None:
    with predicting(hub_settings, public_url="https://hub.example.org/lyceum") as (_, url):
        async with client_at(url, member) as client:
            for path in (f"/lyceum{model.path()}", model.path()):
                reply = await client.post(path, json=BODY, headers={"host": "hub.example.org"})
                assert reply.status_code == 200


@pytest.mark.deep
async def test_two_processes_share_the_limit_of_a_key(hub_settings: Settings, member: Member, model: MadeModel) -> None:
    limit, lease = 40, 2
    with (
        predicting(hub_settings, predict_requests_per_second=limit) as (_, first),
        predicting(hub_settings, predict_requests_per_second=limit) as (_, second),
    ):
        async with client_at(first, member) as one, client_at(second, member) as two:
            for client in (one, two):
                assert (await client.post(model.path(), json=BODY)).status_code == 200
            began = time.monotonic()
            asked = [client.post(model.path(), json=BODY) for _ in range(400) for client in (one, two)]
            replies = await asyncio.gather(*asked)
            windows = math.floor(time.monotonic() - began) + 2
    accepted = [reply for reply in replies if reply.status_code == 200]
    refused = [reply for reply in replies if reply.status_code == 429]
    assert len(accepted) + len(refused) == 800
    assert len(accepted) <= windows * limit + 2 * lease
    assert refused
    assert refused[0].json()["code"] == "over_limit"
    assert refused[0].headers["retry-after"] == refused[0].headers["ratelimit-reset"] == "1"
    assert refused[0].headers["ratelimit-limit"] == str(limit)


@pytest.mark.deep
async def test_a_body_that_never_ends_is_refused_on_the_socket(
    hub_settings: Settings, member: Member, model: MadeModel
) -> None:
    with predicting(hub_settings, request_bytes_max=100_000) as (_, url):
        port = int(url.rpartition(":")[2])

        def send_for_ever() -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                head = f"POST {model.path()} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {member.headers['authorization']}"
                connection.sendall(f"{head}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
                chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
                try:
                    for _ in range(2_000):
                        connection.sendall(chunk)
                except ConnectionError:
                    pass
                return connection.recv(65_536)

        assert (await asyncio.to_thread(send_for_ever)).startswith(b"HTTP/1.1 413")


@asynccontextmanager
async def own_hub(servers: OwnServers, home: Path) -> AsyncIterator[tuple[httpx.AsyncClient, MadeModel]]:
    """A prediction process on servers that the test may kill, and a client with a key of its model's owner."""
    migrate.upgrade(servers.database.owner_url, app_role=APP_ROLE)
    settings = settings_for(servers.database, home, valkey_url=servers.valkey.url)
    member = make_member(servers.database)
    model = make_model(servers.database, home, member, onnx_file())
    with predicting(settings) as (_, url):
        async with client_at(url, member) as client:
            assert (await client.post(model.path(), json=BODY)).status_code == 200
            yield client, model


class Load:
    """Requests one after the other, from a few clients, until it is ended."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._ended = False
        self.statuses: list[int] = []
        self.slowest_seconds = 0.0
        self._tasks = [asyncio.create_task(self._run()) for _ in range(4)]

    async def _run(self) -> None:
        while not self._ended:
            began = time.monotonic()
            self.statuses.append((await self._ask()).status_code)
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)

    async def more(self, count: int) -> None:
        """Return when so many further requests are answered."""
        wanted = len(self.statuses) + count
        await eventually(lambda: len(self.statuses) >= wanted or any(task.done() for task in self._tasks))

    async def end(self) -> None:
        self._ended = True
        await asyncio.gather(*self._tasks)


@pytest.mark.deep
async def test_predictions_go_on_without_valkey_and_with_it_again(own_hub_servers: OwnServers, tmp_path: Path) -> None:
    async with own_hub(own_hub_servers, tmp_path) as (client, model):
        load = Load(lambda: client.post(model.path(), json=BODY))
        await load.more(50)
        await asyncio.to_thread(own_hub_servers.kill_valkey)
        gone = time.monotonic()
        while time.monotonic() - gone < 2 * VALKEY_REST_SECONDS:
            await load.more(20)
        assert (await client.get("/health/ready")).json() == {"status": "degraded"}
        await asyncio.to_thread(own_hub_servers.start_valkey)
        back = time.monotonic()
        while time.monotonic() - back < 2 * VALKEY_REST_SECONDS:
            await load.more(20)
        await load.end()
        figures = (await client.get("/metrics")).text.splitlines()
    began = 'lyceum_limit_leases_total{limit="predictions"'
    leases = dict(line.rsplit(" ", 1) for line in figures if line.startswith(began))
    assert set(load.statuses) == {200}
    assert load.slowest_seconds < 2
    assert leases.keys() == {f'{began},source="{source}"}}' for source in ("valkey", "local")}
    assert all(float(count) > 0 for count in leases.values())


async def test_keys_and_models_outlive_postgresql_for_their_second_and_heal_after_it(
    own_hub_servers: OwnServers, tmp_path: Path
) -> None:
    async with own_hub(own_hub_servers, tmp_path) as (client, model):

        async def status() -> int:
            return (await client.post(model.path(), json=BODY)).status_code

        assert await status() == 200
        await asyncio.to_thread(own_hub_servers.kill_postgres)
        killed = time.monotonic()
        answered = [await status()]
        while answered[-1] == 200:
            asked = time.monotonic()
            answered.append(await status())
            assert asked - killed <= 1.0 or answered[-1] == 503
        reply = await client.post(model.path(), json=BODY)
        assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
        assert reply.headers["retry-after"]
        assert (await client.get("/health/ready")).status_code == 503
        await asyncio.to_thread(own_hub_servers.start_postgres)
        back = time.monotonic()
        while await status() != 200:
            assert time.monotonic() - back < 5
        assert {await status() for _ in range(50)} == {200}
