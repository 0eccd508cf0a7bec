"""A hub's data from one place straight to another, compared at the end; what it came from is not touched."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import obstore
import psycopg

from lyceum.backup.errors import BackupFailed, BackupRefused
from lyceum.backup.files import ListedFile, list_files, read_apart
from lyceum.backup.manifest import TableFacts
from lyceum.backup.pieces import PIECE_BYTES
from lyceum.backup.restore import fill_database, is_filled
from lyceum.backup.snapshot import Snapshot
from lyceum.backup.tables import Table, digest_of, list_sequences, list_tables, load_tables, rows_of, set_up_session
from lyceum.kernel import migrate
from lyceum.kernel.storage import Storage


@dataclass(frozen=True, slots=True)
class Transferred:
    """What is at the other place now; counts are of all of it, whenever it came there."""

    tables: int
    rows: int
    files: int
    file_bytes: int


def transfer_database(snapshot: Snapshot, target_url: str, *, app_role: str) -> tuple[int, int]:
    """Make the snapshot's tables in an empty database, of this release; return how many tables and rows there are.

    It is one transaction. A database that holds the very same rows already, of an earlier try, is left as it is. Raises
    `BackupRefused` for one with other tables, `BackupDamaged` when a table does not come out as it is.
    """
    source = snapshot.connection
    facts = [TableFacts(table.name, table.columns, *digest_of(source, table)) for table in list_tables(source)]
    if is_filled(target_url):
        _refuse_other_rows(target_url, facts)
    else:
        fill_database(
            target_url,
            app_role=app_role,
            revision=snapshot.revision,
            load=lambda connection: load_tables(
                connection,
                facts,
                list_sequences(source),
                lambda table: rows_of(source, Table(table.name, table.columns)),
            ),
        )
    return len(facts), sum(table.row_count for table in facts)


def transfer_files(source: Storage, target: Storage, keeps: Callable[[str], bool]) -> tuple[int, int]:
    """Copy the files that `keeps` wants and read each back; return how many there are and their bytes.

    What an earlier try brought there is not sent again. Raises `BackupRefused` where other files lie, `BackupFailed`
    for one that does not come out as it is.
    """
    listed = list_files(source, keeps)
    _refuse_other_files(target, listed)
    there = {meta["path"]: meta["size"] for batch in obstore.list(target.store) for meta in batch}
    for file in listed:
        if there.get(file.key) != file.size:
            obstore.put(
                target.store,
                file.key,
                read_apart(_content(source, file.key)),
                chunk_size=PIECE_BYTES,
                max_concurrency=2,
            )
        if _sha256(source, file.key) != _sha256(target, file.key):
            # half of one, or another one of the same size: the next try sends it again
            obstore.delete(target.store, file.key)
            raise BackupFailed(f"The file {file.key} came out differently in {target.url}: try again.")
    return len(listed), sum(file.size for file in listed)


def _refuse_other_rows(target_url: str, facts: list[TableFacts]) -> None:
    with psycopg.connect(migrate.libpq_url(target_url), autocommit=True) as connection:
        set_up_session(connection)
        here = {table.name: (set(table.columns), digest_of(connection, table)) for table in list_tables(connection)}
    if here != {table.name: (set(table.columns), (table.row_count, table.digest)) for table in facts}:
        raise BackupRefused("The database to move to holds other tables or rows already: name an empty one.")


def _refuse_other_files(target: Storage, listed: list[ListedFile]) -> None:
    ours = {file.key for file in listed}
    paths = (meta["path"] for batch in obstore.list(target.store) for meta in batch)
    if (other := next((path for path in paths if path not in ours), None)) is not None:
        raise BackupRefused(
            f"The storage {target.url} holds other files already, {other} for one: name an empty place."
        )


def _content(storage: Storage, key: str) -> Iterator[bytes]:
    for part in obstore.get(storage.store, key).stream(min_chunk_size=PIECE_BYTES):
        yield bytes(part)


def _sha256(storage: Storage, key: str) -> str:
    digest = hashlib.sha256()
    for part in _content(storage, key):
        digest.update(part)
    return digest.hexdigest()
