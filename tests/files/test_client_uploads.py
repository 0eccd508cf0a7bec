"""The Python client sends large files in parts to a real hub, and goes on after the hub or itself was killed."""

import asyncio
import hashlib
import random
import signal
from pathlib import Path

import pytest

from fixtures.app import rows_of, served, settings_for
from fixtures.servers import TestDatabase
from lyceum_client import Client, Conflict, LyceumError
from make.accounts import Member

PART = 64 * 1024
CONTENT = random.Random(11).randbytes(20 * PART + 5)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as large."""
    monkeypatch.setattr("lyceum_client.uploads.IN_PARTS_FROM_BYTES", 2 * PART)
    path = tmp_path / "large.csv"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.deep
async def test_a_large_file_goes_on_where_it_was_when_the_hub_was_killed(
    database: TestDatabase, member: Member, tmp_path: Path, file: Path
) -> None:
    begun: list[str] = []
    progress: list[tuple[int, int]] = []
    with served("lyceum.web", settings_for(database, tmp_path / "hub", upload_part_bytes=PART)) as api:

        def killed_after_five_parts(done: int, _all: int) -> None:
            if done >= 5 * PART:
                api.end(signal.SIGKILL)

        def first() -> None:
            with Client(api.url, member.key) as client:
                client.datasets.send(file, on_begun=begun.append, on_progress=killed_after_five_parts)

        with pytest.raises(LyceumError):
            await asyncio.to_thread(first)
        api.start()
        there = rows_of(database, "SELECT count(*) AS count FROM upload_parts WHERE upload_id = %s", begun[0])
        assert 5 <= there[0]["count"] < 21

        def second() -> str:
            with Client(api.url, member.key) as client:
                return client.datasets.resume(file, begun[0], on_progress=lambda *at: progress.append(at))

        assert await asyncio.to_thread(second) == begun[0]
        assert await asyncio.to_thread(second) == begun[0]
    [row] = rows_of(database, "SELECT state, sha256 FROM uploads WHERE id = %s", begun[0])
    assert row == {"state": "complete", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    assert progress[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.deep
async def test_a_part_that_changed_since_is_sent_again_and_another_file_is_refused(
    database: TestDatabase, member: Member, tmp_path: Path, file: Path
) -> None:
    with served("lyceum.web", settings_for(database, tmp_path / "hub", upload_part_bytes=PART)) as api:

        def send() -> str:
            with Client(api.url, member.key) as client:
                begun: list[str] = []

                def stop(_done: int, _all: int) -> None:
                    raise KeyboardInterrupt

                with pytest.raises(KeyboardInterrupt):
                    client.datasets.send(file, on_begun=begun.append, on_progress=stop)
                file.write_bytes(CONTENT[::-1])
                client.datasets.resume(file, begun[0])
                file.write_bytes(CONTENT[1:])
                with pytest.raises(Conflict, match=r"large\.csv has 1,310,724 bytes, the upload 1,310,725"):
                    client.datasets.resume(file, begun[0])
                return begun[0]

        upload_id = await asyncio.to_thread(send)
    [row] = rows_of(database, "SELECT sha256 FROM uploads WHERE id = %s", upload_id)
    assert row["sha256"] == hashlib.sha256(CONTENT[::-1]).hexdigest()
