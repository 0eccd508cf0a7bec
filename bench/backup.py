"""How fast a hub of so many GB is backed up, backed up again, read through and put back.

    .venv/bin/python bench/backup.py [--gb 5] [--encrypted] [--folder FOLDER]

Four fifths are files that are packed already, as Parquet is; a fifth is the prediction log. The floor is the least anybody
could do: read every file and every row once, hash it, and write it down, on one core. MB are 10^6 bytes of content, MiB what the process held
at most up to then, all its libraries with it.
"""

import argparse
import hashlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg
import pyrage
from servers import machine, running_servers

from lyceum.backup.create import Source, create_backup
from lyceum.backup.destination import open_destination
from lyceum.backup.keys import NO_KEYS, BackupKeys
from lyceum.backup.restore import readable_backup, restore_database, restore_files, settle_files
from lyceum.backup.snapshot import snapshot_of
from lyceum.backup.tables import list_tables, rows_of
from lyceum.backup.verify import verify_backup
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import load_settings
from lyceum.kernel.storage import Storage, open_storage

T = TypeVar("T")
GIGABYTE, MEGABYTE = 10**9, 10**6
FILE_BYTES = 64 * MEGABYTE
WRITTEN_AT_ONCE = 8 * MEGABYTE
SHARE_OF_ROWS = 0.2
ROW_BYTES = 440
"""Of a row of the prediction log below, as COPY writes it."""
ROWS_AT_ONCE = 200_000
_LOG = """
    INSERT INTO prediction_log (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs, outputs)
    SELECT now() - n * interval '1 millisecond', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
           md5(n::text), n %% 5000,
           jsonb_build_object('distance', n %% 3000, 'wind', random(), 'carrier', 'UA', 'day', '2013-01-01', 'note', md5(n::text)),
           jsonb_build_array(jsonb_build_object('label', 'late', 'probabilities', jsonb_build_object('late', random())))
    FROM generate_series(%s, %s) n
"""


def main() -> None:
    """Print one line for each step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=5.0)
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--folder", type=Path, default=None, help="Where three times that much has room.")
    wanted = parser.parse_args()
    print(machine())
    with (
        tempfile.TemporaryDirectory(dir=wanted.folder) as folder,
        running_servers() as servers,
        running_servers(migrated=False) as others,
    ):
        measure(Path(folder), servers.owner_url, others.owner_url, gb=wanted.gb, keys=_keys(encrypted=wanted.encrypted))


def measure(folder: Path, owner_url: str, other_url: str, *, gb: float, keys: BackupKeys) -> None:
    """Fill a hub, then time each step and print it."""
    storage = open_storage(load_settings(home=folder / "hub"))
    fill_files(storage, int(gb * (1 - SHARE_OF_ROWS) * GIGABYTE))
    fill_log(owner_url, int(gb * SHARE_OF_ROWS * GIGABYTE))
    destination = open_destination(str(folder / "backups"), {})
    source = Source(owner_url, storage, "secret", "0", folder / "seen.json", {})

    floor_bytes, floor_seconds = timed(lambda: floor(storage, owner_url, folder / "floor"))
    shutil.rmtree(folder / "floor")
    made, seconds = timed(lambda: create_backup(source, destination, keys))
    size = made.manifest.file_bytes + made.manifest.table_bytes
    print(
        f"{size / GIGABYTE:.2f} GB: {len(made.manifest.files)} files, {made.manifest.row_count:,} rows; "
        f"{'encrypted' if keys.encrypts else 'not encrypted'}, {made.bytes_written / GIGABYTE:.2f} GB kept"
    )
    tell("floor: read, hash, write", floor_bytes, floor_seconds, floor_seconds)
    tell("create", size, seconds, floor_seconds)
    again, seconds = timed(lambda: create_backup(source, destination, keys))
    tell(f"create again, {again.objects_written} new objects", size, seconds, floor_seconds)
    _, seconds = timed(lambda: verify_backup(destination, None, keys))
    tell("verify", size, seconds, floor_seconds)
    manifest = readable_backup(destination, None, keys)
    other = open_storage(load_settings(home=folder / "other"))

    def restore() -> None:
        restore_files(manifest, destination, keys, other)
        restore_database(manifest, destination, keys, owner_url=other_url, app_role=APP_ROLE)
        settle_files(other)

    _, seconds = timed(restore)
    tell("restore", size, seconds, floor_seconds)


def fill_files(storage: Storage, size: int) -> None:
    """Write files of random bytes, which nobody can pack."""
    assert storage.folder is not None
    folder = storage.folder / "models" / "bulk"
    folder.mkdir(parents=True)
    for number in range(max(1, size // FILE_BYTES)):
        with (folder / f"{number}.onnx").open("wb") as file:
            for _ in range(FILE_BYTES // WRITTEN_AT_ONCE):
                file.write(os.urandom(WRITTEN_AT_ONCE))


def fill_log(owner_url: str, size: int) -> None:
    """Write so many bytes of predictions, as COPY counts them."""
    rows = size // ROW_BYTES
    with psycopg.connect(migrate.libpq_url(owner_url), autocommit=True) as connection:
        for first in range(1, rows + 1, ROWS_AT_ONCE):
            connection.execute(_LOG, (first, min(rows, first + ROWS_AT_ONCE - 1)))
        connection.execute("VACUUM ANALYZE prediction_log")


def floor(storage: Storage, owner_url: str, target: Path) -> int:
    """Copy every file and every row with a hash of each; return the bytes."""
    assert storage.folder is not None
    target.mkdir()
    total = 0
    for number, path in enumerate(path for path in storage.folder.rglob("*") if path.is_file()):
        digest = hashlib.sha256()
        with path.open("rb") as reading, (target / f"file-{number}").open("wb") as writing:
            while part := reading.read(8 * 1024**2):
                digest.update(part)
                writing.write(part)
                total += len(part)
    with snapshot_of(owner_url) as snapshot:
        for table in list_tables(snapshot.connection):
            digest = hashlib.sha256()
            with (target / f"table-{table.name}").open("wb") as writing:
                for row in rows_of(snapshot.connection, table):
                    digest.update(row)
                    writing.write(row)
                    total += len(row)
    return total


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what `work` returns and the seconds it took."""
    started = time.monotonic()
    done = work()
    return done, time.monotonic() - started


def tell(what: str, size: int, seconds: float, floor_seconds: float) -> None:
    """Print one step."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed, times = size / MEGABYTE / seconds, seconds / floor_seconds
    print(f"  {what:<32}{speed:8.0f} MB/s{seconds:9.1f} s{times:7.2f} x the floor{memory:8.0f} MiB")


def _keys(*, encrypted: bool) -> BackupKeys:
    if not encrypted:
        return NO_KEYS
    identity = pyrage.x25519.Identity.generate()
    return BackupKeys((str(identity.to_public()),), (str(identity),))


if __name__ == "__main__":
    main()
