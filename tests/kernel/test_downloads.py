"""Stored files given back: whole, by ranges, only told of; names and contents that are hostile stay harmless."""

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.app import client_of
from fixtures.s3 import S3Place
from lyceum.kernel.config import load_settings
from lyceum.kernel.http.downloads import Download, answer_download, content_disposition
from lyceum.kernel.http.problems import answer_problems
from lyceum.kernel.storage import Storage, open_storage

CONTENT = bytes(range(256)) * 10
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture(params=["folder", "s3"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Files of a hub, by both ways, with one in them."""
    if request.param == "folder":
        opened = open_storage(load_settings(home=tmp_path, disk_free_bytes_min=0))
    else:
        place: S3Place = request.getfixturevalue("s3_place")
        opened = open_storage(load_settings(home=tmp_path, storage_url=place.url, storage_options=place.options))
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    await opened.put_file("a", source)
    source.write_bytes(b"")
    await opened.put_file("empty", source)
    return opened


def _app(storage: Storage, **facts: Any) -> FastAPI:
    usual: dict[str, Any] = {
        "key": "a",
        "byte_count": len(CONTENT),
        "sha256": ETAG.strip('"'),
        "version": "v",
        "file_name": "a.onnx",
    }
    download = Download(**(usual | facts))
    app = FastAPI()
    answer_problems(app)

    @app.get("/file")
    @app.head("/file", include_in_schema=False)
    async def file(request: Request) -> Response:
        return await answer_download(request, storage, download)

    return app


@pytest.fixture
async def asks(storage: Storage) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(_app(storage)) as client:
        yield client


async def test_a_file_comes_whole_with_what_checks_it(asks: httpx.AsyncClient) -> None:
    answer = await asks.get("/file")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["etag"] == ETAG
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.onnx"'


@pytest.mark.parametrize(
    "asked, start, end",
    [("0-0", 0, 1), ("0-", 0, 2560), ("5-9", 5, 10), ("2559-", 2559, 2560), ("-1", 2559, 2560), ("-9999", 0, 2560),
     ("100-99999", 100, 2560)],
)  # fmt: skip
async def test_a_range_comes_alone(asks: httpx.AsyncClient, asked: str, start: int, end: int) -> None:
    answer = await asks.get("/file", headers={"range": f"bytes={asked}"})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/2560"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=9999-10000", "bytes=-0"])
async def test_a_range_behind_the_end_is_refused(asks: httpx.AsyncClient, asked: str) -> None:
    answer = await asks.get("/file", headers={"range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_unsatisfiable")
    assert answer.headers["content-range"] == "bytes */2560"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=a-b", "bytes=1-2-3", ""]
)
async def test_what_is_no_single_range_brings_the_whole_file(asks: httpx.AsyncClient, asked: str) -> None:
    answer = await asks.get("/file", headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)


async def test_a_range_of_another_file_than_the_one_begun_brings_the_whole_file(asks: httpx.AsyncClient) -> None:
    for condition, status in (
        (ETAG, 206),
        ('"other"', 200),
        (f"W/{ETAG}", 200),
        ("Tue, 01 Jan 2030 00:00:00 GMT", 200),
    ):
        answer = await asks.get("/file", headers={"range": "bytes=0-9", "if-range": condition})
        assert answer.status_code == status, condition


async def test_head_tells_and_sends_nothing(asks: httpx.AsyncClient) -> None:
    whole, part = await asks.head("/file"), await asks.head("/file", headers={"range": "bytes=0-9"})
    assert (whole.status_code, whole.content, whole.headers["content-length"]) == (200, b"", "2560")
    assert whole.headers["etag"] == ETAG
    assert (part.status_code, part.content, part.headers["content-length"]) == (206, b"", "10")


async def test_what_the_client_has_is_not_sent_again(asks: httpx.AsyncClient) -> None:
    for known, status in ((ETAG, 304), (f'"x", W/{ETAG}', 304), ("*", 304), ('"x"', 200)):
        assert (await asks.get("/file", headers={"if-none-match": known})).status_code == status


async def test_an_empty_file_has_no_range(storage: Storage) -> None:
    async with client_of(_app(storage, key="empty", byte_count=0)) as client:
        assert (await client.get("/file")).content == b""
        assert (await client.get("/file", headers={"range": "bytes=0-"})).status_code == 416


async def test_a_file_that_is_missing_or_cut_short_is_told_before_anything_is_sent(storage: Storage) -> None:
    for method in ("GET", "HEAD"):
        async with client_of(_app(storage, key="gone")) as client:
            assert (await client.request(method, "/file")).status_code == 404
        async with client_of(_app(storage, byte_count=len(CONTENT) + 1)) as client:
            assert (await client.request(method, "/file")).status_code == 500
    async with client_of(_app(storage, byte_count=len(CONTENT) + 1)) as client:
        told = (await client.get("/file")).json()
    assert told["code"] == "file_damaged"
    assert "2,560 bytes and was stored with 2,561" in told["detail"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    plain = header.split('"')[1]
    assert header.count('"') == 2
    assert not {"/", "\\"} & set(plain)
    assert plain.strip(" .")


def test_a_name_in_another_script_is_kept() -> None:
    assert (
        content_disposition("Ñandú.csv") == "attachment; filename=\"_and_.csv\"; filename*=UTF-8''%C3%91and%C3%BA.csv"
    )
