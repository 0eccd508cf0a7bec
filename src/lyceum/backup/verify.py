"""Reading a backup from end to end."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupDamaged
from lyceum.backup.files import checked
from lyceum.backup.keys import BackupKeys
from lyceum.backup.manifest import Manifest, TableFacts
from lyceum.backup.pieces import AT_ONCE, PieceReader


def verify_backup(destination: Destination, wanted: str | None, keys: BackupKeys) -> Manifest:
    """Read every piece of a backup, the newest for None, and compare all that can be compared; return its manifest.

    Raises `BackupDamaged` with the name of the first object that is not as it was, `BackupRefused` without the key.
    """
    held = destination.backup(wanted)
    manifest = destination.manifest(held, keys)
    if destination.needed_names(held) != manifest.object_names():
        raise BackupDamaged(
            f"The object backups/{held.id}.objects names other objects than the manifest: one was swapped."
        )
    reader = PieceReader(destination, keys)
    tables = [checked_rows(table, reader) for table in manifest.tables]
    files = [checked(file, reader) for file in manifest.files]
    _read_all([*tables, *files])
    return manifest


def checked_rows(table: TableFacts, reader: PieceReader) -> Iterable[bytes]:
    """Yield a table's rows in parts; raises `BackupDamaged` before the end when they are not as many as were copied."""
    rows = 0
    for part in reader.stream(table.pieces):
        rows += part.count(b"\n")
        yield part
    if rows != table.row_count:
        raise BackupDamaged(f"The table {table.name} has {rows:,} rows in its objects and had {table.row_count:,}.")


def _read_all(streams: Iterable[Iterable[bytes]]) -> None:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify") as pool:
        reading = [pool.submit(_read, stream) for stream in streams]
        try:
            for done in reading:
                done.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _read(stream: Iterable[bytes]) -> None:
    for _ in stream:
        pass
