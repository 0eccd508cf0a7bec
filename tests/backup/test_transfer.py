"""Files go straight from one storage to another: each read once where it is and once where it came."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import ObjectStore

from fixtures.s3 import S3Place
from lyceum.backup.errors import BackupFailed, BackupRefused
from lyceum.backup.pieces import PIECE_BYTES
from lyceum.backup.transfer import transfer_files
from lyceum.kernel.config import load_settings
from lyceum.kernel.storage import Storage, open_storage

LARGE = random.Random(7).randbytes(2 * PIECE_BYTES + 12_345)
FILES = {"models/large": LARGE, "models/small": b"small", "uploads/empty": b"", "uploads/there": b"there already"}


@pytest.fixture
def source(tmp_path: Path) -> Storage:
    """A hub's files in its home."""
    storage = open_storage(load_settings(home=tmp_path / "home"))
    for key, content in FILES.items():
        obstore.put(storage.store, key, content)
    obstore.put(storage.store, "staging/left", b"not wanted")
    return storage


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty place for them, of both kinds."""
    if request.param == "folder":
        return open_storage(load_settings(home=tmp_path / "other"))
    place: S3Place = request.getfixturevalue("s3_place")
    return open_storage(load_settings(home=tmp_path, storage_url=place.url, storage_options=place.options))


def content_of(storage: Storage) -> dict[str, bytes]:
    return {
        meta["path"]: bytes(obstore.get(storage.store, meta["path"]).bytes())
        for batch in obstore.list(storage.store)
        for meta in batch
    }


def transfer(source: Storage, target: Storage) -> tuple[int, int]:
    return transfer_files(source, target, lambda key: not key.startswith("staging/"))


def test_each_file_is_read_once_at_either_place(
    source: Storage, target: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    obstore.put(target.store, "uploads/there", FILES["uploads/there"])
    obstore.put(target.store, "models/large", LARGE[:PIECE_BYTES])
    read: Counter[tuple[str, str]] = Counter()
    get = obstore.get

    def counted(store: ObjectStore, key: str) -> Any:
        read["source" if store is source.store else "target", key] += 1
        return get(store, key)

    with monkeypatch.context() as patched:
        patched.setattr(obstore, "get", counted)
        assert transfer(source, target) == (len(FILES), sum(map(len, FILES.values())))
    assert read == Counter((place, key) for place in ("source", "target") for key in FILES)
    assert content_of(target) == FILES
    assert content_of(source) == FILES | {"staging/left": b"not wanted"}


def test_a_file_of_the_same_size_with_other_content_is_told_and_sent_by_the_next_try(
    source: Storage, target: Storage
) -> None:
    obstore.put(target.store, "uploads/there", FILES["uploads/there"].upper())
    with pytest.raises(BackupFailed, match="uploads/there came out differently"):
        transfer(source, target)
    transfer(source, target)
    assert content_of(target) == FILES


def test_where_other_files_lie_nothing_is_sent(source: Storage, target: Storage) -> None:
    obstore.put(target.store, "others/file", b"x")
    with pytest.raises(BackupRefused, match="holds other files already, others/file for one"):
        transfer(source, target)
    assert content_of(target) == {"others/file": b"x"}
