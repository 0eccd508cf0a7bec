"""Files: whole or not there, in a local folder and in an object store."""

import asyncio
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import obstore
import pytest

from fixtures.app import eventually
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.kernel.config import load_settings
from lyceum.kernel.problems import NoSpace, TooLarge
from lyceum.kernel.storage import PART_BYTES, FileMissing, Storage, arriving_key, open_storage

BIG = 3 * PART_BYTES + 12345


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Files of a hub, by both ways."""
    if request.param == "folder":
        return _local(tmp_path)
    place: S3Place = request.getfixturevalue("s3_place")
    return open_storage(load_settings(home=tmp_path, storage_url=place.url, storage_options=place.options))


def _local(home: Path, **settings: object) -> Storage:
    return open_storage(load_settings(home=home, **({"disk_free_bytes_min": 0} | settings)))


async def _chunks(size: int, *, fails: BaseException | None = None) -> AsyncIterator[bytes]:
    for start in range(0, size, 65_536):
        yield b"\xa5" * min(65_536, size - start)
    if fails is not None:
        raise fails


@pytest.mark.parametrize("size", [0, 1, 65_536, BIG])
async def test_what_is_streamed_is_there_whole(storage: Storage, size: int) -> None:
    stored = await storage.put_stream("a/b", _chunks(size), bytes_max=BIG)
    content = await storage.read("a/b")
    assert stored.byte_count == len(content) == await storage.byte_count("a/b") == size
    assert stored.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [1000, BIG])
async def test_a_stream_that_breaks_leaves_nothing(storage: Storage, size: int) -> None:
    with pytest.raises(ConnectionResetError):
        await storage.put_stream("a/b", _chunks(size, fails=ConnectionResetError()), bytes_max=BIG)
    assert await storage.byte_count("a/b") is None
    assert _files(storage) == []


async def test_a_stream_that_breaks_leaves_what_was_there(storage: Storage) -> None:
    await storage.put_stream("a/b", _chunks(10), bytes_max=BIG)
    with pytest.raises(ConnectionResetError):
        await storage.put_stream("a/b", _chunks(BIG, fails=ConnectionResetError()), bytes_max=BIG)
    assert await storage.byte_count("a/b") == 10


async def test_a_cancelled_stream_leaves_nothing(storage: Storage) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * BIG
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(storage.put_stream("a/b", endless(), bytes_max=2 * BIG))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: _files(storage) == [])
    assert await storage.byte_count("a/b") is None


async def test_too_much_is_refused_while_it_comes(storage: Storage) -> None:
    with pytest.raises(TooLarge, match="larger than the 100,000 bytes"):
        await storage.put_stream("a/b", _chunks(BIG), bytes_max=100_000)
    assert await storage.byte_count("a/b") is None
    assert _files(storage) == []


async def test_a_file_can_be_copied_in_renamed_read_in_place_and_removed(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    assert (await storage.put_file("a", source)).sha256 == hashlib.sha256(b"content").hexdigest()
    await storage.rename("a", "b")
    assert await storage.byte_count("a") is None
    copies = tmp_path / "copies"
    copies.mkdir()
    async with storage.as_local_file("b", folder=copies) as path:
        assert path.read_bytes() == b"content"
        assert (storage.folder or copies) in path.parents
    assert list(copies.iterdir()) == []
    await storage.delete("b")
    await storage.delete("b")
    assert await storage.byte_count("b") is None


async def test_a_folder_is_removed_whole_by_however_many_at_once(storage: Storage) -> None:
    keys = [f"a/{number}" for number in range(300)] + ["a/deeper/x", "ab/x", "a.parts/x"]
    await asyncio.gather(*(obstore.put_async(storage.store, key, b"x") for key in keys))
    await asyncio.gather(*(storage.delete_below("a") for _ in range(3)))
    left = [meta["path"] async for batch in obstore.list(storage.store) for meta in batch]
    assert sorted(left) == ["a.parts/x", "ab/x"]
    await storage.delete_below("a")


async def test_a_missing_file_is_named(storage: Storage, tmp_path: Path) -> None:
    async def open_it() -> None:
        async with storage.as_local_file("gone", folder=tmp_path):
            raise AssertionError("there is nothing to open")

    for missing in (lambda: storage.read("gone"), open_it, lambda: storage.rename("gone", "x")):
        with pytest.raises(FileMissing, match="gone"):
            await missing()


async def test_an_object_store_takes_a_file_at_a_signed_address(
    s3_place: S3Place, tmp_path: Path, database: TestDatabase
) -> None:
    storage = open_storage(load_settings(home=tmp_path, storage_url=s3_place.url, storage_options=s3_place.options))
    address = await storage.presigned_put("signed", lifetime_seconds=60)
    assert address is not None
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        assert (await client.put(address, content=b"hello")).status_code == 200
        assert (await client.put(address.replace("signed?", "other?"), content=b"x")).status_code == 403
    assert await storage.read("signed") == b"hello"
    assert s3_place.options["aws_secret_access_key"] not in repr(storage)


async def test_a_local_folder_has_no_signed_addresses(tmp_path: Path) -> None:
    assert await _local(tmp_path).presigned_put("x", lifetime_seconds=60) is None


async def test_a_nearly_full_disk_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    storage = _local(tmp_path, disk_free_bytes_min=1 << 60)
    with pytest.raises(NoSpace, match="in reserve"):
        await storage.put_stream("a", _chunks(1), bytes_max=BIG)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_or_a_share_of_it_that_is_full_is_told_as_want_of_space(tmp_path: Path, number: int) -> None:
    with pytest.raises(NoSpace, match="send the file again"):
        await _local(tmp_path).put_stream("a", _chunks(10, fails=OSError(number, os.strerror(number))), bytes_max=BIG)


@pytest.mark.parametrize("reserve, sentence", [(0, "send the file again"), (16 << 20, "in reserve")])
async def test_a_disk_that_fills_up_while_bytes_arrive_is_told_and_nothing_stays(
    small_disk: Path, reserve: int, sentence: str
) -> None:
    storage = _local(small_disk, disk_free_bytes_min=reserve)
    with pytest.raises(NoSpace, match=sentence):
        await storage.put_stream("a", _chunks(64 << 20), bytes_max=64 << 20)
    # the object store library removes what it was writing behind our back
    await eventually(lambda: _files(storage) == [] and shutil.disk_usage(small_disk).free > 30 << 20)
    await storage.put_stream("b", _chunks(4 << 20), bytes_max=BIG)
    assert await storage.byte_count("b") == 4 << 20


async def test_a_file_that_would_use_up_the_reserve_is_refused_before_it_is_sent(small_disk: Path) -> None:
    storage = _local(small_disk, disk_free_bytes_min=16 << 20)
    storage.refuse_when_full(wanted_bytes=15 << 20)
    with pytest.raises(NoSpace, match="20 MB are asked for"):
        storage.refuse_when_full(wanted_bytes=20 << 20)


async def test_what_a_killed_process_was_writing_is_removed_later(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from pathlib import Path
from lyceum.kernel.config import load_settings
from lyceum.kernel.storage import open_storage
async def endless():
    yield b"x" * {BIG}
    print("begun", flush=True)
    await asyncio.Event().wait()
storage = open_storage(load_settings(home=Path({str(tmp_path)!r}), disk_free_bytes_min=0))
asyncio.run(storage.put_stream("uploads/a", endless(), bytes_max={2 * BIG}))
"""
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    await writer.stdout.readline()
    writer.kill()
    await writer.communicate()
    storage = _local(tmp_path)
    kept, arriving = _put(storage, "uploads/kept"), _put(storage, arriving_key("uploads/kept"))
    assert len(_files(storage)) == 3
    assert await storage.remove_abandoned("uploads", older_than_seconds=60) == 0
    for path in _files(storage):
        os.utime(path, (time.time() - 120, time.time() - 120))
    assert await storage.remove_abandoned("uploads", older_than_seconds=60) == 2
    assert _files(storage) == [kept]
    assert not arriving.exists()


def _put(storage: Storage, key: str) -> Path:
    assert storage.folder is not None
    path = storage.folder / key
    path.write_bytes(b"x")
    return path


def _files(storage: Storage) -> list[Path]:
    return [path for path in storage.folder.rglob("*") if path.is_file()] if storage.folder else []
