"""A disk that is nearly full: what grows is refused or waits, what reads and removes works, and all is well with room again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, job_row, running_app, running_worker, settings_for
from fixtures.queue import put
from fixtures.servers import TestDatabase
from lyceum.hub.doctor import examine
from lyceum.hub.printing import status_lines
from lyceum.kernel.config import Settings
from lyceum.kernel.disk import disk_of, reserve_of
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.problems import NoSpace
from lyceum.kernel.resources import Resources
from make.accounts import Member, make_setup_link

GIBIBYTE = 1024**3


class Grows(JobArgs, frozen=True, kw_only=True):
    kind = "test.grows"
    attempts_max = 1
    needs_room = True


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, small_disk: Path) -> Settings:
    """The settings of a hub on a disk of 32 MB, with the reserve such a disk has by itself."""
    return settings_for(database, small_disk, valkey_url=valkey_url, disk_free_bytes_min=None)


@pytest.fixture
async def asks(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


def _fill(small_disk: Path) -> Path:
    """Take all but 4 MB of the disk."""
    in_the_way = small_disk / "in the way"
    in_the_way.write_bytes(bytes(28 * 1024**2))
    return in_the_way


@pytest.mark.parametrize(
    "total, reserve", [(100 * GIBIBYTE, 2 * GIBIBYTE), (10 * GIBIBYTE, 2 * GIBIBYTE), (5 * GIBIBYTE, GIBIBYTE)]
)
def test_the_reserve_is_two_gigabytes_or_a_fifth_of_a_small_disk(total: int, reserve: int) -> None:
    assert reserve_of(total, None) == reserve
    assert reserve_of(total, 7 * GIBIBYTE) == 7 * GIBIBYTE
    assert reserve_of(total, 0) == 0


async def test_what_grows_is_refused_and_what_reads_and_removes_works(
    asks: httpx.AsyncClient, small_disk: Path
) -> None:
    begun, there = [(await asks.post("/api/v1/uploads", json={"file_name": "t.csv"})).json() for _ in range(2)]
    assert (await asks.put(there["put_url"], content=b"a\n1\n")).status_code == 200
    address = (await asks.post("/api/v1/datasets", json={"name": "d"})).json()["address"]
    in_the_way = _fill(small_disk)
    run = {"dataset": address, "target": "x", "time_limit_seconds": 10}
    for answer in (
        await asks.post("/api/v1/uploads", json={"file_name": "t.csv"}),
        await asks.put(begun["put_url"], content=b"a\n1\n"),
        await asks.post(f"/api/v1/datasets/{address}/versions", json={"upload_id": there["id"]}),
        await asks.post("/api/v1/runs", json=run),
        await asks.post(f"/api/v1/runs/{UUID(int=0)}/register", json={"name": "m"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (507, "no_space"), answer.text
        assert answer.json()["detail"].startswith("Only 3 MB are free on the hub's disk and it keeps 6 MB in reserve;")
    assert (await asks.get("/health/ready")).json() == {"status": "degraded"}
    assert (await asks.get("/api/v1/me")).status_code == 200
    assert (await asks.get(f"/api/v1/datasets/{address}")).status_code == 200
    assert (await asks.get(f"/api/v1/uploads/{there['id']}/content")).content == b"a\n1\n"
    assert (await asks.delete(f"/api/v1/uploads/{there['id']}")).status_code == 204
    assert (await asks.delete(f"/api/v1/datasets/{address}")).status_code == 204
    in_the_way.unlink()
    assert (await asks.get("/health/ready")).json() == {"status": "ready"}
    assert (await asks.put(begun["put_url"], content=b"a\n1\n")).status_code == 200


async def test_who_comes_for_the_first_time_gets_in_and_keys_are_made_and_revoked(
    fresh_database: TestDatabase, valkey_url: str, small_disk: Path
) -> None:
    token = make_setup_link(fresh_database)
    settings = settings_for(fresh_database, small_disk, valkey_url=valkey_url, disk_free_bytes_min=None)
    async with running_app(settings) as app, client_of(app) as anonymous:
        _fill(small_disk)
        first = {"token": token, "email": "a@example.org", "display_name": "A", "password": "correct horse battery"}
        entered = await anonymous.post("/api/v1/setup", json=first)
        assert entered.status_code == 201, entered.text
        assert (await anonymous.get("/health/ready")).json() == {"status": "degraded"}
        async with client_of(app, key=entered.json()["key"]["secret"]) as asks:
            made = await asks.post("/api/v1/api-keys", json={"name": "another"})
            assert made.status_code == 201
            async with client_of(app, key=made.json()["secret"]) as another:
                assert (await another.get("/api/v1/me")).status_code == 200
            assert (await asks.delete(f"/api/v1/api-keys/{made.json()['id']}")).json()["revoked_at"]


async def test_a_reserve_that_is_set_is_kept_on_any_disk(
    database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    settings = settings_for(database, tmp_path, disk_free_bytes_min=1 << 60)
    async with running_app(settings) as app, client_of(app, key=member.key) as asks:
        assert (await asks.post("/api/v1/uploads", json={"file_name": "t.csv"})).status_code == 507


async def test_the_state_is_told(hub_settings: Settings, anonymous: httpx.AsyncClient, small_disk: Path) -> None:
    _fill(small_disk)
    figures = (await anonymous.get("/metrics")).text
    told = {line.split()[0]: float(line.split()[1]) for line in figures.splitlines() if line.startswith("lyceum_disk_")}
    assert told["lyceum_disk_free_bytes"] < told["lyceum_disk_reserve_bytes"] < 7 * 1024**2
    [disk] = [found for found in examine(hub_settings) if found.name == "Disk"]
    assert (disk.verdict, disk.found) == ("fail", "0.0 GiB free, 0.0 GiB in reserve: nothing is written that grows")
    assert "nothing is written that grows" in "\n".join(status_lines(_status(disk_of(hub_settings).look())))


def _status(disk: Any) -> dict[str, Any]:
    names = ("version", "url", "pid", "since", "home", "database", "valkey", "predict_port")
    report = {"free_bytes": disk.free_bytes, "free_bytes_min": disk.free_bytes_min}
    return dict.fromkeys(names, "") | {"ready": True, "children": [], "disk": report}


@pytest.fixture
async def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The attempts a worker ran."""
    monkeypatch.setattr("lyceum.kernel.jobs.attempts.WAIT_FOR_ROOM_SECONDS", 0.01)
    return []


async def test_a_job_that_needs_room_waits_for_it_uncharged(
    resources: Resources, database: TestDatabase, member: Member, small_disk: Path, ran: list[int]
) -> None:
    async def run(run: JobRun, _args: Grows) -> None:
        ran.append(run.attempt)

    in_the_way = _fill(small_disk)
    job_id = await put(resources, member, Grows())
    async with running_worker(resources, LightHandler(args_type=Grows, run=run)):
        waiting = await eventually(lambda: (row := job_row(database, job_id))["error"] and row)
        assert (waiting["attempt"], waiting["error"]["code"]) == (0, "no_space")
        in_the_way.unlink()
        done = await eventually(lambda: (row := job_row(database, job_id))["state"] == "done" and row)
    assert (ran, done["attempt"], done["attempts_max"]) == ([1], 1, 1)


async def test_a_job_that_others_took_the_room_from_is_tried_again_uncharged(
    resources: Resources, database: TestDatabase, member: Member, small_disk: Path, ran: list[int]
) -> None:
    freed = asyncio.Event()

    async def run(run: JobRun, _args: Grows) -> None:
        ran.append(run.attempt)
        if not freed.is_set():
            _fill(small_disk)
            raise NoSpace("The disk is full.")

    job_id = await put(resources, member, Grows())
    async with running_worker(resources, LightHandler(args_type=Grows, run=run)):
        await eventually(lambda: job_row(database, job_id)["error"])
        freed.set()
        (small_disk / "in the way").unlink()
        await eventually(lambda: job_row(database, job_id)["state"] == "done")
    assert ran == [1, 2]


async def test_a_job_that_fills_the_disk_by_itself_is_tried_as_often_as_it_may(
    resources: Resources, database: TestDatabase, member: Member, ran: list[int]
) -> None:
    async def run(run: JobRun, _args: Grows) -> None:
        ran.append(run.attempt)
        raise NoSpace("The disk is full.")

    job_id = await put(resources, member, Grows())
    async with running_worker(resources, LightHandler(args_type=Grows, run=run)):
        await eventually(lambda: job_row(database, job_id)["state"] == "dead")
    assert ran == [1]


async def test_a_job_that_waits_for_room_can_be_called_off(
    resources: Resources, database: TestDatabase, member: Member, small_disk: Path
) -> None:
    from fixtures.queue import call_off

    async def run(_run: JobRun, _args: Grows) -> None: ...

    _fill(small_disk)
    job_id = await put(resources, member, Grows())
    async with running_worker(resources, LightHandler(args_type=Grows, run=run)):
        await eventually(lambda: job_row(database, job_id)["error"])
        await call_off(resources, member, job_id)
    assert job_row(database, job_id)["state"] == "cancelled"


def test_trainings_and_versions_need_room() -> None:
    from lyceum.wiring import handlers

    kinds = {kind for kind, handler in handlers().by_kind.items() if handler.args_type.needs_room}
    assert kinds == {
        *("data.append_pushed", "data.append_streamed", "data.fetch_file", "data.read_upload"),
        *("data.import_sql", "data.import_again", "data.tend_table", "data.erase_person", "data.quarantine_rows"),
        "train.fit_model",
    }
