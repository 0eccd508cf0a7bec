"""A backup is the whole hub at one moment, and comes back as that."""

import asyncio
import random
from pathlib import Path

import obstore
import psycopg
import pytest

from fixtures.app import rows_of, settings_for
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.backup.destination import Destination, open_destination
from lyceum.backup.errors import BackupDamaged, BackupRefused
from lyceum.backup.keys import NO_KEYS, BackupKeys
from lyceum.backup.pieces import PIECE_BYTES
from lyceum.backup.restore import (
    is_filled,
    readable_backup,
    remove_files,
    restore_database,
    restore_files,
    settle_files,
)
from lyceum.backup.verify import verify_backup
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.storage import open_storage
from make.backups import SECRET, HubToCopy, digests, files_of, log_predictions, make_hub_to_copy


def put_back(
    destination: Destination, keys: BackupKeys, database: TestDatabase, home: Path, **more: object
) -> Settings:
    """Restore the newest backup into an empty database and storage, and return the settings of that hub."""
    settings = settings_for(database, home, **more)
    manifest = readable_backup(destination, None, keys)
    storage = open_storage(settings)
    restore_files(manifest, destination, keys, storage)
    restore_database(
        manifest,
        destination,
        keys,
        owner_url=database.owner_url,
        app_role=APP_ROLE,
        before_commit=lambda: settle_files(storage),
    )
    return settings


@pytest.mark.parametrize("where", ["folder", "bucket"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_everything_comes_back_as_it_was(
    request: pytest.FixtureRequest,
    where: str,
    encrypted: bool,  # noqa: FBT001 a table
    hub: HubToCopy,
    keys: BackupKeys,
    empty_database: TestDatabase,
    tmp_path: Path,
) -> None:
    place: Destination = request.getfixturevalue("destination" if where == "folder" else "bucket")
    used = keys if encrypted else NO_KEYS
    before, files = digests(hub.database), files_of(hub.settings)
    made = hub.back_up(place, BackupKeys(used.recipients))
    assert made.missing == ()
    assert {facts.name: (facts.row_count, facts.digest) for facts in made.manifest.tables} == before
    assert verify_backup(place, None, used) == made.manifest
    settings = put_back(place, used, empty_database, tmp_path / "other")
    assert digests(empty_database) == before
    assert files_of(settings) == files
    assert made.manifest.private == ({"secret_key": SECRET} if encrypted else {})
    assert migrate.revision_of(empty_database.owner_url) == migrate.head_revision()


def test_a_hub_with_files_in_a_bucket_comes_back_in_another(
    fresh_database: TestDatabase,
    empty_database: TestDatabase,
    s3_server: object,
    s3_place: S3Place,
    destination: Destination,
    tmp_path: Path,
) -> None:
    options = {"storage_url": s3_place.url, "storage_options": s3_place.options}
    hub = make_hub_to_copy(fresh_database, tmp_path / "home", tmp_path, **options)
    hub.back_up(destination)
    elsewhere = options | {"storage_url": f"{s3_place.url}-restored"}
    settings = put_back(destination, NO_KEYS, empty_database, tmp_path / "other", **elsewhere)
    assert files_of(settings) == files_of(hub.settings)
    with pytest.raises(BackupRefused, match="holds files already"):
        put_back(destination, NO_KEYS, empty_database, tmp_path / "other", **elsewhere)


def test_the_app_works_in_what_was_put_back_and_numbers_go_on(
    hub: HubToCopy, destination: Destination, empty_database: TestDatabase, tmp_path: Path
) -> None:
    hub.back_up(destination)
    put_back(destination, NO_KEYS, empty_database, tmp_path / "other")
    highest = rows_of(empty_database, "SELECT max(number) AS number FROM jobs")[0]["number"]
    with psycopg.connect(empty_database.dsn("app"), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM datasets").fetchone() == (0,)
        connection.execute("SELECT set_config('lyceum.org_id', %s, false)", (str(hub.owner.org_id),))
        assert connection.execute("SELECT count(*) FROM datasets").fetchone() == (1,)
        number = connection.execute(
            "INSERT INTO jobs (id, org_id, kind, args) VALUES (gen_random_uuid(), %s, 'test.nothing', '{}') RETURNING number",
            (hub.owner.org_id,),
        ).fetchone()
    assert number is not None
    assert number[0] > highest
    # foreign keys are there again
    with (
        psycopg.connect(empty_database.dsn("owner"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.ForeignKeyViolation),
    ):
        connection.execute("DELETE FROM organisations")


def test_what_was_committed_after_the_last_accepted_version_is_left_out(
    hub: HubToCopy, destination: Destination, empty_database: TestDatabase, tmp_path: Path
) -> None:
    accepted = files_of(hub.settings)
    assert hub.commit_rows(30, tmp_path) == 3
    store = open_storage(hub.settings).store
    obstore.put(store, "staging/some-operation/00000.parquet", b"staged")
    obstore.put(store, f"{hub.table}/_delta_log/_last_checkpoint", b'{"version": 3}')
    hub.back_up(destination)
    settings = put_back(destination, NO_KEYS, empty_database, tmp_path / "other")
    assert files_of(settings) == accepted


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_a_file_of_many_pieces_comes_back_whole_or_not_at_all(
    hub: HubToCopy, destination: Destination, s3_place: S3Place, tmp_path: Path, where: str
) -> None:
    large = random.Random(7).randbytes(2 * PIECE_BYTES + 12_345)
    store = open_storage(hub.settings).store
    obstore.put(store, "models/large", large)
    manifest = hub.back_up(destination).manifest
    [facts] = [file for file in manifest.files if file.key == "models/large"]
    assert [piece.size for piece in facts.pieces] == [PIECE_BYTES, PIECE_BYTES, 12_345]
    more = {"storage_url": s3_place.url, "storage_options": s3_place.options} if where == "bucket" else {}
    settings = settings_for(hub.database, tmp_path / "other", **more)
    restore_files(manifest, destination, NO_KEYS, open_storage(settings))
    settle_files(open_storage(settings))
    assert files_of(settings) == files_of(hub.settings)
    remove_files(open_storage(settings))
    last = facts.pieces[-1].stored_as
    destination.put_object(last, b"0" * facts.pieces[-1].stored_size)
    with pytest.raises(BackupDamaged, match=last):
        restore_files(manifest, destination, NO_KEYS, open_storage(settings))
    assert files_of(settings) == {}


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_files_of_a_restore_that_was_cut_off_before_its_database_was_filled_are_put_back_anew(
    hub: HubToCopy, destination: Destination, s3_place: S3Place, tmp_path: Path, where: str
) -> None:
    manifest = hub.back_up(destination).manifest
    more = {"storage_url": s3_place.url, "storage_options": s3_place.options} if where == "bucket" else {}
    storage = open_storage(settings_for(hub.database, tmp_path / "other", **more))
    restore_files(manifest, destination, NO_KEYS, storage)
    obstore.put(storage.store, "models/half", b"half")
    restore_files(manifest, destination, NO_KEYS, storage)
    assert asyncio.run(storage.byte_count("models/half")) is None
    settle_files(storage)
    with pytest.raises(BackupRefused, match="holds files already"):
        restore_files(manifest, destination, NO_KEYS, storage)


def test_files_are_a_hubs_own_before_its_database_is_filled_so_that_no_later_restore_removes_them(
    hub: HubToCopy, destination: Destination, empty_database: TestDatabase, tmp_path: Path
) -> None:
    manifest = hub.back_up(destination).manifest
    settings = settings_for(empty_database, tmp_path / "other")
    storage = open_storage(settings)
    restore_files(manifest, destination, NO_KEYS, storage)

    def settle_and_be_cut_off() -> None:
        settle_files(storage)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_database(
            manifest,
            destination,
            NO_KEYS,
            owner_url=empty_database.owner_url,
            app_role=APP_ROLE,
            before_commit=settle_and_be_cut_off,
        )
    assert not is_filled(empty_database.owner_url)
    with pytest.raises(BackupRefused, match="holds files already"):
        restore_files(manifest, destination, NO_KEYS, storage)
    assert files_of(settings) == files_of(hub.settings)


def test_a_second_backup_writes_what_is_new_and_reads_no_file_again(
    hub: HubToCopy, destination: Destination, tmp_path: Path
) -> None:
    assert hub.back_up(destination).objects_written > 10
    again = hub.back_up(destination)
    assert (again.objects_written, again.bytes_written) == (0, 0)
    log_predictions(hub, 1)
    changed = hub.back_up(destination)
    assert changed.objects_written == 1
    assert [one.id for one in destination.backups()][-1] == changed.manifest.id
    for held in destination.backups():
        verify_backup(destination, held.id, NO_KEYS)


def test_a_piece_that_went_from_the_destination_is_written_again(hub: HubToCopy, destination: Destination) -> None:
    first = hub.back_up(destination).manifest
    lost = first.files[0].pieces[0].stored_as
    destination.delete_object(lost)
    assert hub.back_up(destination).objects_written == 1
    verify_backup(destination, first.id, NO_KEYS)


def test_with_another_key_nothing_is_shared(hub: HubToCopy, destination: Destination, keys: BackupKeys) -> None:
    plain = hub.back_up(destination)
    encrypted = hub.back_up(destination, keys)
    assert encrypted.objects_written == plain.objects_written
    assert not plain.manifest.object_names() & encrypted.manifest.object_names()
    hashes = {piece.sha256 for piece in encrypted.manifest.pieces()}
    assert not any(name.partition(".")[0] in hashes for name in encrypted.manifest.object_names())


def test_a_file_that_rows_need_and_the_storage_has_lost_is_told(hub: HubToCopy, destination: Destination) -> None:
    [artifact] = [key for key in files_of(hub.settings) if key.startswith("models/")]
    obstore.delete(open_storage(hub.settings).store, artifact)
    assert hub.back_up(destination).missing == (artifact,)


def test_a_backup_inside_the_files_it_copies_is_refused(hub: HubToCopy) -> None:
    with pytest.raises(BackupRefused, match="inside the hub's files"):
        hub.back_up(open_destination(str(hub.settings.home / "files" / "backups"), {}))


def test_a_restore_into_a_database_with_tables_is_refused_and_changes_nothing(
    hub: HubToCopy, destination: Destination
) -> None:
    hub.back_up(destination)
    before = digests(hub.database)
    manifest = readable_backup(destination, None, NO_KEYS)
    with pytest.raises(BackupRefused, match="holds tables already"):
        restore_database(manifest, destination, NO_KEYS, owner_url=hub.database.owner_url, app_role=APP_ROLE)
    assert digests(hub.database) == before
