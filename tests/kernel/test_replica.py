"""Reads from a real streaming replica, and nobody ever misses what their organisation wrote."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from fixtures.app import client_at, client_of, eventually, job_row, running_app, running_worker, served, settings_for
from fixtures.job_kinds import Heard, Light, light_handlers
from fixtures.queue import put
from fixtures.replicas import Replicated, replicated_servers
from lyceum.accounts.edge import PrimaryTx, Tx, api_router
from lyceum.hub.replica_state import ReplicaFinding, examine_replica, replica_in_use
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import open_resources
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import transaction
from lyceum.kernel.written import FLOOR, UNKNOWN, Written, position_of
from make.accounts import Member, make_member
from make.data import make_check, make_dataset, make_version

ANSWERED_BY = ("replica", "primary_behind", "primary_unusable", "primary_no_valkey", "primary_lost")


@pytest.fixture(scope="module")
def servers() -> Iterator[Replicated]:
    """A primary, its replica and Valkey, of this file."""
    with replicated_servers() as started:
        yield started


@pytest.fixture
def replicated(servers: Replicated) -> Replicated:
    """The same, running, in step, with an empty Valkey."""
    servers.settle()
    return servers


@pytest.fixture
def hub_settings(replicated: Replicated, tmp_path: Path) -> Settings:
    return settings_of(replicated, tmp_path)


@pytest.fixture
def member(replicated: Replicated) -> Member:
    return make_member(replicated.database)


@pytest.fixture
def stranger(replicated: Replicated) -> Member:
    return make_member(replicated.database)


def settings_of(replicated: Replicated, home: Path, **more: Any) -> Settings:
    known: dict[str, Any] = {"valkey_url": replicated.valkey_url, "database_replica_url": replicated.replica_url}
    return settings_for(replicated.database, home, **known | more)


@asynccontextmanager
async def reading_app(settings: Settings, replicated: Replicated) -> AsyncIterator[FastAPI]:
    """Yield the API once it reads from the replica, which has all that was written so far."""
    router = api_router("")

    @router.get("/test/writing")
    async def write(tx: Tx) -> None:
        await tx.execute(text("INSERT INTO jobs (id, kind, args) VALUES (gen_random_uuid(), 'x', '{}')"))

    @router.get("/test/ending")
    async def end(tx: Tx) -> None:
        await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    @router.get("/test/where")
    async def where(tx: Tx) -> bool:
        return bool(await tx.scalar(text("SELECT pg_is_in_recovery()")))

    @router.get("/test/primary")
    async def where_primary(tx: PrimaryTx) -> bool:
        return bool(await tx.scalar(text("SELECT pg_is_in_recovery()")))

    async with running_app(settings) as app:
        app.router.routes[:0] = router.routes
        replica = app.state.resources.replica
        await eventually(lambda: replica.state == "in_use")
        yield app


@pytest.fixture
async def app(hub_settings: Settings, replicated: Replicated) -> AsyncIterator[FastAPI]:
    async with reading_app(hub_settings, replicated) as started:
        yield started


async def reads_from_replica(client: httpx.AsyncClient) -> bool:
    """Say where the next read of this client is answered."""
    return bool((await client.get("/test/where")).json())


async def until_read_from_replica(client: httpx.AsyncClient) -> None:
    for _ in range(3000):
        if await reads_from_replica(client):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never read from the replica")


def answered() -> dict[str, float]:
    """Return how many reads were answered by whom so far."""
    sample = "lyceum_replica_reads_total"
    return {who: registry.get_sample_value(sample, {"answered_by": who}) or 0.0 for who in ANSWERED_BY}


async def create_dataset(client: httpx.AsyncClient) -> str:
    name = f"set-{new_id().hex[-12:]}"
    created = await client.post("/api/v1/datasets", json={"name": name})
    assert created.status_code == 201, created.text
    return name


async def names_seen(client: httpx.AsyncClient) -> set[str]:
    listed = await client.get("/api/v1/datasets")
    assert listed.status_code == 200, listed.text
    return {item["name"] for item in listed.json()["items"]}


async def test_a_writer_reads_its_own_write_at_once_while_others_read_from_the_replica(
    app: FastAPI, replicated: Replicated, member: Member, stranger: Member
) -> None:
    async with client_of(app, key=member.key) as writer, client_of(app, key=stranger.key) as other:
        await until_read_from_replica(writer)
        await until_read_from_replica(other)
        replicated.pause()
        name = await create_dataset(writer)
        assert await names_seen(writer) == {name}
        assert not await reads_from_replica(writer)
        assert await reads_from_replica(other)
        # row-level security holds there as well
        assert await names_seen(other) == set()
        replicated.resume()
        await until_read_from_replica(writer)
        assert await names_seen(writer) == {name}


async def test_what_one_process_wrote_is_seen_through_another_under_load(
    app: FastAPI, replicated: Replicated, tmp_path_factory: pytest.TempPathFactory
) -> None:
    members = [make_member(replicated.database) for _ in range(6)]
    before = answered()
    async with reading_app(settings_of(replicated, tmp_path_factory.mktemp("second")), replicated) as second:

        async def write_and_read(member: Member) -> None:
            async with client_of(app, key=member.key) as writer, client_of(second, key=member.key) as reader:
                written: set[str] = set()
                for _ in range(8):
                    written.add(await create_dataset(writer))
                    assert await names_seen(reader) == written
                await until_read_from_replica(reader)
                assert await names_seen(reader) == written

        await asyncio.gather(*(write_and_read(member) for member in members))
    assert answered()["replica"] > before["replica"]


async def test_a_flushed_valkey_allows_no_stale_read(app: FastAPI, replicated: Replicated, member: Member) -> None:
    async with client_of(app, key=member.key) as writer:
        await until_read_from_replica(writer)
        replicated.pause()
        names = {await create_dataset(writer)}
        for _ in range(5):
            replicated.flush_valkey()
            assert await names_seen(writer) == names
            names.add(await create_dataset(writer))
            replicated.flush_valkey()
            assert await names_seen(writer) == names
        # also when the floor has been set anew
        replicated.flush_valkey()
        await eventually(lambda: replicated.has_key(FLOOR))
        assert await names_seen(writer) == names
        replicated.resume()
        await until_read_from_replica(writer)


async def test_a_killed_valkey_sends_reads_to_the_primary(app: FastAPI, replicated: Replicated, member: Member) -> None:
    async with client_of(app, key=member.key) as writer:
        await until_read_from_replica(writer)
        replicated.pause()
        replicated.servers.kill_valkey()
        name = await create_dataset(writer)
        assert await names_seen(writer) == {name}
        replicated.servers.start_valkey()
        # what could not be noted while it was away is not forgotten
        for _ in range(20):
            assert await names_seen(writer) == {name}
        replicated.resume()
        await until_read_from_replica(writer)


async def test_reads_go_on_when_the_replica_is_killed_and_go_there_again_when_it_is_back(
    app: FastAPI, replicated: Replicated, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="lyceum.kernel.replica")
    async with client_of(app, key=member.key) as client:
        name = await create_dataset(client)
        await until_read_from_replica(client)
        assert (await client.get("/health/ready")).json() == {"status": "ready", "replica": "in_use"}
        replicated.kill_replica()
        for _ in range(20):
            assert await names_seen(client) == {name}
        assert (await client.get("/health/ready")).json() == {"status": "ready", "replica": "away"}
        replicated.start_replica()
        await until_read_from_replica(client)
    changes = [record.message for record in caplog.records if record.name == "lyceum.kernel.replica"]
    # and nothing of its start, which is as it should be
    assert changes == ["all reads go to the primary: the replica cannot be used", "reads go to the replica"]


async def test_a_read_that_the_replica_breaks_off_may_be_tried_again(
    app: FastAPI, replicated: Replicated, member: Member
) -> None:
    async with client_of(app, key=member.key) as client:
        await until_read_from_replica(client)
        broken = await client.get("/test/ending")
        assert (broken.status_code, broken.json()["code"]) == (503, "unavailable")
        assert broken.headers["retry-after"]
        assert await names_seen(client) == set()


async def test_nothing_is_written_by_a_read(app: FastAPI, member: Member) -> None:
    async with client_of(app, key=member.key) as client:
        await until_read_from_replica(client)
        assert (await client.get("/test/writing")).status_code == 500


async def test_what_changes_beside_the_requests_is_read_from_the_primary(
    app: FastAPI, replicated: Replicated, member: Member, hub_settings: Settings
) -> None:
    async with (
        client_of(app, key=member.key) as client,
        open_resources(hub_settings, process="worker", subscribers={}) as resources,
    ):
        await until_read_from_replica(client)
        assert (await client.get("/test/primary")).json() is False
        replicated.pause()
        job_id = await put(resources, member, Light(note="x"))
        # put by another process, and that one has noted it
        assert not await reads_from_replica(client)
        async with running_worker(resources, *light_handlers(Heard())):
            await eventually(lambda: job_row(replicated.database, job_id)["state"] == "done")
        assert (await client.get(f"/api/v1/jobs/{job_id}")).json()["state"] == "done"


@pytest.mark.deep
async def test_every_read_answers_the_same_from_the_replica(
    app: FastAPI,
    hub_settings: Settings,
    replicated: Replicated,
    member: Member,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    dataset_id, address = make_dataset(replicated.database, member)
    version_id = make_version(replicated.database, member, dataset_id)
    make_check(replicated.database, member, dataset_id)
    org, name = address.split("/")
    known = {"org": org, "name": name, "number": "1", "version_id": str(version_id)}
    replicated.follow()
    # the same address, since some answers name the hub's own
    plain = settings_for(
        replicated.database,
        tmp_path_factory.mktemp("plain"),
        valkey_url=replicated.valkey_url,
        port=hub_settings.port,
    )
    async with (
        running_app(plain) as without,
        client_of(app, key=member.key) as by_replica,
        client_of(without, key=member.key) as by_primary,
    ):
        await until_read_from_replica(by_replica)
        by_whom: dict[str, float] = {}
        for path in sorted(_read_paths(without)):
            asked = path
            for parameter in re.findall(r"\{(\w+)\}", path):
                asked = asked.replace(f"{{{parameter}}}", known.get(parameter, str(new_id())))
            before = answered()
            one, other = await by_replica.get(asked), await by_primary.get(asked)
            assert (one.status_code, _told(one)) == (other.status_code, _told(other)), asked
            assert one.status_code < 500, asked
            by_whom[path] = answered()["replica"] - before["replica"]
    assert by_whom["/api/v1/datasets/{org}/{name}/versions"] == 1
    assert by_whom["/api/v1/models"] == 1
    assert by_whom["/api/v1/runs"] == 1
    assert by_whom["/api/v1/jobs"] == 0


def _read_paths(app: FastAPI) -> set[str]:
    skipped = ("/test/", "/health/", "/metrics", "/static/")
    paths = {path for path, methods in app.openapi()["paths"].items() if "get" in methods}
    # these read files, which this version has none of, after their own short transaction on the primary
    of_files = ("/preview", "/files", "/rows")
    return {path for path in paths if not path.startswith(skipped) and not path.endswith(of_files)}


def _told(reply: httpx.Response) -> Any:
    return reply.json() if reply.headers.get("content-type", "").endswith("json") else reply.content[:200]


async def test_without_a_replica_nothing_is_noted(replicated: Replicated, tmp_path: Path, member: Member) -> None:
    plain = settings_for(replicated.database, tmp_path, valkey_url=replicated.valkey_url)
    async with open_resources(plain, process="api", subscribers={}, reads_replica=True) as resources:
        assert resources.replica is None
        async with transaction(resources.database, member.scope) as tx:
            await tx.execute(text("SELECT 1"))
        assert resources.valkey is not None
        assert await resources.valkey.keys("{written}*") == []


async def test_without_valkey_the_replica_is_not_read_from(
    replicated: Replicated, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(replicated, tmp_path, valkey_url=None)
    async with open_resources(settings, process="api", subscribers={}, reads_replica=True) as resources:
        assert resources.replica is None
    assert "the replica is not read from: that takes Valkey, to know who wrote what" in caplog.messages


def test_doctor_says_how_far_the_replica_is(hub_settings: Settings, replicated: Replicated) -> None:
    def found(**more: SecretStr | None) -> ReplicaFinding | None:
        return examine_replica(hub_settings.model_copy(update=more))

    fine = found()
    assert fine is not None
    assert (fine.verdict, fine.found.endswith("bytes behind its primary")) == ("ok", True)
    none = found(database_replica_url=SecretStr(replicated.database.app_url))
    assert none is not None
    assert (none.verdict, none.found) == ("warn", "follows no primary")
    embedded = found(database_url=None)
    assert embedded is not None
    assert embedded.verdict == "fail"
    assert found(database_replica_url=None) is None
    replicated.kill_replica()
    away = found()
    assert away is not None
    assert (away.verdict, away.fix) == (
        "warn",
        "check LYCEUM_DATABASE_REPLICA_URL; meanwhile the primary answers all reads",
    )


async def test_status_says_whether_reads_go_to_the_replica(hub_settings: Settings) -> None:
    assert replica_in_use(hub_settings) == "unknown"
    with served("lyceum.web", hub_settings):
        await eventually(lambda: replica_in_use(hub_settings) == "in_use")
        async with client_at(hub_settings.base_url) as client:
            figures = (await client.get("/metrics")).text
    assert all(f"\nlyceum_replica_lag_{unit} " in figures for unit in ("bytes", "seconds"))
    assert replica_in_use(hub_settings.model_copy(update={"database_replica_url": None})) is None


@pytest.fixture
async def written(hub_settings: Settings) -> AsyncIterator[Written]:
    async with open_resources(hub_settings, process="worker", subscribers={}) as resources:
        assert resources.valkey is not None
        yield Written(resources.valkey)


async def test_a_later_note_does_not_take_the_place_of_one_further_on(written: Written) -> None:
    org_id = new_id()

    async def now() -> int:
        return 0x10

    await written.raise_floor(now)
    assert await written.needed_by(org_id) == 0x10
    await written.note(org_id, "1/20")
    await written.note(org_id, "0/FFFFFFFF")
    assert await written.needed_by(org_id) == position_of("1/20") == (1 << 32) + 0x20
    await written.note(org_id, None)
    assert await written.needed_by(org_id) == UNKNOWN
    assert await written.needed_by(None) == 0x10


async def test_a_floor_that_was_lost_while_it_was_measured_is_not_set(written: Written) -> None:
    async def flush_meanwhile() -> int:
        await written.valkey.flushall()
        return 0x10

    await written.raise_floor(flush_meanwhile)
    assert not await written.has_floor()
    assert await written.needed_by(new_id()) == UNKNOWN
