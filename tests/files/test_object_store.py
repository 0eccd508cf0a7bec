"""Uploads straight into an object store: sent to a signed address, made whole by one completion, swept with the rest."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import obstore
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from fixtures.app import client_at, client_of, eventually, rows_of, settings_for
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.files import places, sweeping
from lyceum.files.public import content_key_for
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, TURNS_ASIDE
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside, transaction
from make.accounts import Member

MAX = 5000


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, s3_place: S3Place, tmp_path: Path) -> Settings:
    options = {"storage_url": s3_place.url, "storage_options": s3_place.options}
    return settings_for(database, tmp_path, valkey_url=valkey_url, upload_bytes_max=MAX, **options)


@pytest.fixture
async def asks(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


@pytest.fixture
async def straight() -> AsyncIterator[httpx.AsyncClient]:
    async with client_at("") as client:
        yield client


async def _sent(asks: httpx.AsyncClient, straight: httpx.AsyncClient, content: bytes, **wanted: Any) -> dict[str, Any]:
    begun = await asks.post("/api/v1/uploads", json={"file_name": "t.csv"} | wanted)
    assert begun.json()["complete_needed"]
    assert (await straight.put(begun.json()["put_url"], content=content)).status_code == 200
    return dict(begun.json())


def _finish(begun: dict[str, Any]) -> str:
    return f"/api/v1/uploads/{begun['id']}/complete"


def _kept(resources: Resources) -> list[str]:
    return [meta["path"] for batch in obstore.list(resources.storage.store) for meta in batch]


async def _content(resources: Resources, member: Member, begun: dict[str, Any]) -> bytes:
    async with transaction(resources.database, member.scope) as tx:
        key = await content_key_for(tx, UUID(begun["id"]))
    return await resources.storage.read(key)


async def test_an_object_store_takes_the_content_itself(
    app: FastAPI, asks: httpx.AsyncClient, straight: httpx.AsyncClient, member: Member, stranger: Member
) -> None:
    begun = (await asks.post("/api/v1/uploads", json={"file_name": "t.csv", "byte_count": 5})).json()
    early = await asks.post(_finish(begun))
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_whole")
    assert (await straight.put(begun["put_url"], content=b"hello")).status_code == 200
    async with client_of(app, key=stranger.key) as other:
        assert (await other.post(_finish(begun))).status_code == 404
    whole = await asks.post(_finish(begun))
    assert (whole.status_code, whole.json()["byte_count"]) == (200, 5)
    assert (await asks.post(_finish(begun))).json() == whole.json()
    assert (await straight.put(begun["put_url"], content=b"something else")).status_code == 200
    assert (await asks.post(_finish(begun))).json() == whole.json()
    assert await _content(app.state.resources, member, begun) == b"hello"


async def test_what_is_not_as_announced_or_too_large_is_not_whole_and_may_be_sent_again(
    resources: Resources, asks: httpx.AsyncClient, straight: httpx.AsyncClient, member: Member
) -> None:
    begun = await _sent(asks, straight, b"four", byte_count=5)
    for content, said in ((b"four", "5 bytes and 4 arrived"), (b"x" * (MAX + 1), "larger than this hub takes")):
        assert (await straight.put(begun["put_url"], content=content)).status_code == 200
        refused = await asks.post(_finish(begun))
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_not_whole")
        assert said in refused.json()["detail"]
        assert not [key for key in _kept(resources) if ".whole" in key]
    assert (await straight.put(begun["put_url"], content=b"hello")).status_code == 200
    assert (await asks.post(_finish(begun))).json()["byte_count"] == 5
    assert await _content(resources, member, begun) == b"hello"


async def test_completions_at_once_make_one_content_and_leave_nothing_else(
    resources: Resources, asks: httpx.AsyncClient, straight: httpx.AsyncClient, member: Member
) -> None:
    begun = await _sent(asks, straight, b"hello")
    answers = await asyncio.gather(*(asks.post(_finish(begun)) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["byte_count"] for answer in answers} == {5}
    assert len(_kept(resources)) == 1
    assert await _content(resources, member, begun) == b"hello"


async def test_nobody_waits_for_content_that_is_being_copied(
    app: FastAPI,
    asks: httpx.AsyncClient,
    straight: httpx.AsyncClient,
    database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copying, may_go_on = 0, asyncio.Event()
    for name in ("copy_async", "rename_async"):
        whole = getattr(obstore, name)

        async def slowly(*args: Any, whole: Any = whole) -> None:
            nonlocal copying
            copying += 1
            await may_go_on.wait()
            await whole(*args)

        monkeypatch.setattr(obstore, name, slowly)
    begun = [await _sent(asks, straight, b"hello") for _ in range(TURNS_ASIDE)]
    completions = [asyncio.create_task(asks.post(_finish(one))) for one in begun]
    await eventually(lambda: copying == TURNS_ASIDE)
    async with asyncio.timeout(10), aside(app.state.resources.database, NOBODY) as tx:
        await tx.execute(text("SELECT 1"))
    rows = "SELECT state FROM uploads WHERE id = ANY(%s::uuid[]) FOR UPDATE NOWAIT"
    assert [row["state"] for row in rows_of(database, rows, [one["id"] for one in begun])] == ["open"] * TURNS_ASIDE
    may_go_on.set()
    assert [(await one).status_code for one in completions] == [200] * TURNS_ASIDE


async def test_the_sweeper_removes_every_copy(
    resources: Resources,
    asks: httpx.AsyncClient,
    straight: httpx.AsyncClient,
    database: TestDatabase,
    member: Member,
) -> None:
    begun = await _sent(asks, straight, b"hello")
    assert (await asks.post(_finish(begun))).status_code == 200
    assert (await straight.put(begun["put_url"], content=b"late")).status_code == 200
    # what a process that was killed while it completed leaves
    left = f"{places.copies_folder(member.org_id, UUID(begun['id']))}/left"
    await obstore.put_async(resources.storage.store, left, b"hello")
    assert len(_kept(resources)) == 3
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = %s", begun["id"])
    await sweeping.sweep(resources)
    assert _kept(resources) == []
