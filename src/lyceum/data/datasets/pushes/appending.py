"""Appending pushed records to a table, in a process of its own: typed, staged behind what is there, committed once.

Each append adds a small file. So that a table does not come to consist of a great many, the last ones are written anew
together with the records, when there are so many of about one size: a row is written again once for each size.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from lyceum.data.datasets.marks import found_in
from lyceum.data.datasets.pushes.errors import RecordsUnreadable
from lyceum.data.datasets.pushes.records import read_records
from lyceum.data.datasets.pushes.work import Appended, Appending, BaseVersion, BatchToAppend, Unfitting
from lyceum.data.datasets.reading.public import POLARS_TYPES, ColumnType, FileFormat, stage_table
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.space import telling_full
from lyceum.data.datasets.table_store import Followed, StagedData, TableFile, TableStore
from lyceum.data.datasets.tables import (
    TableChanged,
    commit,
    discard_staged,
    files_of,
    newest_version,
    remove_orphans,
    scan_files,
    scan_staged,
    scan_version,
    stage,
)
from lyceum.data.datasets.work import AcceptedTable
from lyceum.data.datasets.workplaces import workplace
from lyceum.data.quality.engine.public import find_personal, infer_schema, profile_table
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

FILES_OF_A_SIZE_MAX = 16
MERGED_FILE_BYTES_MAX = 64 << 20
COMMIT_ATTEMPTS_MAX = 20
FILE_NAME = "pushed.jsonl"


def append(work: Appending, side: ChildSide) -> Appended:
    """Commit the records behind the version they follow; running it again commits nothing twice.

    Raises `RecordsUnreadable` where none of the batches fits, and `UnreadableTable` where no first table can be made.
    """
    store = table_store(open_storage(settings()))
    with telling_full("What was pushed"), workplace(settings().home) as folder:
        fitting, unfitting = _fitting(work)
        notes: tuple[str, ...] = ()
        if work.base is None:
            staged = _first_table(work.batches, folder)
            files, notes, tail = list(staged.files), staged.notes, frozenset[str]()
        else:
            tail = frozenset(
                file.name for file in _tail_to_merge(files_of(store, work.table_key, work.base.delta_version))
            )
            files = [_write(store, work, _typed(fitting, work.base), tail, folder)]
        side.stop_if_asked()
        table = _commit(store, work, stage(store, work.operation_id, files), tail)
    source = {
        "format": "push",
        "batches": len(work.batches) - len(unfitting),
        "records": sum(len(records) for records in fitting.values()),
        "follows": work.base.number if work.base is not None else None,
        "notes": list(notes),
    }
    kept_bytes = sum(len(batch.records) for batch in work.batches if batch.id in fitting)
    return Appended(
        table=msgspec.structs.replace(table, source=source, byte_count=kept_bytes),
        base_id=work.base.id if work.base is not None else None,
        unfitting=tuple(unfitting),
    )


def _fitting(work: Appending) -> tuple[dict[int, Sequence[Any]], list[Unfitting]]:
    """Return the records by batch, and the batches that do not fit; raises `RecordsUnreadable` when none does."""
    columns = work.base.columns if work.base is not None else None
    fitting: dict[int, Sequence[Any]] = {}
    unfitting: list[Unfitting] = []
    for batch in work.batches:
        try:
            fitting[batch.id] = read_records(batch.records, "json" if batch.form == "json" else "jsonl", columns)
        except RecordsUnreadable as error:
            unfitting.append(Unfitting(batch_id=batch.id, reason=error.detail))
    if not fitting:
        raise RecordsUnreadable(unfitting[0].reason if unfitting else "Nothing was pushed.")
    return fitting, unfitting


def _first_table(batches: Sequence[BatchToAppend], folder: Path) -> Any:
    """Read what was pushed before there were columns as an uploaded file is read."""
    source = folder / FILE_NAME
    with source.open("wb") as lines:
        for batch in batches:
            for record in read_records(batch.records, "json" if batch.form == "json" else "jsonl", None):
                lines.write(msgspec.json.encode(record) + b"\n")
    return stage_table(source, file_name=FILE_NAME, target=folder / "staged", format=FileFormat.JSON_LINES)


def _typed(fitting: dict[int, Sequence[Any]], base: BaseVersion) -> pl.DataFrame:
    """Return the records as a frame of the columns of the version they follow."""
    records = [record for batch in fitting.values() for record in batch]
    columns = []
    for place, (name, kind) in enumerate(base.columns):
        values = [getattr(record, f"c{place}") for record in records]
        if kind == ColumnType.TIMESTAMP_UTC:
            values = [value if value is None else _in_utc(value) for value in values]
        columns.append(pl.Series(name, values, dtype=POLARS_TYPES[ColumnType(kind)]))
    return pl.DataFrame(columns)


def _in_utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise RecordsUnreadable(f"{moment.isoformat()} lies outside the years 1 to 9999 in UTC.") from None


def _tail_to_merge(files: Sequence[TableFile]) -> Sequence[TableFile]:
    """Return the last files of about one size, when there are so many of them that they are to become one."""
    if not files:
        return ()
    size = _size(files[-1])
    tail: list[TableFile] = []
    for file in reversed(files):
        if _size(file) > size or file.size > MERGED_FILE_BYTES_MAX:
            break
        tail.append(file)
    return tail[::-1] if len(tail) >= FILES_OF_A_SIZE_MAX - 1 else ()


def _size(file: TableFile) -> int:
    """Return in which power of 16 the number of its rows lies."""
    return (max(file.rows, 1).bit_length() - 1) // 4


def _write(store: TableStore, work: Appending, frame: pl.DataFrame, tail: frozenset[str], folder: Path) -> Path:
    path = folder / "appended.parquet"
    rows = frame.lazy()
    if tail:
        rows = pl.concat([scan_files(store, work.table_key, sorted(tail)), rows])
    rows.sink_parquet(path, compression="zstd", compression_level=3)
    return path


def _commit(store: TableStore, work: Appending, data: StagedData, tail: frozenset[str]) -> AcceptedTable:
    try:
        personal = found_in(
            scan_staged(store, data), row_count=sum(file.rows for file in data.files), find=find_personal
        )
        rows = _with_what_it_follows(store, work, scan_staged(store, data), tail)
        profile, schema = profile_table(rows), infer_schema(rows)
        row_count = int(rows.select(pl.len()).collect().item())
        delta_version = _commit_on_newest(store, work, data, tail)
        remove_orphans(store, work.table_key, older_than=timedelta(seconds=work.leftovers_older_than_seconds))
    finally:
        discard_staged(store, work.operation_id)
    return AcceptedTable(
        delta_version=delta_version,
        row_count=row_count,
        byte_count=0,
        table_bytes=sum(file.size for file in data.files),
        source={},
        table_schema=msgspec.to_builtins(schema),
        profile=msgspec.to_builtins(profile),
        personal=personal,
    )


def _with_what_it_follows(
    store: TableStore, work: Appending, staged: pl.LazyFrame, tail: frozenset[str]
) -> pl.LazyFrame:
    if work.base is None:
        return staged
    if not tail:
        return pl.concat([scan_version(store, work.table_key, work.base.delta_version), staged])
    kept = [file.name for file in files_of(store, work.table_key, work.base.delta_version) if file.name not in tail]
    return pl.concat([scan_files(store, work.table_key, kept), staged]) if kept else staged


def _commit_on_newest(store: TableStore, work: Appending, data: StagedData, tail: frozenset[str]) -> int:
    """Commit behind the version that is followed; whether that is still the latest, the database says in the end."""
    follows = Followed(work.base.delta_version, without=tail) if work.base is not None else None
    for _ in range(COMMIT_ATTEMPTS_MAX):
        try:
            return commit(store, work.table_key, data, base=newest_version(store, work.table_key), follows=follows)
        except TableChanged:
            continue
    raise RuntimeError(f"{COMMIT_ATTEMPTS_MAX} other versions were committed first, one after the other")
