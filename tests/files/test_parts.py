"""Uploads in parts: in any order, at once, again, after a crash; the same bytes come of them, or a clear refusal."""

import asyncio
import base64
import hashlib
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect

from fixtures.app import client_at, client_of, eventually, rows_of, served, settings_for
from fixtures.servers import TestDatabase
from fixtures.uploads import begin_upload, complete_upload, stored_files
from lyceum.files import parts, sweeping
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import JoinedFile, Storage
from make.accounts import Member

PART = 1024
CONTENT = random.Random(7).randbytes(4 * PART + 100)
PARTS = [CONTENT[at : at + PART] for at in range(0, len(CONTENT), PART)]


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, upload_part_bytes=PART)


@pytest.fixture
async def asks(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


async def _begin(asks: httpx.AsyncClient, content: bytes = CONTENT, **wanted: Any) -> dict[str, Any]:
    return await begin_upload(asks, **({"byte_count": len(content), "in_parts": True} | wanted))


async def _addresses(asks: httpx.AsyncClient, begun: dict[str, Any]) -> list[str]:
    page = (await asks.get(f"/api/v1/uploads/{begun['id']}/parts")).json()
    return [part["put_url"] for part in page["items"]]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_parts_in_any_order_and_at_once_become_the_whole_file(
    asks: httpx.AsyncClient, anonymous: httpx.AsyncClient, hub_settings: Settings
) -> None:
    begun = await _begin(asks)
    assert (begun["part_bytes"], begun["part_count"], begun["put_url"]) == (PART, 5, None)
    addresses = await _addresses(asks, begun)
    order = [3, 0, 4, 2, 1]
    answers = await asyncio.gather(*(anonymous.put(addresses[n], content=PARTS[n]) for n in order))
    assert [answer.json()["sha256"] for answer in answers] == [_sha256(PARTS[n]) for n in order]
    whole = await complete_upload(asks, begun, sha256=_sha256(CONTENT))
    assert whole.json() == {
        "id": begun["id"], "file_name": "t.csv", "byte_count": len(CONTENT), "sha256": _sha256(CONTENT),
    }  # fmt: skip
    [file] = stored_files(hub_settings)
    assert file.read_bytes() == CONTENT
    assert (await complete_upload(asks, begun)).json() == whole.json()
    late = await anonymous.put(addresses[0], content=PARTS[0])
    assert (late.status_code, late.json()["code"]) == (409, "upload_finished")


async def test_the_upload_says_which_parts_are_there(asks: httpx.AsyncClient) -> None:
    begun = await _begin(asks)
    addresses = await _addresses(asks, begun)
    for number in (2, 5):
        await asks.put(addresses[number - 1], content=PARTS[number - 1])
    first = (await asks.get(f"/api/v1/uploads/{begun['id']}/parts", params={"limit": 3})).json()
    second = (await asks.get(f"/api/v1/uploads/{begun['id']}/parts", params={"after": first["next"]})).json()
    parts = [*first["items"], *second["items"]]
    assert (first["next"], second["next"]) == (3, None)
    assert [part["number"] for part in parts if part["is_there"]] == [2, 5]
    assert [part["byte_count"] for part in parts] == [len(part) for part in PARTS]
    assert parts[1]["sha256"] == _sha256(PARTS[1])
    state = (await asks.get(f"/api/v1/uploads/{begun['id']}")).json()
    assert (state["state"], state["parts_there"], state["part_count"]) == ("open", 2, 5)
    missing = await complete_upload(asks, begun)
    assert (missing.status_code, missing.json()["code"]) == (409, "upload_not_whole")
    assert "3 of the 5 parts of t.csv are missing (1, 3, 4)" in missing.json()["detail"]


async def test_a_part_is_stored_only_when_it_is_what_its_headers_say(asks: httpx.AsyncClient) -> None:
    begun = await _begin(asks)
    [address, *_] = await _addresses(asks, begun)
    right = hashlib.sha256(PARTS[0]).digest()
    md5 = hashlib.md5(PARTS[0], usedforsecurity=False).digest()
    wrong = base64.b64encode(bytes(32)).decode()
    for headers in (
        {"x-content-sha256": "0" * 64},
        {"content-digest": f"sha-256=:{wrong}:"},
        {"repr-digest": f"sha-512=:AAAA:, sha-256=:{wrong}:"},
        {"content-md5": base64.b64encode(bytes(16)).decode()},
    ):
        answer = await asks.put(address, content=PARTS[0], headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "content_differs"), headers
    for headers in ({"x-content-sha256": "abc"}, {"content-digest": "sha-256=:AA:"}, {"content-md5": "?"}):
        answer = await asks.put(address, content=PARTS[0], headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "digest_unreadable"), headers
    assert (await asks.get(f"/api/v1/uploads/{begun['id']}")).json()["parts_there"] == 0
    for headers in (
        {"x-content-sha256": right.hex().upper()},
        {"repr-digest": f"sha-256=:{base64.b64encode(right).decode()}:"},
        {"content-md5": base64.b64encode(md5).decode()},
    ):
        assert (await asks.put(address, content=PARTS[0], headers=headers)).status_code == 200


@pytest.mark.parametrize("content", [PARTS[0][:-1], PARTS[0] + b"x", b""])
async def test_a_part_of_another_size_is_refused(
    asks: httpx.AsyncClient, hub_settings: Settings, content: bytes
) -> None:
    begun = await _begin(asks)
    [address, *_] = await _addresses(asks, begun)
    answer = await asks.put(address, content=content)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_not_whole")
    assert "1,024 bytes" in answer.json()["detail"]
    assert stored_files(hub_settings) == []


async def test_no_address_of_a_part_works_that_was_changed_or_has_run_out(
    asks: httpx.AsyncClient, member: Member, stranger: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, other = await _begin(asks), await _begin(asks)
    first = (await _addresses(asks, begun))[0]
    for address in (
        first.replace("/parts/1?", "/parts/2?"),
        first.replace(begun["id"], other["id"]),
        first.replace(str(member.org_id), str(stranger.org_id)),
        first.replace("/parts/1?", "/content?"),
        first + "x",
    ):
        answer = await asks.put(address, content=PARTS[0])
        assert (answer.status_code, answer.json()["code"]) == (403, "upload_address_invalid"), address
    monkeypatch.setattr("lyceum.kernel.security.time.time", lambda: 2.0**33)
    assert (await asks.put(first, content=PARTS[0])).status_code == 403


async def test_parts_are_of_the_organisation_alone(app: FastAPI, asks: httpx.AsyncClient, stranger: Member) -> None:
    begun = await _begin(asks)
    async with client_of(app, key=stranger.key) as other:
        for answer in (
            await other.get(f"/api/v1/uploads/{begun['id']}"),
            await other.get(f"/api/v1/uploads/{begun['id']}/parts"),
            await complete_upload(other, begun),
            await other.delete(f"/api/v1/uploads/{begun['id']}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")


async def test_content_that_is_not_as_announced_is_refused_and_the_parts_stay(
    asks: httpx.AsyncClient, hub_settings: Settings
) -> None:
    begun = await _begin(asks, sha256=_sha256(CONTENT))
    addresses = await _addresses(asks, begun)
    for address, part in zip(addresses, [bytes(PART), *PARTS[1:]], strict=True):
        await asks.put(address, content=part)
    for wanted, said in (
        ({}, "send its parts again"),
        ({"part_sha256": [_sha256(part) for part in PARTS]}, "Part 1 of t.csv"),
    ):
        refused = await complete_upload(asks, begun, **wanted)
        assert (refused.status_code, refused.json()["code"]) == (422, "content_differs")
        assert said in refused.json()["detail"]
    assert len(stored_files(hub_settings)) == 5
    await asks.put(addresses[0], content=PARTS[0])
    assert (await complete_upload(asks, begun)).json()["sha256"] == _sha256(CONTENT)


async def test_parts_need_a_size_and_an_upload_in_one_piece_has_none(asks: httpx.AsyncClient) -> None:
    answer = await asks.post("/api/v1/uploads", json={"file_name": "t", "in_parts": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "upload_size_needed")
    begun = await _begin(asks, in_parts=False)
    answer = await asks.get(f"/api/v1/uploads/{begun['id']}/parts")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_not_in_parts")


async def test_an_empty_file_has_one_empty_part_and_a_vast_one_at_most_ten_thousand(asks: httpx.AsyncClient) -> None:
    begun = await _begin(asks, b"")
    [address] = await _addresses(asks, begun)
    assert (await asks.put(address, content=b"")).status_code == 200
    assert (await complete_upload(asks, begun)).json()["byte_count"] == 0
    vast = await _begin(asks, byte_count=5 * 1024**3)
    assert vast["part_count"] <= 10_000
    assert vast["part_bytes"] * vast["part_count"] >= 5 * 1024**3


async def test_a_part_whose_commit_was_not_answered_is_there(
    asks: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await _begin(asks)
    addresses = await _addresses(asks, begun)
    note = parts._note

    async def unanswered(tx: AsyncSession, *args: Any, **named: Any) -> None:
        await note(tx, *args, **named)
        await tx.commit()
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(parts, "_note", unanswered)
        assert (await asks.put(addresses[0], content=PARTS[0])).status_code == 500
    for address, part in zip(addresses[1:], PARTS[1:], strict=True):
        await asks.put(address, content=part)
    assert (await complete_upload(asks, begun)).json()["sha256"] == _sha256(CONTENT)


async def test_completions_at_once_leave_one_content(asks: httpx.AsyncClient, hub_settings: Settings) -> None:
    begun = await _begin(asks)
    for address, part in zip(await _addresses(asks, begun), PARTS, strict=True):
        await asks.put(address, content=part)
    answers = await asyncio.gather(*(complete_upload(asks, begun) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    [file] = stored_files(hub_settings)
    assert file.read_bytes() == CONTENT


async def test_a_completion_that_another_overtakes_returns_what_that_one_made(
    asks: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await _begin(asks)
    for address, part in zip(await _addresses(asks, begun), PARTS, strict=True):
        await asks.put(address, content=part)
    join = Storage.join
    others: list[httpx.Response] = []

    async def overtaken(self: Storage, keys: Sequence[str], to: str) -> JoinedFile:
        monkeypatch.setattr(Storage, "join", join)
        others.append(await complete_upload(asks, begun))
        return await join(self, keys, to)

    monkeypatch.setattr(Storage, "join", overtaken)
    answer = await complete_upload(asks, begun)
    assert answer.status_code == 200
    assert answer.json() == others[0].json()


async def test_abandoned_parts_are_removed_at_once_or_by_the_sweeper(
    resources: Resources, asks: httpx.AsyncClient, database: TestDatabase, hub_settings: Settings
) -> None:
    begun = [await _begin(asks) for _ in range(3)]
    for one in begun:
        await asks.put((await _addresses(asks, one))[1], content=PARTS[1])
    assert (await asks.delete(f"/api/v1/uploads/{begun[0]['id']}")).status_code == 204
    assert len(stored_files(hub_settings)) == 2
    rows_of(database, "UPDATE uploads SET expires_at = now() - interval '1 s' WHERE id = %s", begun[1]["id"])
    run_out = await asks.get(f"/api/v1/uploads/{begun[1]['id']}/parts")
    assert (run_out.status_code, run_out.json()["code"]) == (404, "upload_not_found")
    await sweeping.sweep(resources)
    assert len(stored_files(hub_settings)) == 1
    ids = [one["id"] for one in begun]
    left = rows_of(database, "SELECT DISTINCT upload_id FROM upload_parts WHERE upload_id = ANY(%s::uuid[])", ids)
    assert [str(row["upload_id"]) for row in left] == [begun[2]["id"]]


async def test_a_completion_with_an_endless_body_is_refused(asks: httpx.AsyncClient) -> None:
    begun = await _begin(asks)
    answer = await asks.post(f"/api/v1/uploads/{begun['id']}/complete", content=b" " * (10 * 1024**2 + 1))
    assert answer.status_code == 413


@pytest.mark.deep
async def test_an_upload_goes_on_after_the_api_was_killed_between_parts(
    database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    hub = settings_for(database, tmp_path, upload_part_bytes=PART)
    with served("lyceum.web", hub) as api:
        async with client_at(api.url, key=member.key) as client:
            begun = await _begin(client)
            addresses = await _addresses(client, begun)
            for number in (0, 3):
                assert (await client.put(addresses[number], content=PARTS[number])).status_code == 200
            has_begun = asyncio.Event()

            async def half() -> AsyncIterator[bytes]:
                yield PARTS[1][:500]
                has_begun.set()
                await asyncio.Event().wait()

            broken = asyncio.create_task(
                client.put(addresses[1], content=half(), headers={"content-length": str(PART)})
            )
            await has_begun.wait()
            api.end(signal.SIGKILL)
            broken.cancel()
            await asyncio.gather(broken, return_exceptions=True)
        api.start()
        async with client_at(api.url, key=member.key) as client:
            page = (await client.get(f"/api/v1/uploads/{begun['id']}/parts")).json()
            missing = [part for part in page["items"] if not part["is_there"]]
            assert [part["number"] for part in missing] == [2, 3, 5]
            for part in missing:
                await client.put(part["put_url"], content=PARTS[part["number"] - 1])
            assert (await complete_upload(client, begun)).json()["sha256"] == _sha256(CONTENT)
            await eventually(
                lambda: [file.read_bytes() for file in stored_files(hub) if "#" not in file.name] == [CONTENT]
            )


SENDINGS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["right", "other", "short", "long", "broken", "wrong digest"])),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sendings=SENDINGS, at_once=st.booleans(), fills_up=st.booleans())
async def test_whatever_is_sent_the_last_whole_parts_come_back_or_a_refusal_says_what_is_missing(
    asks: httpx.AsyncClient,
    hub_settings: Settings,
    sendings: list[tuple[int, str]],
    *,
    at_once: bool,
    fills_up: bool,
) -> None:
    begun = await _begin(asks)
    addresses = await _addresses(asks, begun)
    there: dict[int, set[bytes]] = {}
    if at_once:
        for number, part in _whole(await asyncio.gather(*(_send(asks, addresses, *one) for one in sendings))):
            there.setdefault(number, set()).add(part)
    else:
        there = {n: {part} for n, part in _whole([await _send(asks, addresses, *one) for one in sendings])}
    for number in sorted({*range(5)} - set(there)) if fills_up else ():
        await _send(asks, addresses, number, "right")
        there[number] = {PARTS[number]}
    answer = await complete_upload(asks, begun)
    if len(there) < 5:
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_not_whole")
        assert f"{5 - len(there)} of the 5 parts" in answer.json()["detail"]
    else:
        assert answer.status_code == 200, answer.text
        [content] = [file.read_bytes() for file in _of(hub_settings, begun)]
        assert _sha256(content) == answer.json()["sha256"]
        assert all(content[n * PART : (n + 1) * PART] in there[n] for n in range(5))
    assert (await asks.delete(f"/api/v1/uploads/{begun['id']}")).status_code == 204
    await eventually(lambda: _of(hub_settings, begun) == [], seconds=5)


def _of(settings_: Settings, begun: dict[str, Any]) -> list[Path]:
    return [path for path in stored_files(settings_) if begun["id"] in str(path)]


async def _send(asks: httpx.AsyncClient, addresses: list[str], number: int, manner: str) -> tuple[int, bytes] | None:
    """Send a part, and return what is there of it then; None when nothing of this sending is."""
    part = PARTS[number]
    if manner == "broken":
        assert (await asks.put(addresses[number], content=_breaking(part))).status_code == 499
        return None
    content = {"other": bytes(len(part)), "short": part[:-1], "long": part + b"x"}.get(manner, part)
    headers = {"x-content-sha256": _sha256(b"something else")} if manner == "wrong digest" else {}
    answer = await asks.put(addresses[number], content=content, headers=headers)
    assert (answer.status_code == 200) == (manner in {"right", "other"}), answer.text
    return (number, content) if answer.status_code == 200 else None


def _whole(sent: list[tuple[int, bytes] | None]) -> list[tuple[int, bytes]]:
    return [one for one in sent if one is not None]


async def _breaking(part: bytes) -> AsyncIterator[bytes]:
    yield part[: len(part) // 2]
    # what the web framework raises in the hub when the connection breaks
    raise ClientDisconnect
