"""Who may work at the same time, and what a kill leaves behind."""

import subprocess
import sys
from pathlib import Path

import obstore
import pytest

from fixtures.app import environment_of, rows_of, settings_for
from fixtures.hubs import wait_until
from fixtures.servers import TestDatabase
from lyceum.backup.destination import Destination, open_destination
from lyceum.backup.errors import BackupFailed, BackupRefused
from lyceum.backup.keys import NO_KEYS
from lyceum.backup.lock import _Lease, destination_lock
from lyceum.backup.prune import Keep, prune_backups
from lyceum.backup.snapshot import snapshot_of
from lyceum.backup.verify import verify_backup
from lyceum.files import sweeping
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import open_resources
from lyceum.kernel.storage import open_storage
from make.backups import HubToCopy, digests, files_of

BULK_FILES = 40
BULK_BYTES = 2_000_000
FEW = 3


@pytest.mark.deep
@pytest.mark.parametrize("where", ["destination", "bucket"])
def test_two_at_one_destination_are_refused(request: pytest.FixtureRequest, hub: HubToCopy, where: str) -> None:
    place: Destination = request.getfixturevalue(where)
    with destination_lock(place, beat_seconds=0.05):
        with pytest.raises(BackupRefused, match="just now"):
            hub.back_up(place)
        with pytest.raises(BackupRefused, match="just now"):
            prune_backups(place, Keep(newest=1))
    hub.back_up(place)


def test_two_backups_of_one_hub_at_once_are_refused(hub: HubToCopy, destination: Destination, tmp_path: Path) -> None:
    with snapshot_of(hub.database.owner_url), pytest.raises(BackupRefused, match="is being made just now"):
        hub.back_up(open_destination(str(tmp_path / "elsewhere"), {}))
    hub.back_up(destination)


def test_a_backup_during_a_migration_or_restore_is_refused(hub: HubToCopy, destination: Destination) -> None:
    with migrate.alone(hub.database.owner_url), pytest.raises(BackupRefused, match="migrated or restored"):
        hub.back_up(destination)
    hub.back_up(destination)


def test_the_lock_of_somebody_who_died_is_taken_over(bucket: Destination) -> None:
    obstore.put(bucket.store, "lock", b"somebody 7")
    with destination_lock(bucket, beat_seconds=0.05, dead_seconds=0.6) as still_held:
        still_held()
        with pytest.raises(BackupRefused), destination_lock(bucket, beat_seconds=0.05, dead_seconds=5.0):
            pass
    with destination_lock(bucket):
        pass


@pytest.mark.parametrize("looks", [1, 2])
def test_a_lock_that_is_given_back_while_it_is_looked_at_is_taken(
    bucket: Destination, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    obstore.put(bucket.store, "lock", b"somebody 7")
    look = _Lease._look
    looked = 0

    def given_back(lease: _Lease) -> tuple[str, str | None]:
        nonlocal looked
        looked += 1
        if looked == looks:
            obstore.delete(bucket.store, "lock")
        return look(lease)

    monkeypatch.setattr(_Lease, "_look", given_back)
    with destination_lock(bucket, dead_seconds=60.0) as still_held:
        still_held()
        assert looked == looks
    assert looked == looks + 1
    with pytest.raises(FileNotFoundError):
        obstore.head(bucket.store, "lock")


def test_a_holder_whose_lock_was_taken_over_learns_of_it(bucket: Destination) -> None:
    with destination_lock(bucket, beat_seconds=0.05) as still_held:
        obstore.put(bucket.store, "lock", b"somebody 7")

        def is_lost() -> bool:
            try:
                still_held()
            except BackupFailed:
                return True
            return False

        wait_until(is_lost)
    # it was somebody else's, so it stays
    assert bytes(obstore.get(bucket.store, "lock").bytes()) == b"somebody 7"


async def test_no_file_that_rows_name_is_removed_while_the_hub_is_copied(hub: HubToCopy, valkey_url: str) -> None:
    upload_id = new_id()
    key = f"uploads/{hub.owner.org_id}/{upload_id}"
    rows_of(
        hub.database,
        """
        INSERT INTO uploads (id, org_id, created_by, file_name, state, content_key, expires_at)
        VALUES (%s, %s, %s, 't.csv', 'complete', %s, now() - interval '1 day')
        """,
        *(upload_id, hub.owner.org_id, hub.owner.user_id, key),
    )
    obstore.put(open_storage(hub.settings).store, key, b"a,b\n1,2\n")
    async with open_resources(hub.settings, subscribers={}) as resources:
        with snapshot_of(hub.database.owner_url) as snapshot:
            assert key in snapshot.contents.needed
            assert await sweeping.sweep(resources) == 0
            assert key in files_of(hub.settings)
        assert await sweeping.sweep(resources) == 1
        assert key not in files_of(hub.settings)


def start(settings: Settings, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "lyceum.cli", "backup", *arguments),
        env=environment_of(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed_once(process: "subprocess.Popen[str]", folder: Path, pattern: str) -> None:
    """Kill a process with -9 as soon as a few files are there, long before it would have ended."""
    wait_until(lambda: process.poll() is not None or len(list(folder.glob(pattern))) >= FEW)
    assert process.poll() is None, process.stdout and process.stdout.read()
    process.kill()
    process.communicate()


def add_bulk(hub: HubToCopy) -> None:
    folder = hub.settings.home / "files" / "models" / "bulk"
    folder.mkdir(parents=True)
    for number in range(BULK_FILES):
        with Path("/dev/urandom").open("rb") as random:
            (folder / f"{number}.onnx").write_bytes(random.read(BULK_BYTES))


@pytest.mark.deep
def test_a_killed_backup_is_none_and_a_killed_restore_leaves_nothing_half_made(
    hub: HubToCopy, empty_database: TestDatabase, tmp_path: Path
) -> None:
    add_bulk(hub)
    place = tmp_path / "backups"
    killed_once(start(hub.settings, "create", "--to", str(place)), place, "objects/*/*")
    destination = open_destination(str(place), {})
    assert destination.backups() == []
    left = destination.object_sizes()
    made = start(hub.settings, "create", "--to", str(place))
    assert made.communicate()[0].startswith("Backup 2")
    assert made.returncode == 0
    [held] = destination.backups()
    manifest = verify_backup(destination, held.id, NO_KEYS)
    # what the killed one had written was of use
    assert left.keys() <= manifest.object_names()

    target = settings_for(empty_database, tmp_path / "other", database_owner_url=empty_database.owner_url)
    killed_once(start(target, "restore", "--from", str(place)), target.home, "arriving/files/models/bulk/*.onnx")
    assert not (target.home / "files").exists()
    assert rows_of(empty_database, "SELECT FROM pg_class WHERE relname = 'jobs'") == []
    again = start(target, "restore", "--from", str(place))
    said = again.communicate()[0]
    assert again.returncode == 0, said
    assert f"Restored {held.id}" in said
    assert digests(empty_database) == digests(hub.database)
    assert files_of(target) == files_of(hub.settings)
    assert not (target.home / "arriving").exists()
