"""A hub's data from one place straight to another, compared at the end; what it came from is not touched."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import obstore
import psycopg

from lyceum.backup.errors import BackupFailed, BackupRefused
from lyceum.backup.files import content_of, list_files, put_stream
from lyceum.backup.manifest import TableFacts
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
    there = {meta["path"]: meta["size"] for batch in obstore.list(target.store) for meta in batch}
    _refuse_other_files(target, there.keys() - {file.key for file in listed})
    for file in listed:
        sent = hashlib.sha256()
        content = _through(sent, content_of(source.store, file.key))
        if there.get(file.key) == file.size:
            _read(content)
        else:
            put_stream(target.store, file.key, content)
        arrived = hashlib.sha256()
        _read(_through(arrived, content_of(target.store, file.key)))
        if sent.digest() != arrived.digest():
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


def _refuse_other_files(target: Storage, others: set[str]) -> None:
    if others:
        raise BackupRefused(
            f"The storage {target.url} holds other files already, {min(others)} for one: name an empty place."
        )


def _through(digest: Any, chunks: Iterator[Any]) -> Iterator[Any]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _read(chunks: Iterator[Any]) -> None:
    for _ in chunks:
        pass
