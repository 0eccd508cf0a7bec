"""Large files on their way back: gone on with where the connection broke, unless it is another file by then."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lyceum_client import AnswerUnusable, Client, HubUnavailable

PLACE = "/api/v1/models/acme/flights/versions/2/artifact"
CONTENT = bytes(range(256)) * 400


def of(content: bytes) -> dict[str, str]:
    digest = hashlib.sha256(content).digest()
    return {"etag": f'"{digest.hex()}"', "repr-digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}


def broken(hub: Any, content: bytes, **headers: str) -> Any:
    return replace(hub.cut_short(content), headers=headers)


def test_a_download_goes_on_where_the_connection_broke(hub: Any, client: Client, tmp_path: Path) -> None:
    whole = of(CONTENT)
    rest = hub.answer(206, CONTENT[60_000:], whole)
    hub.will("GET", PLACE, broken(hub, CONTENT[:60_000], **whole), rest)
    path = client.models.download("acme/flights@2", tmp_path / "model.onnx")
    assert path.read_bytes() == CONTENT
    first, second = hub.asked
    assert "range" not in first.headers
    assert (second.headers["range"], second.headers["if-range"]) == ("bytes=60000-", whole["etag"])


def test_another_file_than_the_one_begun_is_fetched_from_its_start(hub: Any, client: Client, tmp_path: Path) -> None:
    other = CONTENT[::-1]
    hub.will("GET", PLACE, broken(hub, CONTENT[:60_000], **of(CONTENT)), hub.answer(200, other, of(other)))
    assert client.models.download("acme/flights@2", tmp_path / "model.onnx").read_bytes() == other


def test_parts_that_do_not_fit_are_no_file(hub: Any, client: Client, tmp_path: Path) -> None:
    rest = hub.answer(206, CONTENT[60_001:], of(CONTENT))
    hub.will("GET", PLACE, broken(hub, CONTENT[:60_000], **of(CONTENT)), rest)
    with pytest.raises(AnswerUnusable, match="is not what the hub has"):
        client.models.download("acme/flights@2", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_again_and_again_is_given_up(hub: Any, client: Client, tmp_path: Path) -> None:
    hub.will("GET", PLACE, *(broken(hub, b"x" * 1000, **of(CONTENT)) for _ in range(9)))
    with pytest.raises(HubUnavailable, match="broke"):
        client.models.download("acme/flights@2", tmp_path / "model.onnx")
    assert len(hub.asked) == 5
    assert list(tmp_path.iterdir()) == []
