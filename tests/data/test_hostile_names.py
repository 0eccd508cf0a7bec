"""Whatever a dataset, a file or a column is called, nothing is written outside the places that ids name."""

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import polars as pl
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fixtures.app import client_of
from fixtures.uploads import stored_files
from lyceum.data.datasets.reading.public import UnreadableTable, stage_table
from lyceum.kernel.config import Settings
from make.accounts import Member

HOSTILE = (
    *("../../etc/passwd", "..", ".", "/etc/passwd", "a/../../b", "..\\..\\b", "%2e%2e%2fb", "..%2fb", "....//b"),
    *(
        "a\0b",
        "a\nb",
        "a\r\nb",
        "~root",
        "$(id)",
        "`id`",
        "|id",
        "CON",
        "a" * 255,
        "\u202egnp",
        "\uff0e\uff0e\uff0fb",
        " ",
        "-rf",
    ),
    *("file:///etc/passwd", "s3://other/b", "\\\\host\\share", "uploads/../../b", "a;b", "'; DROP TABLE x", "{{7*7}}"),
)
NAMES = st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=80)
UUID_FORM = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PLACE = re.compile(rf"uploads/{UUID_FORM}/{UUID_FORM}")
DATASET_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
FILE_NAMES = {
    *("%2e%2e%2fb", "..%2fb", "~root", "$(id)", "`id`", "|id", "CON", "a" * 255, "\uff0e\uff0e\uff0fb", "-rf"),
    *("a;b", "'; DROP TABLE x", "{{7*7}}"),
}
"""Odd names that lead nowhere by themselves: a file may have them."""

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as opened:
        yield opened


def below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


async def test_an_uploaded_file_lies_where_its_id_says_whatever_it_is_called(
    mine: httpx.AsyncClient, hub_settings: Settings
) -> None:
    outside = below(hub_settings.home.parent) - below(hub_settings.home)
    for name in HOSTILE:
        begun = await mine.post("/api/v1/uploads", json={"file_name": name})
        assert begun.status_code == (201 if name in FILE_NAMES else 422), (name, begun.text)
        if begun.status_code == 201:
            assert (await mine.put(begun.json()["put_url"], content=b"a\n1\n")).status_code == 200
            path = f"/api/v1/uploads/{begun.json()['id']}/content"
            header = (await mine.get(path)).headers["content-disposition"]
            assert header.isascii()
            assert header.isprintable()
    files = hub_settings.home / "files"
    assert [file for file in stored_files(hub_settings) if not PLACE.fullmatch(str(file.relative_to(files)))] == []
    assert below(hub_settings.home.parent) - below(hub_settings.home) == outside


async def test_a_dataset_has_a_name_that_is_safe_in_a_path_or_none(mine: httpx.AsyncClient) -> None:
    for name in (*HOSTILE, f"fine-{secrets.token_hex(4)}", ".hidden", "trailing.", "a" * 96, "a" * 97):
        made = await mine.post("/api/v1/datasets", json={"name": name})
        assert made.status_code == (201 if DATASET_NAME.fullmatch(name) else 422), (name, made.text)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/datasets/{org}/{name}",
        "/api/v1/datasets/{name}/x",
        "/api/v1/models/{org}/{name}/versions/1/artifact",
        "/api/v1/models/{org}/x/aliases/{name}",
        "/api/v1/uploads/{name}/content",
        "/static/{name}",
        "/assets/{name}",
        "/api/v1/invitations/{name}",
        "/api/v1/sign-on/{name}",
        "/api/v1/organisations/{name}",
        "/api/v1/me/exports/{name}/content",
    ],
)
async def test_a_name_in_a_path_leads_nowhere_else(mine: httpx.AsyncClient, member: Member, path: str) -> None:
    for name in HOSTILE:
        sent = quote(name, safe="/%")
        for spelled in (sent, sent.replace("/", "%2f"), sent.replace("/", "%252f").replace(".", "%2e")):
            whole = path.format(org=member.org_name, name=spelled)
            if {".", ".."} & set(whole.split("/")):
                # steps that a client takes by itself before it asks
                continue
            answer = await mine.get(whole)
            assert answer.status_code in {307, 403, 404, 405, 410, 422}, (whole, answer.text)
            assert "root:" not in answer.text


@few
@given(name=NAMES)
@example(name="../../x")
def test_a_columns_name_names_no_file(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("named")
    source = folder / "table.csv"
    pl.DataFrame({"a": [1, 2]}).rename({"a": name}).write_csv(source)
    try:
        staged = stage_table(source, file_name=name, target=folder / "in" / "table")
    except UnreadableTable:
        assert list((folder / "in").iterdir()) == []
    else:
        assert {file.parent for file in staged.files} == {folder / "in" / "table"}
    assert {path.name for path in folder.iterdir()} <= {"table.csv", "in"}
