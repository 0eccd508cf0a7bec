"""Parts put together as one file: in order, checked, whole or not there."""

import asyncio
import hashlib
from pathlib import Path

import obstore
import pytest

from fixtures.app import eventually
from fixtures.s3 import S3Place
from lyceum.kernel.config import load_settings
from lyceum.kernel.problems import NoSpace
from lyceum.kernel.storage import PART_BYTES, FileMissing, Storage, open_storage


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Files of a hub, by both ways."""
    if request.param == "folder":
        return open_storage(load_settings(home=tmp_path, disk_free_bytes_min=0))
    place: S3Place = request.getfixturevalue("s3_place")
    return open_storage(load_settings(home=tmp_path, storage_url=place.url, storage_options=place.options))


async def _put(storage: Storage, parts: list[bytes], folder: Path) -> list[str]:
    source = folder / "source"
    keys = []
    for number, part in enumerate(parts):
        source.write_bytes(part)
        await storage.put_file(f"parts/{number}", source)
        keys.append(f"parts/{number}")
    return keys


async def test_parts_become_one_file_and_stay(storage: Storage, tmp_path: Path) -> None:
    parts = [b"a" * (PART_BYTES + 1), b"", b"b" * 100, b"c"]
    keys = await _put(storage, parts, tmp_path)
    joined = await storage.join(keys, "whole/x")
    content = await storage.read("whole/x")
    assert content == b"".join(parts)
    assert joined.byte_count == len(content)
    assert joined.sha256 == hashlib.sha256(content).hexdigest()
    assert joined.part_sha256 == tuple(hashlib.sha256(part).hexdigest() for part in parts)
    assert await storage.sizes_below("parts") == {str(number): len(part) for number, part in enumerate(parts)}


async def test_sizes_are_told_of_the_files_between_two_names(storage: Storage) -> None:
    for number in range(1, 121):
        await obstore.put_async(storage.store, f"parts/{number:03}", b"x" * number)
    await obstore.put_async(storage.store, "parts-of-another/050", b"")
    told = await storage.sizes_below("parts", after="030", up_to="050")
    assert told == {f"{number:03}": number for number in range(31, 51)}
    assert await storage.sizes_below("parts", after="110") == {f"{number:03}": number for number in range(111, 121)}
    assert len(await storage.sizes_below("parts", up_to="999")) == 120


async def test_a_part_that_is_missing_is_told_and_nothing_stays(storage: Storage, tmp_path: Path) -> None:
    [key] = await _put(storage, [b"a"], tmp_path)
    with pytest.raises(FileMissing, match="The file parts/gone is missing"):
        await storage.join([key, "parts/gone"], "whole/x")
    assert await storage.byte_count("whole/x") is None


async def test_a_join_that_is_called_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyceum.kernel.storage.COPY_BYTES", 1)
    storage = open_storage(load_settings(home=tmp_path, disk_free_bytes_min=0))
    keys = await _put(storage, [b"a" * 4 * 1024**2], tmp_path)
    target = tmp_path / "files" / "whole" / "x"
    joining = asyncio.create_task(storage.join(keys, "whole/x"))
    await eventually(target.exists)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert not target.exists()


@pytest.mark.parametrize("is_foreseen", [True, False])
async def test_a_join_that_has_no_room_leaves_nothing(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_foreseen: bool
) -> None:
    storage = open_storage(load_settings(home=small_disk, disk_free_bytes_min=1))
    keys = await _put(storage, [b"a" * 10 * 1024**2, b"b" * 10 * 1024**2], tmp_path)
    if not is_foreseen:
        # as when others take the room while the parts are joined
        monkeypatch.setattr("lyceum.kernel.disk.Disk.refuse_when_low", lambda _self, **_wanted: None)
    with pytest.raises(NoSpace, match="in reserve" if is_foreseen else "send the file again"):
        await storage.join(keys, "whole/x")
    assert not (small_disk / "files" / "whole" / "x").exists()
