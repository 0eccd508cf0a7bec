"""Putting a table's files in order, in a process of its own: small ones are written together, unused ones are found.

Neither makes a version. The rows of the latest one are committed once more, in fewer files and in the same order, and its
row is pointed there; versions before it are read as they always were. Which files go is said here, removed by the worker.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from lyceum.data.datasets.life.work import Tended, Tending, UnusedFile
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.space import telling_full
from lyceum.data.datasets.table_store import Followed, TableFile, TableStore
from lyceum.data.datasets.tables import (
    TableChanged,
    commit,
    committed_as,
    discard_staged,
    files_of,
    mark_of_file,
    newest_version,
    scan_files,
    stage,
)
from lyceum.data.datasets.workplaces import workplace
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

SMALL_FILE_BYTES = 32 << 20
SMALL_FILES_MIN = 4
"""So many at the end of a table are written as one."""
COMPACTED_BYTES_MAX = 2 << 30
"""Of files that are written anew at a time."""
VERSIONS_LOOKED_AT_MAX = 600
FILES_REMOVED_MAX = 10_000


def tend(work: Tending, side: ChildSide) -> Tended:
    """Write the latest version's small files together, and return what nothing reads; running it again changes nothing."""
    store = table_store(open_storage(settings()))
    compacted, byte_count = _compact(store, work) if work.compacts else (None, 0)
    side.stop_if_asked()
    return Tended(
        latest=work.latest,
        compacted=compacted,
        compacted_bytes=byte_count,
        unused=tuple(unused_files(store, work, now=datetime.now(UTC))),
    )


def _compact(store: TableStore, work: Tending) -> tuple[int | None, int]:
    tail = _small_tail(files_of(store, work.table_key, work.latest.delta_version))
    if not tail:
        return None, 0
    with telling_full("The table"), workplace(settings().home) as folder:
        try:
            data = stage(store, work.operation_id, [_written_as_one(store, work.table_key, tail, folder)])
            newest = newest_version(store, work.table_key)
            follows = Followed(work.latest.delta_version, without=frozenset(file.name for file in tail))
            return commit(store, work.table_key, data, base=newest, follows=follows), sum(f.size for f in data.files)
        except TableChanged:
            # somebody adds a version just now; the next round comes
            return None, 0
        finally:
            discard_staged(store, work.operation_id)


def _small_tail(files: Sequence[TableFile]) -> Sequence[TableFile]:
    """Return the files from the first small one on, whose names sort behind all others, where they are many enough."""
    first = next((place for place, file in enumerate(files) if file.size < SMALL_FILE_BYTES), len(files))
    tail = files[first:]
    small = sum(file.size < SMALL_FILE_BYTES for file in tail)
    if small < SMALL_FILES_MIN or sum(file.size for file in tail) > COMPACTED_BYTES_MAX:
        return ()
    return tail


def _written_as_one(store: TableStore, table: str, tail: Sequence[TableFile], folder: Path) -> Path:
    path = folder / "compacted.parquet"
    rows = scan_files(store, table, [file.name for file in tail])
    rows.sink_parquet(path, compression="zstd", compression_level=3)
    return path


def unused_files(store: TableStore, work: Tending, *, now: datetime) -> Sequence[UnusedFile]:
    """Return files that neither a kept version reads nor one that is being made, the oldest first.

    Of a table with very many versions only files of the time of the oldest ones are looked at. A file that was written a
    short while ago may belong to a commit that is not made yet, and stays.
    """
    written_before = now - timedelta(seconds=work.leftovers_older_than_seconds)
    # listed before the log is read, so that a commit made meanwhile is seen
    listed = [meta for meta in store.listed(work.table_key) if meta["last_modified"] < written_before]
    looked_at = sorted(work.kept)[:VERSIONS_LOOKED_AT_MAX]
    up_to = looked_at[-1] if len(looked_at) < len(work.kept) else None
    pending = set(work.operations_pending)
    read = _files_read(store, work, looked_at)
    unused = []
    for meta in listed:
        mark = mark_of_file(meta["path"])
        if mark is None or meta["path"].rpartition("/")[2] in read or mark[1] in pending:
            continue
        if up_to is not None and mark[0] > up_to:
            continue
        unused.append(UnusedFile(key=meta["path"], byte_count=meta["size"], delta_version=mark[0]))
    return sorted(unused, key=lambda file: file.delta_version)[:FILES_REMOVED_MAX]


def _files_read(store: TableStore, work: Tending, looked_at: Sequence[int]) -> set[str]:
    delta = DeltaTable(store.uri(work.table_key), storage_options=dict(store.options))
    versions = {*looked_at, *work.restored, work.latest.delta_version, delta.version()}
    versions.update(done for one in work.operations_pending if (done := committed_as(delta, one)) is not None)
    return {file.name for version in versions if version for file in files_of(store, work.table_key, version)}
