"""Whatever of a backup is not as it was is found, named, and never put back."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import obstore
import pyrage
import pytest

from fixtures.app import rows_of, settings_for
from fixtures.servers import TestDatabase
from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupDamaged, BackupRefused
from lyceum.backup.keys import NO_KEYS, BackupKeys, load_keys, make_key_file
from lyceum.backup.manifest import FORMAT, Manifest, sealed
from lyceum.backup.restore import readable_backup, restore_database, restore_files
from lyceum.backup.verify import verify_backup
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel.storage import open_storage
from make.backups import HubToCopy, files_of, manifest_path

Damage = Callable[[Destination, str], None]


def flip(place: Destination, path: str) -> None:
    content = bytearray(obstore.get(place.store, path).bytes())
    content[len(content) // 2] ^= 0x01
    obstore.put(place.store, path, bytes(content))


def cut_short(place: Destination, path: str) -> None:
    content = bytes(obstore.get(place.store, path).bytes())
    obstore.put(place.store, path, content[:-1])


def lengthen(place: Destination, path: str) -> None:
    obstore.put(place.store, path, bytes(obstore.get(place.store, path).bytes()) + b"\n ")


def remove(place: Destination, path: str) -> None:
    obstore.delete(place.store, path)


def swap(place: Destination, path: str) -> None:
    """Put another object's content there."""
    folder = path.partition("/")[0]
    others = [meta["path"] for batch in obstore.list(place.store, f"{folder}/") for meta in batch]
    content = bytes(obstore.get(place.store, path).bytes())
    other = next(
        held for name in others if name != path and (held := bytes(obstore.get(place.store, name).bytes())) != content
    )
    obstore.put(place.store, path, other)


def object_of(manifest: Manifest, kind: str) -> str:
    if kind == "rows":
        name = next(table for table in manifest.tables if table.name == "prediction_log").pieces[0].stored_as
    else:
        name = next(file for file in manifest.files if file.key.startswith(kind)).pieces[0].stored_as
    return f"objects/{name[:2]}/{name}"


@pytest.mark.parametrize("damage", [flip, cut_short, lengthen, remove, swap], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_each_kind_of_damage_to_each_kind_of_object_is_named_in_one_sentence(
    hub: HubToCopy,
    destination: Destination,
    keys: BackupKeys,
    damage: Damage,
    encrypted: bool,  # noqa: FBT001 a table
) -> None:
    used = keys if encrypted else NO_KEYS
    hub.back_up(destination, used)
    newest = hub.back_up(destination, used).manifest
    names = [object_of(newest, kind) for kind in ("rows", "models/", "tables/")]
    names += [f"backups/{newest.id}.objects"]
    # without its manifest there is no such backup, which is another sentence
    names += [manifest_path(destination)] if damage is not remove else []
    for path in names:
        whole = bytes(obstore.get(destination.store, path).bytes())
        damage(destination, path)
        with pytest.raises(BackupDamaged) as raised:
            verify_backup(destination, newest.id, used)
        assert path.rpartition("/")[2] in str(raised.value)
        assert "\n" not in str(raised.value)
        obstore.put(destination.store, path, whole)
    verify_backup(destination, newest.id, used)


@pytest.mark.parametrize("kind", ["rows", "models/"])
def test_a_damaged_backup_is_not_put_back_and_nothing_of_it_stays(
    hub: HubToCopy, destination: Destination, empty_database: TestDatabase, tmp_path: Path, kind: str
) -> None:
    flip(destination, object_of(hub.back_up(destination).manifest, kind))
    manifest = readable_backup(destination, None, NO_KEYS)
    settings = settings_for(empty_database, tmp_path / "other")
    restores = {
        "rows": lambda: restore_database(
            manifest, destination, NO_KEYS, owner_url=empty_database.owner_url, app_role=APP_ROLE
        ),
        "models/": lambda: restore_files(manifest, destination, NO_KEYS, open_storage(settings)),
    }
    with pytest.raises(BackupDamaged):
        restores[kind]()
    assert rows_of(empty_database, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname = 'jobs'") == []
    assert files_of(settings) == {}


def test_rows_that_were_changed_with_all_their_hashes_are_seen_by_the_database_itself(
    hub: HubToCopy, destination: Destination, empty_database: TestDatabase
) -> None:
    made = hub.back_up(destination).manifest
    tables = tuple(
        msgspec.structs.replace(table, digest="1") if table.name == "jobs" else table for table in made.tables
    )
    forged = msgspec.structs.replace(made, tables=tables)
    with pytest.raises(BackupDamaged, match="The table jobs"):
        restore_database(forged, destination, NO_KEYS, owner_url=empty_database.owner_url, app_role=APP_ROLE)


def test_the_wrong_key_no_key_and_a_later_release_are_refused_in_one_sentence(
    hub: HubToCopy, destination: Destination, keys: BackupKeys
) -> None:
    made = hub.back_up(destination, keys).manifest
    with pytest.raises(BackupRefused, match="--key-file"):
        readable_backup(destination, None, BackupKeys(keys.recipients))
    other = pyrage.x25519.Identity.generate()
    with pytest.raises(BackupDamaged, match="the key is another one's"):
        readable_backup(destination, None, BackupKeys((), (str(other),)))
    newer = msgspec.structs.replace(made, id="20990101T000000.000Z", revision="9999", product_version="99.0")
    destination.keep(newer, NO_KEYS)
    with pytest.raises(BackupRefused, match=r"made by Lyceum 99\.0, whose tables are newer \(9999\)"):
        readable_backup(destination, None, NO_KEYS)
    text = sealed(newer).replace(f'"format":{FORMAT}'.encode(), f'"format":{FORMAT + 1}'.encode(), 1)
    obstore.put(destination.store, f"backups/{newer.id}.json", text)
    with pytest.raises(BackupRefused, match="later form"):
        readable_backup(destination, None, NO_KEYS)
    with pytest.raises(BackupRefused, match="no backup 20000101"):
        readable_backup(destination, "20000101T000000.000Z", NO_KEYS)


def test_key_files_are_those_of_age(tmp_path: Path) -> None:
    file = tmp_path / "key"
    recipient = make_key_file(file)
    assert file.stat().st_mode & 0o077 == 0
    read = load_keys(file)
    assert read.recipients == (recipient,)
    assert len(read.identities) == 1
    for_making = tmp_path / "recipient"
    for_making.write_text(f"# of the safe\n{recipient}\n")
    assert load_keys(for_making) == BackupKeys((recipient,))
    assert load_keys(None) == NO_KEYS
    with pytest.raises(BackupRefused, match="is there already"):
        make_key_file(file)
    for text, said in (("", "holds no key"), ("secret", "holds no key"), (recipient[:-1], "cut short")):
        for_making.write_text(text)
        with pytest.raises(BackupRefused, match=said):
            load_keys(for_making)
    with pytest.raises(BackupRefused, match="cannot be read"):
        load_keys(tmp_path / "none")
