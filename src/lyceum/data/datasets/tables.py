"""Datasets as Delta tables: staged, looked at, committed once, or dropped.

The protocol, in the order things happen to one operation (the reading of one upload):

1. `stage` puts its Parquet files under `staging/<operation>/`, outside the table. `scan_staged` reads them for the
   profile.
2. `commit` copies the files into the table under names made of version, operation and a token of this attempt, and
   writes one Delta commit that carries the operation's id and replaces what the table held. It commits on exactly the
   version the caller names as `base`, by creating the next log entry only if nobody else has: of two writers with the
   same base one wins, the other gets `TableChanged` and nothing of it stays.
3. `discard_staged` drops what was staged, whether it was committed or not. The caller records the version in PostgreSQL.

Readers are given versions that PostgreSQL accepted and nothing else, so a Delta version nobody recorded is invisible.
A crash after 2 leaves such a version: the next attempt stages anew, and `commit` finds the operation's version, returns
it and commits nothing. A crash within 2 leaves files no version refers to, which `remove_orphans` finds by their names;
one before it leaves staged files, which are swept by age. An error within 2 may come after the log entry (a checkpoint
is written behind it), and another attempt may have committed the same operation meanwhile: what an attempt copied is
removed only once the log has been read again, and no attempt can touch the files of another.

What is staged may also follow the rows of an earlier version, which are not copied: the log names their files once more.
Where the newest version is another one, such as one that nobody recorded, a commit that takes the table back comes first.

Version 0 of every table is empty. It exists because the protocol of a table is fixed when it is made, and must allow
times without a zone from the start. Log entries are kept for ever, for every accepted version stays readable.
"""

import json
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import polars as pl
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, RemoveAction

from lyceum.data.datasets.table_store import (
    Followed,
    Orphan,
    StagedData,
    StagedFile,
    TableContent,
    TableFile,
    TableStore,
)
from lyceum.kernel.objects import folder_of
from lyceum.kernel.problems import Conflict, is_full

PUT_PART_BYTES = 16 << 20
_OPERATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
# one that a person was erased from bears a mark behind its place
_TABLE_FILE = re.compile(r"v(\d{10})_([A-Za-z0-9-]+)_([0-9a-f]{16})_\d{5}(?:-[0-9a-f]{16})?\.parquet")
_TABLE_PROPERTIES = {
    "delta.checkpointInterval": "20",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}


class TableChanged(Conflict):
    """Somebody else committed to the table first; `version` is where it is now."""

    code = "table_changed"

    def __init__(self, detail: str, *, version: int | None) -> None:
        super().__init__(detail, version=version)
        self.version = version


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try to commit staged data as a version; its files in the table are its alone."""

    table: str
    data: StagedData
    version: int
    token: str

    @property
    def mark(self) -> tuple[int, str, str]:
        """What its log entry and the names of its files say of it."""
        return self.version, self.data.operation_id, self.token

    def paths(self) -> list[str]:
        """Return where its files lie in the table; names sort in the order of versions and rows."""
        stem = f"v{self.version:010}_{self.data.operation_id}_{self.token}"
        return [f"{self.table}/{stem}_{place:05}.parquet" for place in range(len(self.data.files))]


def stage(store: TableStore, operation_id: str, files: Sequence[Path]) -> StagedData:
    """Put local Parquet files of one schema into staging, in the order of their rows, and return what is staged.

    Staging again under the same id replaces what was there. Raises ValueError for an id that makes no file name.
    """
    if not _OPERATION.fullmatch(operation_id):
        raise ValueError(f"an operation id is made of letters, digits and hyphens, at most 64, not {operation_id!r}")
    if not files:
        raise ValueError("there are no files to stage")
    discard_staged(store, operation_id)
    staged = []
    for place, path in enumerate(files):
        name = f"{place:05}.parquet"
        rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
        obstore.put(store.objects, f"{_staging(operation_id)}/{name}", path, chunk_size=PUT_PART_BYTES)
        staged.append(StagedFile(name, path.stat().st_size, rows))
    schema = Schema.from_arrow(pq.read_schema(files[0]))
    return StagedData(operation_id, tuple(staged), schema.to_json())


def scan_staged(store: TableStore, data: StagedData) -> pl.LazyFrame:
    """Return the staged rows in order."""
    return store.scan([f"{_staging(data.operation_id)}/{file.name}" for file in data.files])


def discard_staged(store: TableStore, operation_id: str) -> None:
    """Remove the staged data of an operation, if any, with what a failed write left of it."""
    for meta in store.listed(_staging(operation_id)):
        store.delete(meta["path"])
    if (folder := folder_of(store.url)) is not None:
        shutil.rmtree(folder / _staging(operation_id), ignore_errors=True)


def commit(
    store: TableStore,
    table: str,
    data: StagedData,
    *,
    base: int | None,
    follows: Followed | None = None,
    places: Mapping[str, int] | None = None,
) -> int:
    """Make staged data the content of the table's next version, after what it `follows`, and return that Delta version.

    `base` is the version the caller knows as the newest, None when the table has none yet. Exactly one commit is made
    however often this is called for an operation: a repeated call returns the version of the first. The commit carries the
    `places` up to which its rows were read, by the names of what they were read from.
    Raises TableChanged when the newest version is not `base`, and what a full disk raises; nothing stays of either.
    A full disk met only after the commit, where the log is summed up, is no error.
    """
    delta = _open_or_create(store, table)
    if (done := _version_of(delta, data.operation_id)) is not None:
        return done
    delta = _at_its_place(store, table, delta, data, base=base or 0, follows=follows)
    attempt = _Attempt(table, data, delta.version() + 1, secrets.token_hex(8))
    try:
        actions = _copy_in(store, attempt)
        if follows is not None:
            actions += _removals(follows.without)
    except Exception:
        if (done := _settled(store, attempt)) is None:
            raise
        return done
    try:
        delta.create_write_transaction(
            actions,
            mode="overwrite" if follows is None else "append",
            schema=Schema.from_json(data.schema),
            commit_properties=CommitProperties(
                custom_metadata={"operation_id": data.operation_id, "attempt": attempt.token},
                app_transactions=[
                    Transaction(_application(data.operation_id), attempt.version),
                    *(Transaction(name, place) for name, place in (places or {}).items()),
                ],
                max_commit_retries=0,
            ),
        )
    except CommitFailedError:
        if (done := _settled(store, attempt)) is None:
            raise _changed(table, base, newest_version(store, table) or 0) from None
        return done
    except Exception as failed:
        # after any other error than that of a full disk the commit may still be made
        if not is_full(failed) or (done := _settled(store, attempt)) is None:
            raise
        return done
    return attempt.version


def take_back(store: TableStore, table: str, operation_id: str, *, to: int, base: int) -> int:
    """Make the table's next version one with the rows of an earlier one, without copying any; returns that version.

    Exactly one commit is made for an operation. Raises TableChanged when the newest version is not `base`.
    """
    delta = DeltaTable(store.uri(table), storage_options=dict(store.options))
    if (done := _version_of(delta, operation_id)) is not None:
        return done
    if delta.version() != base:
        raise _changed(table, base, delta.version())
    properties = CommitProperties(
        custom_metadata={"operation_id": operation_id},
        app_transactions=[Transaction(_application(operation_id), base + 1)],
        max_commit_retries=0,
    )
    try:
        if to == base:
            # nothing is to be taken back, which `restore` refuses
            delta.create_write_transaction([], mode="append", schema=delta.schema(), commit_properties=properties)
        else:
            delta.restore(to, commit_properties=properties)
    except CommitFailedError:
        again = DeltaTable(store.uri(table), storage_options=dict(store.options))
        if (done := _version_of(again, operation_id)) is None:
            raise _changed(table, base, again.version()) from None
        return done
    return base + 1


def files_of(store: TableStore, table: str, version: int) -> tuple[TableFile, ...]:
    """Return the files of a version in the order of their rows."""
    return content_of(store, table, version).files


def content_of(store: TableStore, table: str, version: int) -> TableContent:
    """Return the files of a version in the order of their rows, and its schema."""
    delta = DeltaTable(store.uri(table), version=version, storage_options=dict(store.options))
    found = pl.DataFrame(delta.get_add_actions()).select("path", "size_bytes", "num_records")
    files = sorted((TableFile(*row) for row in found.iter_rows()), key=lambda file: file.name)
    return TableContent(tuple(files), delta.schema().to_json())


def scan_files(store: TableStore, table: str, names: Sequence[str]) -> pl.LazyFrame:
    """Return the rows of some of a table's files, in the order of the names."""
    return store.scan([f"{table}/{name}" for name in names])


def newest_version(store: TableStore, table: str) -> int | None:
    """Return the newest Delta version, recorded or not; None when nothing was ever committed."""
    delta = _open(store, table)
    return (delta.version() or None) if delta else None


def scan_version(store: TableStore, table: str, version: int) -> pl.LazyFrame:
    """Return the rows of a version, in the order they were committed."""
    delta = DeltaTable(store.uri(table), version=version, storage_options=dict(store.options))
    names = sorted(uri.rpartition("/")[2] for uri in delta.file_uris())
    return store.scan([f"{table}/{name}" for name in names])


def orphaned_staging(store: TableStore, *, older_than: timedelta) -> tuple[Orphan, ...]:
    """Return the operations in staging nothing was added to for `older_than`, oldest first; `path` is the operation."""
    newest: dict[str, Orphan] = {}
    for meta in store.listed("staging"):
        operation_id = meta["path"].split("/")[1]
        before = newest.get(operation_id)
        newest[operation_id] = Orphan(
            operation_id,
            meta["size"] + (before.size if before else 0),
            max(meta["last_modified"], before.modified_at) if before else meta["last_modified"],
        )
    limit = datetime.now(UTC) - older_than
    stale = (orphan for orphan in newest.values() if orphan.modified_at < limit)
    return tuple(sorted(stale, key=lambda orphan: orphan.modified_at))


def remove_orphans(store: TableStore, table: str, *, older_than: timedelta) -> tuple[Orphan, ...]:
    """Remove and return the table's files that a commit which never came about left, if older than `older_than`.

    `older_than` must exceed the longest time a commit may take.
    """
    limit = datetime.now(UTC) - older_than
    # listed before the log is read, so that a commit made meanwhile is seen
    old = [meta for meta in store.listed(table) if mark_of_file(meta["path"]) and meta["last_modified"] < limit]
    if not old:
        return ()
    committed = _committed(_open(store, table))
    removed = []
    for meta in old:
        if mark_of_file(meta["path"]) not in committed:
            store.delete(meta["path"])
            removed.append(Orphan(meta["path"], meta["size"], meta["last_modified"]))
    return tuple(removed)


def version_of_file(path: str) -> int | None:
    """Return the Delta version that a table's file was written for, by its name; None for other files."""
    mark = mark_of_file(path)
    return mark[0] if mark else None


def committed_as(delta: DeltaTable, operation_id: str) -> int | None:
    """Return the version that an operation has made; None before it has."""
    return _version_of(delta, operation_id)


def mark_of_file(path: str) -> tuple[int, str, str] | None:
    """Return for which version, operation and attempt a table's file was written, by its name; None for other files."""
    name = _TABLE_FILE.fullmatch(path.rpartition("/")[2])
    return (int(name[1]), name[2], name[3]) if name else None


def _committed(delta: DeltaTable | None, *, since: int = 0) -> set[tuple[int, str, str]]:
    """Return the marks of the attempts that became versions, from version `since` on, by one reading of the log."""
    if delta is None or delta.version() < since:
        return set()
    entries = delta.history(delta.version() - since + 1)
    return {(entry["version"], entry["operation_id"], entry["attempt"]) for entry in entries if "attempt" in entry}


def _staging(operation_id: str) -> str:
    return f"staging/{operation_id}"


def _application(operation_id: str) -> str:
    return f"lyceum:{operation_id}"


def _version_of(delta: DeltaTable, operation_id: str) -> int | None:
    return delta.transaction_version(_application(operation_id))


def _open(store: TableStore, table: str) -> DeltaTable | None:
    try:
        return DeltaTable(store.uri(table), storage_options=dict(store.options))
    except TableNotFoundError:
        return None


def _open_or_create(store: TableStore, table: str) -> DeltaTable:
    if (found := _open(store, table)) is not None:
        return found
    # the one column has the type that makes the protocol allow times without a zone; the first commit replaces it
    empty = Schema([Field("created", PrimitiveType("timestamp_ntz"))])
    try:
        return DeltaTable.create(
            store.uri(table),
            empty,
            configuration=_TABLE_PROPERTIES,
            storage_options=dict(store.options),
            # else the later of two makes the table anew, as the version after the first one's
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except DeltaError:
        if (found := _open(store, table)) is not None:
            return found
        raise


def _at_its_place(
    store: TableStore, table: str, delta: DeltaTable, data: StagedData, *, base: int, follows: Followed | None
) -> DeltaTable:
    """Return the table at the version that data is to follow; raises TableChanged when the newest is not `base`."""
    newest = delta.version()
    if newest != base:
        raise _changed(table, base or None, newest)
    if follows is None or newest == follows.version:
        return delta
    # an id of its own each time: what was taken back once may have been followed by somebody else's commit
    at = take_back(store, table, f"{data.operation_id}-{secrets.token_hex(4)}", to=follows.version, base=newest)
    delta = _open_or_create(store, table)
    if delta.version() != at:
        raise _changed(table, at, delta.version())
    return delta


def _copy_in(store: TableStore, attempt: _Attempt) -> list[AddAction | RemoveAction]:
    """Copy the staged files beside the table's log."""
    actions: list[AddAction | RemoveAction] = []
    for file, path in zip(attempt.data.files, attempt.paths(), strict=True):
        obstore.copy(store.objects, f"{_staging(attempt.data.operation_id)}/{file.name}", path)
        written_at = int(datetime.now(UTC).timestamp() * 1000)
        stats = json.dumps({"numRecords": file.rows})
        actions.append(AddAction(path.rpartition("/")[2], file.size, {}, written_at, data_change=True, stats=stats))
    return actions


def _removals(names: frozenset[str]) -> list[AddAction | RemoveAction]:
    """Return what leaves out files of the newest version, whose rows stay."""
    removed_at = int(datetime.now(UTC).timestamp() * 1000)
    return [RemoveAction(name, False, removed_at) for name in sorted(names)]


def _settled(store: TableStore, attempt: _Attempt) -> int | None:
    """Return the version that the log knows the operation by, if any, and remove what a failed attempt copied.

    The log is read again: the attempt may be the version all the same, or another attempt of the operation may be.
    """
    delta = _open(store, attempt.table)
    if attempt.mark not in _committed(delta, since=attempt.version):
        for path in attempt.paths():
            store.delete(path)
    return _version_of(delta, attempt.data.operation_id) if delta else None


def _changed(table: str, base: int | None, newest: int) -> TableChanged:
    known = "no version" if base is None else f"version {base}"
    return TableChanged(
        f"The table {table} changed meanwhile: it was at {known} and is at version {newest}; look at it and try again.",
        version=newest or None,
    )
