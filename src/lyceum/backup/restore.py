"""Putting a backup back: files first, then the database in one transaction that also compares it."""

from collections.abc import Callable
from contextlib import suppress

import obstore
import psycopg
from sqlalchemy.exc import DBAPIError

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupFailed, BackupRefused
from lyceum.backup.files import put_back_files
from lyceum.backup.keys import BackupKeys
from lyceum.backup.manifest import Manifest
from lyceum.backup.pieces import PieceReader
from lyceum.backup.tables import has_tables, load_tables, make_months
from lyceum.backup.verify import checked_rows
from lyceum.kernel import migrate
from lyceum.kernel.problems import Problem, first_line
from lyceum.kernel.storage import Storage

UNDER_WAY = "restore-under-way"
"""An object in a storage that is being filled; what lies beside it belongs to a restore that was cut off."""


def readable_backup(destination: Destination, wanted: str | None, keys: BackupKeys) -> Manifest:
    """Return the manifest of a backup, the newest for None, that this release can put back.

    Raises `BackupRefused` for one of a later release and without its key, `BackupDamaged`.
    """
    manifest = destination.manifest(destination.backup(wanted), keys)
    try:
        migrate.refuse_newer(manifest.revision)
    except Problem:
        raise BackupRefused(
            f"The backup {manifest.id} was made by Lyceum {manifest.product_version}, whose tables are newer "
            f"({manifest.revision}) than this release knows: install that release, then restore."
        ) from None
    return manifest


def restore_files(manifest: Manifest, destination: Destination, keys: BackupKeys, storage: Storage) -> None:
    """Write the files of a backup into a storage that holds none; nothing of them stays when it fails.

    A mark stays beside them for `settle_files`. What a restore that was cut off left there is removed first. Raises
    `BackupRefused` where others' files lie.
    """
    _empty_for_restore(storage)
    store = storage.store
    obstore.put(store, UNDER_WAY, manifest.id.encode())
    try:
        put_back_files(store, manifest.files, PieceReader(destination, keys))
    except BaseException:
        remove_files(storage)
        raise


def settle_files(storage: Storage) -> None:
    """Say of the files put back that they belong to a hub: no restore removes them then.

    Said before the database's transaction commits: whoever is cut off between the two leaves files to remove by hand,
    the other way round a hub's files that the next restore would remove.
    """
    obstore.delete(storage.store, UNDER_WAY)


def restore_database(
    manifest: Manifest,
    destination: Destination,
    keys: BackupKeys,
    *,
    owner_url: str,
    app_role: str,
    before_commit: Callable[[], None] | None = None,
) -> None:
    """Make a backup's tables in a database that holds none, and bring them to this release: all of it, or nothing.

    `before_commit` is called when nothing but the commit is left.
    Raises `BackupRefused` for a database with tables in it, `BackupDamaged` when a table does not come out as it was.
    """
    reader = PieceReader(destination, keys)
    fill_database(
        owner_url,
        app_role=app_role,
        revision=manifest.revision,
        load=lambda connection: load_tables(
            connection, manifest.tables, manifest.sequences, lambda facts: checked_rows(facts, reader)
        ),
        before_commit=before_commit,
    )


def fill_database(
    owner_url: str,
    *,
    app_role: str,
    revision: str,
    load: Callable[[psycopg.Connection], None],
    before_commit: Callable[[], None] | None = None,
) -> None:
    """Make the tables of a revision in an empty database, `load` them, and bring them to this release, in one transaction.

    Raises `BackupRefused` for a database with tables in it, `BackupFailed` with what PostgreSQL says, what `load` raises.
    """
    try:
        with migrate.alone(owner_url), migrate.owner_transaction(owner_url) as connection:
            raw = migrate.driver_connection(connection)
            _refuse_filled(raw)
            migrate.bring_to_revision(connection, revision)
            load(raw)
            migrate.bring_to_head(connection, app_role=app_role)
            make_months(raw)
            # before the commit, so that nothing is left to fail or to wait for once the database is filled
            raw.execute("ANALYZE")
            if before_commit is not None:
                before_commit()
    except (psycopg.Error, DBAPIError) as error:
        reason = first_line(getattr(error, "orig", None) or error)
        raise BackupFailed(f"The database could not be filled: {reason}") from error


def is_filled(owner_url: str) -> bool:
    """Say whether a database holds tables, ours or others'."""
    with psycopg.connect(migrate.libpq_url(owner_url), autocommit=True) as connection:
        return has_tables(connection)


def _refuse_filled(connection: psycopg.Connection) -> None:
    if has_tables(connection):
        raise BackupRefused(
            "The database holds tables already, and a restore needs an empty one: name another database."
        )


def _empty_for_restore(storage: Storage) -> None:
    first = next((batch for batch in obstore.list(storage.store) if batch), None)
    if first is None:
        return
    try:
        obstore.head(storage.store, UNDER_WAY)
    except FileNotFoundError:
        raise BackupRefused(
            f"The storage {storage.url} holds files already, and a restore needs an empty one: name another place."
        ) from None
    remove_files(storage)


def remove_files(storage: Storage) -> None:
    """Remove every file of a storage, the mark of a restore last."""
    paths = [meta["path"] for batch in obstore.list(storage.store) for meta in batch if meta["path"] != UNDER_WAY]
    if paths:
        obstore.delete(storage.store, paths)
    with suppress(FileNotFoundError):
        obstore.delete(storage.store, UNDER_WAY)
