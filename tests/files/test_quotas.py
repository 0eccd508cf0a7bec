"""What organisations keep: counted with the change, limited, true under concurrency, counted again."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import ServedProcess, client_of, rows_of, settings_for
from fixtures.commands import told
from fixtures.servers import TestDatabase
from fixtures.uploads import stored_files
from lyceum.cli_storage import bytes_of
from lyceum.files import kept, sweeping
from lyceum.hub.errors import HubRefused
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from make.accounts import Member

QUOTA = 1000


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, storage_bytes_max=QUOTA, upload_part_bytes=1024)


@pytest.fixture
async def asks(app: FastAPI, member: Member) -> Any:
    async with client_of(app, key=member.key) as client:
        yield client


async def _begin(asks: httpx.AsyncClient, byte_count: int | None = None, **wanted: Any) -> httpx.Response:
    return await asks.post("/api/v1/uploads", json={"file_name": "t.csv", "byte_count": byte_count} | wanted)


async def _uploads(asks: httpx.AsyncClient) -> tuple[int, int]:
    uploads = (await asks.get("/api/v1/storage")).json()["uploads"]
    return uploads["byte_count"], uploads["object_count"]


async def test_what_is_announced_is_counted_at_once_and_given_back_when_it_is_abandoned(
    asks: httpx.AsyncClient,
) -> None:
    begun = (await _begin(asks, 600)).json()
    assert await _uploads(asks) == (600, 1)
    refused = await _begin(asks, 500)
    assert (refused.status_code, refused.json()["code"]) == (413, "storage_quota_exceeded")
    told = refused.json()
    assert (told["used_bytes"], told["quota_bytes"], told["wanted_bytes"]) == (600, 1000, 500)
    assert told["detail"].startswith("Your organisation keeps 600 bytes of the 1000 bytes it may, so 500 bytes more do")
    await asks.delete(f"/api/v1/uploads/{begun['id']}")
    assert await _uploads(asks) == (0, 0)
    assert (await _begin(asks, 1000, in_parts=True)).status_code == 201


async def test_of_many_at_once_as_many_are_taken_as_fit(app: FastAPI, asks: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(_begin(asks, 300) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [413] * 9
    assert await _uploads(asks) == (900, 3)


async def test_what_was_not_announced_is_counted_when_it_is_there(
    asks: httpx.AsyncClient, hub_settings: Settings
) -> None:
    first, second, third = [(await _begin(asks)).json() for _ in range(3)]
    assert await _uploads(asks) == (0, 0)
    assert (await asks.put(first["put_url"], content=b"x" * 800)).status_code == 200
    assert await _uploads(asks) == (800, 1)
    refused = await asks.put(second["put_url"], content=b"x" * 300)
    assert (refused.status_code, refused.json()["code"]) == (413, "storage_quota_exceeded")
    assert len(stored_files(hub_settings)) == 1
    assert (await asks.put(third["put_url"], content=b"x" * 200)).status_code == 200
    assert await _uploads(asks) == (1000, 2)


async def test_each_organisation_has_a_quota_of_its_own(
    app: FastAPI, asks: httpx.AsyncClient, stranger: Member
) -> None:
    await _begin(asks, 1000)
    async with client_of(app, key=stranger.key) as other:
        assert await _uploads(other) == (0, 0)
        assert (await _begin(other, 1000)).status_code == 201


async def test_what_is_swept_is_not_counted_any_more(
    resources: Resources, asks: httpx.AsyncClient, database: TestDatabase
) -> None:
    begun = [(await _begin(asks, 100)).json() for _ in range(3)]
    await asks.put(begun[0]["put_url"], content=b"x" * 100)
    rows_of(database, "UPDATE uploads SET state = 'taken' WHERE id = %s", begun[0]["id"])
    past = "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = ANY(%s::uuid[])"
    rows_of(database, past, [one["id"] for one in begun[:2]])
    await sweeping.sweep(resources)
    assert await _uploads(asks) == (100, 1)


async def test_an_organisation_that_keeps_too_much_adds_no_version_and_trains_nothing(
    app: FastAPI, asks: httpx.AsyncClient, client: httpx.AsyncClient, member: Member
) -> None:
    begun = (await _begin(asks, 100)).json()
    await asks.put(begun["put_url"], content=b"x" * 100)
    made = (await asks.post("/api/v1/datasets", json={"name": "d"})).json()
    limit = await client.put(f"/api/v1/hub/storage/{member.org_name}/quota", json={"bytes_max": 50})
    assert limit.status_code == 204
    refused = await asks.post(f"/api/v1/datasets/{made['address']}/versions", json={"upload_id": begun["id"]})
    assert (refused.status_code, refused.json()["code"]) == (413, "storage_quota_exceeded")
    assert "so nothing more fits" in refused.json()["detail"]
    run = {"dataset": made["address"], "target": "x", "time_limit_seconds": 10}
    assert (await asks.post("/api/v1/runs", json=run)).status_code == 413
    # what is there can be read and removed
    assert (await asks.get(f"/api/v1/uploads/{begun['id']}/content")).status_code == 200
    assert (await asks.delete(f"/api/v1/uploads/{begun['id']}")).status_code == 204


async def test_an_administrator_limits_lifts_and_leaves_it_to_the_setting(
    asks: httpx.AsyncClient, client: httpx.AsyncClient, member: Member
) -> None:
    quota = f"/api/v1/hub/storage/{member.org_name}/quota"
    for bytes_max, shown in ((50, 50), (0, None), (None, QUOTA)):
        assert (await client.put(quota, json={"bytes_max": bytes_max})).status_code == 204
        assert (await asks.get("/api/v1/storage")).json()["bytes_max"] == shown
    for wanted in ({"bytes_max": -1}, {"bytes_max": 2**63}, {}):
        assert (await client.put(quota, json=wanted)).status_code == 422
    unknown = await client.put("/api/v1/hub/storage/nobody-here/quota", json={"bytes_max": 1})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "organisation_not_found")
    for answer in (await asks.put(quota, json={"bytes_max": 0}), await asks.get("/api/v1/hub/storage")):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_the_hubs_storage_is_listed_by_organisation_in_pages(
    fresh_app: FastAPI, fresh_database: TestDatabase, fresh_resources: Resources
) -> None:
    from lyceum.accounts.public import local_administrator_key
    from make.accounts import make_member

    members = [make_member(fresh_database) for _ in range(3)]
    for number, one in enumerate(members, 1):
        async with client_of(fresh_app, key=one.key) as each:
            await _begin(each, 100 * number)
    key = (await local_administrator_key(fresh_resources.database)).secret
    found: dict[str, Any] = {}
    cursor: str | None = ""
    async with client_of(fresh_app, key=key) as client:
        while cursor is not None:
            more = {"cursor": cursor} if cursor else {}
            page = (await client.get("/api/v1/hub/storage", params={"limit": "2", **more})).json()
            found |= {one["organisation"]: one for one in page["items"]}
            cursor = page["next"]
    assert len(found) == 4
    assert [found[one.org_name]["storage"]["byte_count"] for one in members] == [100, 200, 300]
    assert page["disk"]["total_bytes"] > page["disk"]["free_bytes"] > 0


async def test_counters_that_are_wrong_are_corrected_and_told(
    fresh_resources: Resources, fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    async with client_of(fresh_app, key=fresh_member.key) as asks:
        await _begin(asks, 100)
        assert await kept.recount(fresh_resources) == {"organisations": 1, "corrected": 0}
        assert "counted wrong" not in caplog.text
        rows_of(fresh_database, "UPDATE storage_usage SET byte_count = 7, object_count = 9")
        assert await kept.recount(fresh_resources) == {"organisations": 1, "corrected": 3}
        assert caplog.text.count("what an organisation keeps was counted wrong; corrected") == 3
        assert await _uploads(asks) == (100, 1)


async def test_a_count_while_uploads_come_and_go_is_true(
    fresh_resources: Resources, fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    async with client_of(fresh_app, key=fresh_member.key) as asks:

        async def come_and_go(number: int) -> None:
            for _ in range(6):
                begun = (await _begin(asks, number)).json()
                if number % 2:
                    await asks.put(begun["put_url"], content=b"x" * number)
                if number % 3:
                    await asks.delete(f"/api/v1/uploads/{begun['id']}")

        coming = asyncio.gather(*(come_and_go(number) for number in range(1, 7)))
        corrected = 0
        while not coming.done():
            corrected += (await kept.recount(fresh_resources))["corrected"]
        await coming
        assert corrected == 0
        assert await _uploads(asks) == (6 * (3 + 6), 12)


async def test_no_organisation_writes_its_own_quota(database: TestDatabase, member: Member) -> None:
    import psycopg

    own = f"SET lyceum.org_id = '{member.org_id}'"
    with psycopg.connect(database.dsn("app"), autocommit=True) as connection:
        connection.execute(own)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO storage_quotas (org_id, bytes_max) VALUES (%s, 0)", (member.org_id,))


@pytest.mark.deep
def test_the_command_shows_and_limits(
    serve: Callable[..., ServedProcess], administrator_key: str, member: Member, tmp_path: Path
) -> None:
    api = serve("lyceum.web")
    storage = partial(told, "storage", home=tmp_path, LYCEUM_URL=api.url, LYCEUM_API_KEY=administrator_key)
    assert storage("quota", member.org_name, "1.5GiB") == f"{member.org_name} may keep 1.5 GiB.\n"
    shown = storage("--limit", "1000")
    assert "in reserve" in shown.splitlines()[0]
    [line] = [line for line in shown.splitlines() if line.startswith(member.org_name)]
    assert line.split("  ")[1].strip() == "0 bytes"
    assert "1.5 GiB" in line


@pytest.mark.parametrize(
    "text, size", [("0", 0), ("1048576", 1048576), ("1.5G", 1610612736), ("2 GB", 2_000_000_000), ("3kib", 3072)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1XB", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(HubRefused, match="is no size"):
        bytes_of(text)
