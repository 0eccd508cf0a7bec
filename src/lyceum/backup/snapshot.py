"""One moment of a hub, held while it is copied: the tables as a snapshot, the files with nothing removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import errors

from lyceum.backup.contents import Contents, contents_at
from lyceum.backup.errors import BackupFailed, BackupRefused
from lyceum.backup.tables import set_up_session
from lyceum.kernel import migrate
from lyceum.kernel.holding import FILES_LOCK
from lyceum.kernel.problems import first_line

BACKUP_LOCK = FILES_LOCK + 1
REMOVALS_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The owner's connection in a transaction that sees one moment, and the files that go with it."""

    connection: psycopg.Connection
    contents: Contents
    revision: str


@contextmanager
def snapshot_of(owner_url: str) -> Iterator[Snapshot]:
    """Yield a moment of the hub; until the block ends no file that rows name is removed, and nobody migrates.

    Raises `BackupRefused` when the hub is being copied, migrated or restored just now, or holds no tables, and
    `BackupFailed` when the database cannot be read.
    """
    try:
        with psycopg.connect(migrate.libpq_url(owner_url), autocommit=True) as connection:
            # each lock comes before the snapshot, and goes with the connection, whatever becomes of us
            _take_locks(connection)
            set_up_session(connection)
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                revision = _revision_in(connection)
                yield Snapshot(connection, contents_at(connection), revision)
            # the server's process ends a moment after its connection, and would hold them until then
            connection.execute("SELECT pg_advisory_unlock_all()")
    except psycopg.Error as error:
        raise BackupFailed(f"The database cannot be copied: {first_line(error)}") from error


def _take_locks(connection: psycopg.Connection) -> None:
    if not _said(connection, f"SELECT pg_try_advisory_lock_shared({migrate.MIGRATION_LOCK})"):
        raise BackupRefused("The database is being migrated or restored just now: wait until that is done.")
    if not _said(connection, f"SELECT pg_try_advisory_lock({BACKUP_LOCK})"):
        raise BackupRefused("A backup of this hub is being made just now: wait until that is done.")
    # whoever removes files holds its share for moments, and gets no new one while we wait
    connection.execute(f"SET lock_timeout = '{REMOVALS_SECONDS_MAX}s'")
    try:
        connection.execute(f"SELECT pg_advisory_lock({FILES_LOCK})")
    except errors.LockNotAvailable:
        raise BackupFailed(
            f"Files of the hub have been under removal for {REMOVALS_SECONDS_MAX} s: look at its workers, then try again."
        ) from None
    connection.execute("SET lock_timeout = 0")


def _revision_in(connection: psycopg.Connection) -> str:
    if not _said(connection, "SELECT to_regclass('alembic_version') IS NOT NULL"):
        raise BackupRefused("The database holds no tables of Lyceum yet, so there is nothing to copy.")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise BackupRefused("The database holds no tables of Lyceum yet, so there is nothing to copy.")
    return str(row[0])


def _said(connection: psycopg.Connection, question: LiteralString) -> bool:
    row = connection.execute(question).fetchone()
    return bool(row and row[0])
