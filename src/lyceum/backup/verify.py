"""Reading a backup from end to end."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupDamaged
from lyceum.backup.files import checked
from lyceum.backup.keys import BackupKeys
from lyceum.backup.manifest import FileFacts, Manifest, TableFacts
from lyceum.backup.pieces import AT_ONCE, PieceReader


@dataclass(frozen=True, slots=True)
class Verified:
    """What was read and found as it was."""

    manifest: Manifest
    bytes_read: int


def verify_backup(destination: Destination, wanted: str | None, keys: BackupKeys) -> Verified:
    """Read every piece of a backup, the newest for None, and compare all that can be compared.

    Raises `BackupDamaged` with the name of the first object that is not as it was, `BackupRefused` without the key.
    """
    held = destination.backup(wanted)
    manifest = destination.manifest(held, keys)
    if destination.needed_names(held) != manifest.object_names():
        raise BackupDamaged(
            f"The object backups/{held.id}.objects names other objects than the manifest: one was swapped."
        )
    reader = PieceReader(destination, keys)
    tasks: list[Callable[[], int]] = [
        *(_reading_table(table, reader) for table in manifest.tables),
        *(_reading_file(file, reader) for file in manifest.files),
    ]
    return Verified(manifest, _run(tasks))


def checked_rows(table: TableFacts, reader: PieceReader) -> Iterable[bytes]:
    """Yield a table's rows in parts; raises `BackupDamaged` before the end when they are not as many as were copied."""
    rows = 0
    for part in reader.stream(table.pieces):
        rows += part.count(b"\n")
        yield part
    if rows != table.row_count:
        raise BackupDamaged(f"The table {table.name} has {rows:,} rows in its objects and had {table.row_count:,}.")


def _reading_table(table: TableFacts, reader: PieceReader) -> Callable[[], int]:
    return lambda: sum(len(part) for part in checked_rows(table, reader))


def _reading_file(file: FileFacts, reader: PieceReader) -> Callable[[], int]:
    return lambda: sum(len(part) for part in checked(file, reader))


def _run(tasks: Iterable[Callable[[], int]]) -> int:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify") as pool:
        running = [pool.submit(task) for task in tasks]
        try:
            return sum(done.result() for done in running)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
