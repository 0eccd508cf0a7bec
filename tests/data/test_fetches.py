"""Files fetched from an address become versions; what the hub may not ask, or what answers badly, is told."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.app import client_of, eventually, rows_of, running_app, running_worker, settings_for
from fixtures.far_http import LOOPBACK, FarAnswer, FarRequest, far_http
from fixtures.servers import TestDatabase
from fixtures.staffed import new_dataset, ok, settled_version
from lyceum.data.datasets.sources.jobs import HANDLERS
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.followup import follow_up_handler
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.resources import open_resources
from lyceum.kernel.storage import open_storage
from make.accounts import Member

SECRET = "s3cr3t-in-the-query"


@pytest.fixture
def settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    """A hub that may ask servers on this machine."""
    return settings_for(
        database, tmp_path, valkey_url=valkey_url, outward_allowed_networks=LOOPBACK, upload_bytes_max=10_000
    )


@pytest.fixture
async def client(settings: Settings, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the test's own organisation."""
    async with running_app(settings) as app, client_of(app, key=member.key) as opened:
        yield opened


async def _fetched(
    client: httpx.AsyncClient, settings: Settings, database: TestDatabase, url: str, **more: Any
) -> dict[str, Any]:
    """Begin a fetch, and return the version's row once it was fetched or rejected; nothing reads it here."""
    address = await new_dataset(client)
    begun = await ok(client.post(f"/api/v1/datasets/{address}/fetches", json={"url": url} | more), 202)
    assert begun["state"] == "pending"
    assert SECRET not in str(begun)
    [before] = rows_of(database, "SELECT * FROM dataset_versions WHERE id = %s", begun["id"])
    assert SECRET.encode() not in bytes(before["fetch_sealed"])

    def settled() -> dict[str, Any] | None:
        [row] = rows_of(database, "SELECT * FROM dataset_versions WHERE id = %s", begun["id"])
        return row if row["fetch_sealed"] is None else None

    handlers = (*HANDLERS, follow_up_handler(Handlers.of(HANDLERS)))
    async with open_resources(settings, subscribers={}) as resources, running_worker(resources, *handlers):
        row: dict[str, Any] = await eventually(settled, what="fetched, or not")
    return row


async def test_a_file_is_fetched_and_read_as_an_upload_is(
    client: httpx.AsyncClient, settings: Settings, database: TestDatabase
) -> None:
    def answer(request: FarRequest) -> FarAnswer:
        if request.path.startswith("/moved"):
            return FarAnswer(302, {"location": f"/files/caf%C3%A9.csv?key={SECRET}"})
        return FarAnswer(body=b"a,b\n1,2\n")

    async with far_http(answer) as far:
        row = await _fetched(client, settings, database, f"{far.url}/moved/x.csv?key={SECRET}", delimiter=",")
        assert [request.path.split("?")[0] for request in far.requests] == ["/moved/x.csv", "/files/caf%C3%A9.csv"]
    assert (row["state"], row["file_name"]) == ("pending", "x.csv")
    [upload] = rows_of(database, "SELECT * FROM uploads WHERE id = %s", row["upload_id"])
    assert (upload["state"], upload["bytes_received"], upload["bytes_kept"]) == ("taken", 8, 8)
    assert await open_storage(settings).byte_count(upload["content_key"]) == 8
    [job] = rows_of(database, "SELECT * FROM jobs WHERE id = %s", row["job_id"])
    assert (job["kind"], job["args"]["delimiter"]) == ("data.read_upload", ",")
    everywhere = rows_of(database, "SELECT args::text, error::text FROM jobs WHERE org_id = %s", row["org_id"])
    assert SECRET not in str(everywhere)


@pytest.mark.parametrize(
    "answer, code",
    [
        (FarAnswer(404, body=b"nothing"), "fetch_refused"),
        (FarAnswer(body=b"x" * 10_001), "answer_too_large"),
        (FarAnswer(302, {"location": "http://169.254.169.254/latest/meta-data"}), "address_refused"),
        (FarAnswer(headers={"content-encoding": "gzip"}, body=b"\x1f\x8b"), "address_away"),
    ],
)
async def test_what_is_no_file_is_told_and_the_address_is_forgotten(
    client: httpx.AsyncClient,
    settings: Settings,
    database: TestDatabase,
    answer: FarAnswer,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # what may pass is tried again, which takes a while
    monkeypatch.setattr("lyceum.data.datasets.sources.jobs.FetchFile.attempts_max", 1)
    async with far_http(lambda _: answer) as far:
        row = await _fetched(client, settings, database, f"{far.url}/t.csv?key={SECRET}")
    assert (row["state"], row["error"]["code"]) == ("rejected", code), row["error"]
    assert SECRET not in str(row["error"])


async def test_what_the_hub_may_not_ask_is_refused_at_once_or_where_it_leads(
    client: httpx.AsyncClient, hub_client: Callable[..., httpx.AsyncClient], owner: Member
) -> None:
    address = await new_dataset(client)
    for url in ("file:///etc/passwd", "ftp://example.org/x", "https://a:b@example.org/", "nothing"):
        refused = await client.post(f"/api/v1/datasets/{address}/fetches", json={"url": url})
        assert (refused.status_code, refused.json()["code"]) == (422, "address_refused"), url
    async with hub_client(owner) as other:
        address = await new_dataset(other)
        body = {"url": "http://127.0.0.1:1/t.csv"}
        begun = await ok(other.post(f"/api/v1/datasets/{address}/fetches", json=body), 202)
        version = await settled_version(other, begun["id"])
        assert (version["state"], version["error"]["code"]) == ("rejected", "address_refused")
        assert "LYCEUM_OUTWARD_ALLOWED_NETWORKS" in version["error"]["detail"]
