"""What was uploaded can be read back, by ranges, by those who may write, for as long as it is kept."""

import hashlib
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.servers import TestDatabase
from lyceum.files import sweeping
from lyceum.kernel.resources import Resources
from make.accounts import Member, make_member


@pytest.fixture
async def begun(app: FastAPI, member: Member) -> dict[str, Any]:
    """An upload that is whole."""
    async with client_of(app, key=member.key) as client:
        answer = (await client.post("/api/v1/uploads", json={"file_name": "Ñ.csv"})).json()
        assert (await client.put(answer["put_url"], content=b"0123456789")).status_code == 200
    return dict(answer)


async def _get(app: FastAPI, who: Member, begun: dict[str, Any], **headers: str) -> httpx.Response:
    async with client_of(app, key=who.key) as client:
        return await client.get(f"/api/v1/uploads/{begun['id']}/content", headers=headers)


async def test_content_comes_back_whole_and_by_ranges(app: FastAPI, member: Member, begun: dict[str, Any]) -> None:
    whole, part = await _get(app, member, begun), await _get(app, member, begun, range="bytes=-3")
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["etag"] == f'"{hashlib.sha256(b"0123456789").hexdigest()}"'
    assert whole.headers["content-disposition"].endswith("filename*=UTF-8''%C3%91.csv")
    assert (part.status_code, part.content) == (206, b"789")


async def test_content_is_for_those_of_the_organisation_who_may_write(
    app: FastAPI, database: TestDatabase, member: Member, stranger: Member, begun: dict[str, Any]
) -> None:
    assert (await _get(app, stranger, begun)).status_code == 404
    viewer = make_member(database, role="viewer")
    assert (await _get(app, viewer, begun)).status_code == 403


async def test_content_that_is_not_there_is_told(
    app: FastAPI, resources: Resources, database: TestDatabase, member: Member, begun: dict[str, Any]
) -> None:
    async with client_of(app, key=member.key) as client:
        other = (await client.post("/api/v1/uploads", json={"file_name": "t.csv"})).json()
    early = await _get(app, member, other)
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_whole")
    past = "UPDATE uploads SET state = 'taken', expires_at = now() - interval '1 s' WHERE id = %s"
    rows_of(database, past, begun["id"])
    await sweeping.sweep(resources)
    gone = await _get(app, member, begun)
    assert (gone.status_code, gone.json()["code"]) == (410, "upload_content_gone")
