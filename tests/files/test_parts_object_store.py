"""Uploads in parts straight into an object store: each to its signed address, joined and checked by a completion."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from fastapi import FastAPI

from fixtures.app import client_at, client_of, rows_of, settings_for
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from fixtures.uploads import begin_upload, complete_upload
from lyceum.files import sweeping
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from make.accounts import Member

PARTS = [b"a" * 1024, b"b" * 1024, b"c"]
CONTENT = b"".join(PARTS)


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, s3_place: S3Place, tmp_path: Path) -> Settings:
    options = {"storage_url": s3_place.url, "storage_options": s3_place.options}
    return settings_for(database, tmp_path, valkey_url=valkey_url, upload_part_bytes=1024, **options)


@pytest.fixture
async def asks(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


@pytest.fixture
async def straight() -> AsyncIterator[httpx.AsyncClient]:
    async with client_at("") as client:
        yield client


async def _begin(asks: httpx.AsyncClient) -> dict[str, Any]:
    return await begin_upload(asks, byte_count=len(CONTENT), in_parts=True)


async def _parts(asks: httpx.AsyncClient, begun: dict[str, Any]) -> list[dict[str, Any]]:
    return list((await asks.get(f"/api/v1/uploads/{begun['id']}/parts")).json()["items"])


def _kept(resources: Resources) -> list[str]:
    return [meta["path"] for batch in obstore.list(resources.storage.store) for meta in batch]


async def test_parts_sent_to_the_store_itself_become_the_whole_file(
    resources: Resources, asks: httpx.AsyncClient, straight: httpx.AsyncClient
) -> None:
    begun = await _begin(asks)
    parts = await _parts(asks, begun)
    for number in (3, 1):
        assert (await straight.put(parts[number - 1]["put_url"], content=PARTS[number - 1])).status_code == 200
    assert [part["is_there"] for part in await _parts(asks, begun)] == [True, False, True]
    one = {"after": 1, "limit": 1}
    second = (await asks.get(f"/api/v1/uploads/{begun['id']}/parts", params=one)).json()
    third = (await asks.get(f"/api/v1/uploads/{begun['id']}/parts", params=one | {"after": second["next"]})).json()
    assert [(part["number"], part["is_there"]) for part in second["items"] + third["items"]] == [(2, False), (3, True)]
    assert (await asks.get(f"/api/v1/uploads/{begun['id']}")).json()["parts_there"] == 2
    early = await complete_upload(asks, begun)
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_whole")
    await straight.put(parts[1]["put_url"], content=PARTS[1])
    whole = await complete_upload(asks, begun, part_sha256=[hashlib.sha256(part).hexdigest() for part in PARTS])
    assert whole.json()["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    [key] = _kept(resources)
    assert await resources.storage.read(key) == CONTENT
    # what is sent later changes nothing
    await straight.put(parts[1]["put_url"], content=b"x" * 1024)
    assert (await complete_upload(asks, begun)).json() == whole.json()
    assert await resources.storage.read(key) == CONTENT


async def test_a_part_the_store_got_otherwise_is_named_and_may_be_sent_again(
    resources: Resources, asks: httpx.AsyncClient, straight: httpx.AsyncClient
) -> None:
    begun = await _begin(asks)
    parts = await _parts(asks, begun)
    for part, content in zip(parts, (PARTS[0], b"x" * 1024, PARTS[2]), strict=True):
        await straight.put(part["put_url"], content=content)
    wanted = [hashlib.sha256(part).hexdigest() for part in PARTS]
    refused = await complete_upload(asks, begun, part_sha256=wanted)
    assert (refused.status_code, refused.json()["code"]) == (422, "content_differs")
    assert "Part 2 of t.csv" in refused.json()["detail"]
    assert len(_kept(resources)) == 3
    await straight.put(parts[1]["put_url"], content=PARTS[1])
    assert (await complete_upload(asks, begun, part_sha256=wanted)).status_code == 200


async def test_a_part_of_another_size_is_not_there(asks: httpx.AsyncClient, straight: httpx.AsyncClient) -> None:
    begun = await _begin(asks)
    [part, *_] = await _parts(asks, begun)
    await straight.put(part["put_url"], content=b"short")
    assert [part["is_there"] for part in await _parts(asks, begun)] == [False] * 3


async def test_the_sweeper_removes_parts_nobody_completed(
    resources: Resources, asks: httpx.AsyncClient, straight: httpx.AsyncClient, database: TestDatabase
) -> None:
    begun = await _begin(asks)
    await straight.put((await _parts(asks, begun))[0]["put_url"], content=PARTS[0])
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = %s", begun["id"])
    await sweeping.sweep(resources)
    assert _kept(resources) == []
