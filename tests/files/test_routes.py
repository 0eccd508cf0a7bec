"""Uploads: announced, sent to a signed address, whole or not there, taken once, swept when forgotten."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_at, client_of, eventually, rows_of, running_app, running_worker, served, settings_for
from fixtures.servers import TestDatabase
from fixtures.uploads import begin_upload, stored_files
from lyceum.files import places, service, sweeping
from lyceum.files.errors import FileNameUnusable, UploadFinished, UploadNotFound, UploadNotWhole
from lyceum.files.jobs import HANDLERS, SweepUploads
from lyceum.kernel import tx
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, TURNS_ASIDE
from lyceum.kernel.holding import remove_below_unless_held, remove_unless_held
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import Storage
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

MAX = 100_000


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, upload_bytes_max=MAX)


@pytest.fixture
async def asks(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


async def test_content_sent_to_the_signed_address_is_there_whole(
    asks: httpx.AsyncClient, anonymous: httpx.AsyncClient, hub_settings: Settings
) -> None:
    begun = await begin_upload(asks, byte_count=4)
    assert not begun["complete_needed"]
    answer = await anonymous.put(begun["put_url"], content=b"a,b\n")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": begun["id"],
        "file_name": "t.csv",
        "byte_count": 4,
        "sha256": hashlib.sha256(b"a,b\n").hexdigest(),
    }
    [file] = stored_files(hub_settings)
    assert file.read_bytes() == b"a,b\n"


async def test_content_arrives_once(asks: httpx.AsyncClient) -> None:
    begun = await begin_upload(asks)
    assert (await asks.put(begun["put_url"], content=b"1")).status_code == 200
    again = await asks.put(begun["put_url"], content=b"2")
    assert (again.status_code, again.json()["code"]) == (409, "upload_finished")


async def test_of_two_sendings_at_once_one_arrives_and_is_not_mixed(
    asks: httpx.AsyncClient, hub_settings: Settings
) -> None:
    begun = await begin_upload(asks)
    both = asyncio.Barrier(2)

    async def slowly(letter: bytes) -> AsyncIterator[bytes]:
        yield letter * 1000
        await both.wait()
        yield letter * 1000

    answers = await asyncio.gather(*(asks.put(begun["put_url"], content=slowly(one)) for one in (b"a", b"b")))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [whole] = [answer.json() for answer in answers if answer.status_code == 200]
    [file] = stored_files(hub_settings)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == whole["sha256"]


async def test_less_than_announced_is_not_whole_and_may_be_sent_again(
    asks: httpx.AsyncClient, hub_settings: Settings
) -> None:
    begun = await begin_upload(asks, byte_count=4)
    short = await asks.put(begun["put_url"], content=b"a,b")
    assert (short.status_code, short.json()["code"]) == (409, "upload_not_whole")
    assert "4 bytes and 3 arrived" in short.json()["detail"]
    assert stored_files(hub_settings) == []
    assert (await asks.put(begun["put_url"], content=b"a,b\n")).status_code == 200


async def test_too_large_a_file_is_refused_when_announced_and_while_it_comes(
    asks: httpx.AsyncClient, hub_settings: Settings
) -> None:
    announced = await asks.post("/api/v1/uploads", json={"file_name": "t.csv", "byte_count": MAX + 1})
    assert (announced.status_code, announced.json()["code"]) == (413, "upload_too_large")
    sent = await asks.put((await begin_upload(asks))["put_url"], content=b"x" * (MAX + 1))
    assert sent.status_code == 413
    assert stored_files(hub_settings) == []


async def test_a_file_of_several_gigabytes_can_be_announced(
    database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    async with running_app(settings_for(database, tmp_path)) as app, client_of(app, key=member.key) as client:
        begun = await begin_upload(client, byte_count=5 * 1024**3)
    assert rows_of(database, "SELECT bytes_declared FROM uploads WHERE id = %s", begun["id"]) == [
        {"bytes_declared": 5 * 1024**3}
    ]


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", ".", " ", "..", "a\nb", "\u202ecsv.x"])
async def test_a_name_that_is_no_file_name_is_refused(asks: httpx.AsyncClient, name: str) -> None:
    answer = await asks.post("/api/v1/uploads", json={"file_name": name})
    assert (answer.status_code, answer.json()["code"]) == (422, "file_name_unusable")


async def test_a_name_with_a_null_character_is_refused_where_it_is_read_and_where_it_is_kept(
    asks: httpx.AsyncClient,
) -> None:
    answer = await asks.post("/api/v1/uploads", json={"file_name": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert "NUL" in answer.json()["detail"]
    with pytest.raises(FileNameUnusable, match="cannot be a file name"):
        service._refuse_name("a\0b")


async def test_a_changed_address_is_refused(asks: httpx.AsyncClient, member: Member, stranger: Member) -> None:
    begun, other = await begin_upload(asks), await begin_upload(asks)
    for address in (
        begun["put_url"].replace(begun["id"], other["id"]),
        begun["put_url"].replace(str(member.org_id), str(stranger.org_id)),
        begun["put_url"] + "x",
    ):
        answer = await asks.put(address, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (403, "upload_address_invalid")


async def test_a_viewer_cannot_begin_an_upload(app: FastAPI, database: TestDatabase) -> None:
    viewer = make_member(database, role="viewer")
    async with client_of(app, key=viewer.key) as client:
        assert (await client.post("/api/v1/uploads", json={"file_name": "x"})).status_code == 403


@pytest.mark.deep
async def test_a_killed_upload_leaves_nothing_and_may_be_sent_again(
    database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    settings = settings_for(database, tmp_path)
    with served("lyceum.web", settings) as api:
        async with client_at(api.url, key=member.key) as client:
            begun = await begin_upload(client)
            begun_to_send = asyncio.Event()

            async def endless() -> AsyncIterator[bytes]:
                for _ in range(40):
                    yield b"x" * 1024**2
                begun_to_send.set()
                await asyncio.Event().wait()

            sending = asyncio.create_task(client.put(begun["put_url"], content=endless()))
            await begun_to_send.wait()
            await eventually(lambda: stored_files(settings))
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await eventually(lambda: stored_files(settings) == [])
        async with client_at(api.url) as client:
            assert (await client.put(begun["put_url"], content=b"whole")).json()["byte_count"] == 5


async def test_a_whole_upload_is_taken_once_by_its_own_organisation(
    resources: Resources, asks: httpx.AsyncClient, member: Member, stranger: Member
) -> None:
    begun = await begin_upload(asks)
    upload_id = UUID(begun["id"])

    async def take(who: Member) -> None:
        async with transaction(resources.database, who.scope) as tx:
            await service.take(tx, who.actor, upload_id)

    with pytest.raises(UploadNotWhole):
        await take(member)
    await asks.put(begun["put_url"], content=b"x")
    with pytest.raises(UploadNotFound):
        await take(stranger)
    takes = await asyncio.gather(*(take(member) for _ in range(4)), return_exceptions=True)
    assert [type(result) for result in takes if result is not None] == [UploadFinished] * 3


async def test_the_sweeper_removes_what_nobody_finished_and_nothing_else(
    resources: Resources, asks: httpx.AsyncClient, database: TestDatabase, hub_settings: Settings, member: Member
) -> None:
    uploads = {}
    for name in ("open", "complete", "taken", "young"):
        uploads[name] = await begin_upload(asks)
        if name != "open":
            await asks.put(uploads[name]["put_url"], content=name.encode())
    async with transaction(resources.database, member.scope) as tx:
        await service.take(tx, member.actor, UUID(uploads["taken"]["id"]))
    late = [uploads[name]["id"] for name in ("open", "complete", "taken")]
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = ANY(%s::uuid[])", late)
    async with transaction(resources.database, NOBODY) as tx:
        await enqueue(tx, SweepUploads())
    own = "SELECT id, state FROM uploads WHERE org_id = %s"
    async with running_worker(resources, *HANDLERS):
        await eventually(lambda: len(rows_of(database, own, member.org_id)) == 2)
    states = {str(row["id"]): row["state"] for row in rows_of(database, own, member.org_id)}
    assert states == {uploads["taken"]["id"]: "swept", uploads["young"]["id"]: "complete"}
    assert [file.read_bytes() for file in stored_files(hub_settings)] == [b"young"]


async def test_an_upload_that_waits_to_be_read_outlives_its_time(
    resources: Resources, asks: httpx.AsyncClient, database: TestDatabase, hub_settings: Settings, member: Member
) -> None:
    begun = await begin_upload(asks)
    await asks.put(begun["put_url"], content=b"a,b\n1,2\n")
    made = (await asks.post("/api/v1/datasets", json={"name": "waiting"})).json()
    wanted = {"upload_id": begun["id"]}
    version = (await asks.post(f"/api/v1/datasets/{made['address']}/versions", json=wanted)).json()
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = %s", begun["id"])
    assert await sweeping.sweep(resources) == 0
    assert [file.read_bytes() for file in stored_files(hub_settings)] == [b"a,b\n1,2\n"]
    rows_of(database, "UPDATE dataset_versions SET state = 'rejected' WHERE id = %s", version["id"])
    assert await sweeping.sweep(resources) == 1
    assert stored_files(hub_settings) == []


async def test_an_upload_taken_after_the_sweeper_listed_it_is_still_read(
    resources: Resources,
    asks: httpx.AsyncClient,
    database: TestDatabase,
    hub_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = await begin_upload(asks)
    await asks.put(begun["put_url"], content=b"a,b\n1,2\n")
    made = (await asks.post("/api/v1/datasets", json={"name": "listed"})).json()
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = %s", begun["id"])
    remove = sweeping.remove_upload

    async def overtaken(*args: Any, **more: Any) -> bool:
        wanted = {"upload_id": begun["id"]}
        answer = await asks.post(f"/api/v1/datasets/{made['address']}/versions", json=wanted)
        assert answer.status_code == 202, answer.text
        return await remove(*args, **more)

    monkeypatch.setattr(sweeping, "remove_upload", overtaken)
    assert await sweeping.sweep(resources) == 0
    assert [file.read_bytes() for file in stored_files(hub_settings)] == [b"a,b\n1,2\n"]
    assert rows_of(database, "SELECT state FROM uploads WHERE id = %s", begun["id"]) == [{"state": "taken"}]


async def test_files_are_removed_on_the_few_connections_that_are_set_aside(
    app: FastAPI, asks: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources: Resources = app.state.resources
    begun = [await begin_upload(asks) for _ in range(TURNS_ASIDE - 1)]
    removing, may_go_on = 0, asyncio.Event()
    delete = Storage.delete

    async def slowly(self: Storage, key: str) -> None:
        nonlocal removing
        removing += 1
        await may_go_on.wait()
        await delete(self, key)

    monkeypatch.setattr(Storage, "delete", slowly)
    tasks = [
        *(asyncio.create_task(asks.delete(f"/api/v1/uploads/{one['id']}")) for one in begun),
        asyncio.create_task(remove_unless_held(resources.database, resources.storage, "uploads/none")),
    ]
    await eventually(lambda: removing == TURNS_ASIDE)
    assert resources.database.turn_aside.locked()
    may_go_on.set()
    await asyncio.gather(*tasks)


async def test_what_is_to_be_removed_is_left_to_a_sweep_where_no_turn_comes(
    app: FastAPI, hub_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has it removed has committed already, and is not told that it failed."""
    resources: Resources = app.state.resources
    monkeypatch.setattr(tx, "TURN_SECONDS_MAX", 0.05)
    (tmp_path / "left").write_bytes(b"x")
    await resources.storage.put_file("uploads/left", tmp_path / "left")
    async with AsyncExitStack() as taken:
        for _ in range(TURNS_ASIDE):
            await taken.enter_async_context(resources.database.turn_aside)
        await remove_unless_held(resources.database, resources.storage, "uploads/left")
        await remove_below_unless_held(resources.database, resources.storage, "uploads")
        assert [file.read_bytes() for file in stored_files(hub_settings)] == [b"x"]
    await remove_unless_held(resources.database, resources.storage, "uploads/left")
    assert stored_files(hub_settings) == []


async def test_two_sweeps_at_once_remove_each_upload_once(
    resources: Resources,
    asks: httpx.AsyncClient,
    database: TestDatabase,
    member: Member,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = [await begin_upload(asks) for _ in range(4)]
    for one in begun:
        await asks.put(one["put_url"], content=b"x")
    async with transaction(resources.database, member.scope) as tx:
        await service.take(tx, member.actor, UUID(begun[0]["id"]))
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE org_id = %s", member.org_id)
    expired, both_have_listed = sweeping._expired, asyncio.Barrier(2)

    async def together(*args: Any, **more: Any) -> Any:
        page = [one for one in await expired(*args, **more) if one.org_id == member.org_id]
        await both_have_listed.wait()
        return page

    monkeypatch.setattr(sweeping, "_expired", together)
    assert sum(await asyncio.gather(sweeping.sweep(resources), sweeping.sweep(resources))) == 4
    left = rows_of(database, "SELECT id, state FROM uploads WHERE org_id = %s", member.org_id)
    assert [(str(row["id"]), row["state"]) for row in left] == [(begun[0]["id"], "swept")]


async def test_one_upload_that_cannot_be_removed_does_not_keep_the_others(
    resources: Resources, asks: httpx.AsyncClient, database: TestDatabase, hub_settings: Settings, member: Member,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    begun = [await begin_upload(asks) for _ in range(3)]
    for one in begun:
        await asks.put(one["put_url"], content=b"x")
    rows_of(
        database,
        "UPDATE uploads SET expires_at = now() - (%s - array_position(%s::uuid[], id)) * interval '1 h' WHERE org_id = %s",
        4, [one["id"] for one in begun], member.org_id,
    )  # fmt: skip
    in_the_way = next(file for file in stored_files(hub_settings) if file.name == begun[0]["id"])
    in_the_way.unlink()
    (in_the_way / "folder").mkdir(parents=True)
    assert await sweeping.sweep(resources) == 2
    assert "an upload could not be swept" in caplog.text
    assert {str(row["id"]) for row in rows_of(database, "SELECT id FROM uploads WHERE org_id = %s", member.org_id)} == {
        begun[0]["id"]
    }


async def test_uploads_that_cannot_be_removed_are_tried_once_a_run_however_many_and_the_younger_are_swept(
    fresh_resources: Resources, fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sweeping, "SWEEP_AT_ONCE", 2)
    async with client_of(fresh_app, key=fresh_member.key) as asks:
        begun = [(await begin_upload(asks))["id"] for _ in range(7)]
    # five of one age and two younger ones
    for hours, ids in ((2, begun[:5]), (1, begun[5:])):
        query = (
            "UPDATE uploads SET expires_at = date_trunc('hour', now()) - %s * interval '1 h' WHERE id = ANY(%s::uuid[])"
        )
        rows_of(fresh_database, query, hours, ids)
    for upload_id in begun[:5]:
        key = places.storage_key(fresh_member.org_id, UUID(upload_id))
        (fresh_resources.settings.home / "files" / key / "folder").mkdir(parents=True)
    assert await sweeping.sweep(fresh_resources) == 2
    assert caplog.text.count("an upload could not be swept") == 5
    assert {str(row["id"]) for row in rows_of(fresh_database, "SELECT id FROM uploads")} == set(begun[:5])


async def test_taking_an_upload_while_it_is_swept_finds_it_or_not_but_never_without_content(
    resources: Resources, asks: httpx.AsyncClient, database: TestDatabase, member: Member
) -> None:
    async def take(upload_id: UUID) -> bool:
        async with transaction(resources.database, member.scope) as tx:
            await service.take(tx, member.actor, upload_id)
            return await resources.storage.byte_count(places.storage_key(member.org_id, upload_id)) == 1

    for _ in range(10):
        begun = await begin_upload(asks)
        await asks.put(begun["put_url"], content=b"x")
        rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = %s", begun["id"])
        taking = take(UUID(begun["id"]))
        taken, _ = await asyncio.gather(taking, sweeping.sweep(resources), return_exceptions=True)
        assert taken is True or isinstance(taken, UploadNotFound)
