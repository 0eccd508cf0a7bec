"""Stored files read again: those that are not what was stored are told, and nothing else is."""

import errno
from dataclasses import replace
from typing import Any

import httpx
import obstore
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.accounts.public import local_administrator_key
from lyceum.files import damage
from lyceum.kernel.config import load_settings
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import open_storage
from make.accounts import Member


@pytest.fixture
async def asks(fresh_app: FastAPI, fresh_member: Member) -> Any:
    async with client_of(fresh_app, key=fresh_member.key) as client:
        yield client


async def _uploaded(asks: httpx.AsyncClient, content: bytes) -> str:
    begun = (await asks.post("/api/v1/uploads", json={"file_name": "t.csv"})).json()
    assert (await asks.put(begun["put_url"], content=content)).status_code == 200
    return str(begun["id"])


async def _told(app: FastAPI) -> list[tuple[str, str]]:
    resources: Resources = app.state.resources
    key = (await local_administrator_key(resources.database)).secret
    async with client_of(app, key=key) as client:
        found = (await client.get("/api/v1/hub/storage")).json()["damaged"]
    return [(one["key"].rpartition("/")[2], one["problem"]) for one in found]


async def test_files_that_changed_or_are_gone_are_told_until_they_are_whole_or_removed(
    fresh_app: FastAPI, asks: httpx.AsyncClient, fresh_member: Member, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(damage, "LOOK_AT_ONCE", 2)
    resources: Resources = fresh_app.state.resources
    whole, changed, gone = [await _uploaded(asks, b"content") for _ in range(3)]
    assert await damage.look_for_damage(resources) == {"read": 3, "damaged": 0}
    folder = resources.settings.home / "files" / "uploads" / str(fresh_member.org_id)
    (folder / changed).write_bytes(b"Content")
    (folder / gone).unlink()
    assert await damage.look_for_damage(resources) == {"read": 3, "damaged": 2}
    assert caplog.messages.count("a stored file is damaged") == 2
    assert sorted(await _told(fresh_app)) == sorted([(changed, "changed"), (gone, "missing")])
    (folder / changed).write_bytes(b"content")
    await asks.delete(f"/api/v1/uploads/{gone}")
    assert await _told(fresh_app) == [(changed, "changed")]
    assert await damage.look_for_damage(resources) == {"read": 2, "damaged": 0}
    assert await _told(fresh_app) == []
    assert (folder / whole).read_bytes() == b"content"


async def test_a_file_that_is_removed_while_it_is_read_is_not_damaged(
    fresh_app: FastAPI, asks: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources: Resources = fresh_app.state.resources
    upload_id = await _uploaded(asks, b"content")
    looks = damage._is_damaged

    async def overtaken(*args: Any) -> bool | None:
        assert (await asks.delete(f"/api/v1/uploads/{upload_id}")).status_code == 204
        return await looks(*args)

    monkeypatch.setattr(damage, "_is_damaged", overtaken)
    assert await damage.look_for_damage(resources) == {"read": 1, "damaged": 0}


async def test_a_storage_that_gives_nothing_out_damages_no_file_and_mends_none(
    fresh_app: FastAPI,
    asks: httpx.AsyncClient,
    fresh_member: Member,
    s3_place: S3Place,
    caplog: pytest.LogCaptureFixture,
) -> None:
    resources: Resources = fresh_app.state.resources
    _, changed = [await _uploaded(asks, b"content") for _ in range(2)]
    (resources.settings.home / "files" / "uploads" / str(fresh_member.org_id) / changed).write_bytes(b"Content")
    assert await damage.look_for_damage(resources) == {"read": 2, "damaged": 1}
    options = s3_place.options | {"aws_secret_access_key": "another"}
    turned_away = load_settings(home=resources.settings.home, storage_url=s3_place.url, storage_options=options)
    outage = replace(resources, storage=open_storage(turned_away))
    assert await damage.look_for_damage(outage) == {"read": 0, "damaged": 0}
    assert caplog.messages.count("a stored file could not be read") == 2
    assert await _told(fresh_app) == [(changed, "changed")]


async def test_a_file_that_the_disk_does_not_give_back_is_damaged(
    fresh_app: FastAPI, asks: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = await _uploaded(asks, b"content")

    async def read(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(obstore, "get_async", read)
    assert await damage.look_for_damage(fresh_app.state.resources) == {"read": 1, "damaged": 1}
    assert await _told(fresh_app) == [(upload_id, "changed")]


async def test_a_models_file_is_looked_at_too(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    dataset, version = (fresh_member.key_id, fresh_member.user_id)
    org = fresh_member.org_id
    rows_of(fresh_database, "INSERT INTO datasets (id, org_id, name) VALUES (%s, %s, 'd')", dataset, org)
    rows_of(
        fresh_database,
        "INSERT INTO dataset_versions (id, org_id, dataset_id, number, state, operation_id, delta_version, file_name)"
        " VALUES (%s, %s, %s, 1, 'accepted', gen_random_uuid(), 0, 'x')",
        version, org, dataset,
    )  # fmt: skip
    rows_of(
        fresh_database,
        "INSERT INTO training_runs (id, org_id, dataset_version_id, target, time_limit_seconds, artifact)"
        """ VALUES (gen_random_uuid(), %s, %s, 't', 1, '{"path": "models/x", "byte_count": 1, "sha256": "00"}')""",
        org, version,
    )  # fmt: skip
    assert await damage.look_for_damage(fresh_resources) == {"read": 1, "damaged": 1}
