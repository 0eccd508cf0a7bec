"""Large files on their way: in parts, each checked, again where the connection broke, and no further after a refusal."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from lyceum_client import Client, HubFailed

UPLOAD = "/api/v1/uploads/u1"
CONTENT = b"0123456789"
PARTS = [b"0123", b"4567", b"89"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lyceum_client.uploads.IN_PARTS_FROM_BYTES", len(CONTENT))
    path = tmp_path / "t.csv"
    path.write_bytes(CONTENT)
    return path


def takes_parts(hub: Any, *, there: tuple[int, ...] = (), put_at: str = "") -> None:
    state = {"id": "u1", "state": "open", "byte_count": 10, "part_bytes": 4, "part_count": 3}
    items = [
        {
            "number": number,
            "byte_count": len(part),
            "put_url": f"{put_at}{UPLOAD}/parts/{number}?signature=s",
            "is_there": number in there,
            "sha256": hashlib.sha256(part).hexdigest() if number in there else None,
        }
        for number, part in enumerate(PARTS, 1)
    ]
    hub.will("POST", "/api/v1/uploads", {"id": "u1", "put_url": None, "complete_needed": True})
    hub.will("GET", UPLOAD, state)
    hub.will("GET", f"{UPLOAD}/parts", {"items": items[:2], "next": 2}, {"items": items[2:], "next": None})
    for number in (1, 2, 3):
        hub.will("PUT", f"{UPLOAD}/parts/{number}", {"number": number})
    hub.will("POST", f"{UPLOAD}/complete", {"id": "u1"})


def sent_parts(hub: Any) -> dict[str, bytes]:
    return {asked.path.split("?")[0][-1]: asked.body for asked in hub.asked if asked.method == "PUT"}


def test_a_large_file_goes_in_parts_with_their_checksums(hub: Any, client: Client, file: Path) -> None:
    takes_parts(hub)
    told: list[str] = []
    assert client.datasets.send(file, on_begun=told.append) == "u1"
    assert told == ["u1"]
    assert hub.asked[0].json == {"file_name": "t.csv", "byte_count": 10, "in_parts": True}
    assert sent_parts(hub) == {"1": b"0123", "2": b"4567", "3": b"89"}
    for asked in hub.asked:
        if asked.method == "PUT":
            assert asked.headers["x-content-sha256"] == hashlib.sha256(asked.body).hexdigest()
    assert hub.asked[-1].json == {"part_sha256": [hashlib.sha256(part).hexdigest() for part in PARTS]}


def test_only_what_is_missing_is_sent(hub: Any, client: Client, file: Path) -> None:
    takes_parts(hub, there=(1, 3))
    client.datasets.resume(file, "u1")
    assert sent_parts(hub) == {"2": b"4567"}


def test_a_part_whose_connection_broke_is_sent_again(hub: Any, client: Client, file: Path) -> None:
    takes_parts(hub, there=(1, 2))
    hub.will("PUT", f"{UPLOAD}/parts/3", hub.hang_up(), hub.answer(503, {"detail": "later"}), {"number": 3})
    client.datasets.resume(file, "u1")
    assert [asked.body for asked in hub.asked if asked.method == "PUT"] == [b"89"] * 3


def test_a_refusal_of_a_part_is_told_as_any_other_and_nothing_is_completed(
    hub: Any, client: Client, file: Path
) -> None:
    takes_parts(hub)
    hub.will("PUT", f"{UPLOAD}/parts/1", hub.answer(507, {"code": "no_space", "detail": "The disk is full."}))
    with pytest.raises(HubFailed, match=r"The disk is full\."):
        client.datasets.send(file)
    assert f"POST {UPLOAD}/complete" not in hub.paths()


def test_the_key_is_not_shown_to_an_object_store(hub: Any, make_hub: Any, client: Client, file: Path) -> None:
    store = make_hub()
    takes_parts(hub, put_at=store.url)
    takes_parts(store)
    client.datasets.send(file)
    assert sent_parts(store) == {"1": b"0123", "2": b"4567", "3": b"89"}
    assert not any("authorization" in asked.headers for asked in store.asked)
