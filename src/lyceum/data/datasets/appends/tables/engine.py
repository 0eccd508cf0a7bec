"""Appending rows to a table, in a process of its own: staged behind what is there, committed once.

Each append adds a small file. So that a table does not come to consist of a great many, the last ones are written anew
together with the rows, when there are so many of about one size: a row is written again once for each size.

Rows that bring columns of their own, or decimals where there were whole numbers, have the whole table written anew: every
file of a version has the same columns.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import polars as pl

from lyceum.data.datasets.appends.tables.work import AppendTarget, Places
from lyceum.data.datasets.judging import are_good, judged
from lyceum.data.datasets.marks import found_in, marks_in
from lyceum.data.datasets.newest import on_newest
from lyceum.data.datasets.reading.public import POLARS_TYPES, ColumnType
from lyceum.data.datasets.rows.public import StagedRows
from lyceum.data.datasets.table_store import Followed, StagedData, TableFile, TableStore
from lyceum.data.datasets.tables import (
    commit,
    discard_staged,
    files_of,
    remove_orphans,
    scan_files,
    scan_staged,
    scan_version,
    stage,
)
from lyceum.data.datasets.work import AcceptedTable
from lyceum.data.quality.engine.public import (
    TableProfile,
    find_personal,
    grown_profile,
    infer_schema,
    profile_table,
    schema_of,
)

FILES_OF_A_SIZE_MAX = 16
MERGED_FILE_BYTES_MAX = 64 << 20


def append_rows(
    store: TableStore, target: AppendTarget, rows: pl.LazyFrame, folder: Path, *, places: Places | None = None
) -> AcceptedTable:
    """Commit rows behind the version they follow, with the `places` they were read up to; `source` is left to fill in.

    The rows have the columns of that version, in order; more may come behind them, and a column of whole numbers may be one
    of decimals. Nothing is committed where a judge refuses them. Running it again commits nothing twice.
    """
    if target.base is None or _same_columns(rows, target.base.columns):
        tail = _tail(store, target)
        path = _write(store, target, rows, tail, folder)
        return commit_files(store, target, [path], tail=tail, places=places, added=rows)
    path = _write_anew(store, target, rows, folder)
    return commit_files(store, target, [path], tail=None, places=places)


def commit_files(
    store: TableStore,
    target: AppendTarget,
    files: Sequence[Path],
    *,
    tail: frozenset[str] | None = frozenset(),
    places: Places | None = None,
    added: pl.LazyFrame | None = None,
) -> AcceptedTable:
    """Commit local files: behind the version they follow but for its files `tail`, in its place where that is None.

    `added` are the rows that are new, where their profile may make that of the version before grow.
    """
    data = stage(store, target.operation_id, files)
    try:
        rows = _with_what_it_follows(store, target, scan_staged(store, data), tail)
        row_count = int(rows.select(pl.len()).collect().item())
        grown = _grown(target, added, row_count)
        new = scan_staged(store, data)
        personal = found_in(new, row_count=sum(file.rows for file in data.files), find=find_personal)
        profile = grown or profile_table(rows)
        schema = msgspec.to_builtins(schema_of(grown) if grown else infer_schema(rows))
        judgements = judged(target.questions, StagedRows(rows, schema, marks=marks_in(personal)))
        good = are_good(judgements)
        delta_version = _commit(store, target, data, tail, places) if good else None
        remove_orphans(store, target.table_key, older_than=timedelta(seconds=target.leftovers_older_than_seconds))
    finally:
        discard_staged(store, target.operation_id)
    return AcceptedTable(
        delta_version=delta_version,
        row_count=row_count,
        byte_count=0,
        table_bytes=sum(file.size for file in data.files),
        source={},
        table_schema=schema,
        profile=msgspec.to_builtins(profile),
        judgements=judgements,
        personal=personal,
    )


def _grown(target: AppendTarget, added: pl.LazyFrame | None, row_count: int) -> TableProfile | None:
    """Return the profile that the new rows make of the one before; None where the table is to be read whole."""
    if target.base is None or added is None or not target.base.profile:
        return None
    found = grown_profile(msgspec.convert(target.base.profile, TableProfile), added)
    return found if found is not None and found.rows == row_count else None


def _same_columns(rows: pl.LazyFrame, columns: Sequence[tuple[str, str]]) -> bool:
    kinds = {name: POLARS_TYPES[ColumnType(kind)] for name, kind in columns}
    return dict(rows.collect_schema()) == kinds


def _tail(store: TableStore, target: AppendTarget) -> frozenset[str]:
    if target.base is None:
        return frozenset()
    files = files_of(store, target.table_key, target.base.delta_version)
    return frozenset(file.name for file in _tail_to_merge(files))


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


def _write(store: TableStore, target: AppendTarget, rows: pl.LazyFrame, tail: frozenset[str], folder: Path) -> Path:
    path = folder / "appended.parquet"
    if tail:
        rows = pl.concat([scan_files(store, target.table_key, sorted(tail)), rows])
    rows.sink_parquet(path, compression="zstd", compression_level=3)
    return path


def _write_anew(store: TableStore, target: AppendTarget, rows: pl.LazyFrame, folder: Path) -> Path:
    """Write the version with the columns that it has with the rows, and the rows behind it."""
    if target.base is None:
        raise AssertionError("there is a version to write anew")
    path = folder / "anew.parquet"
    before = scan_version(store, target.table_key, target.base.delta_version)
    there = set(before.collect_schema().names())
    columns = [
        pl.col(name).cast(kind) if name in there else pl.lit(None, dtype=kind).alias(name)
        for name, kind in rows.collect_schema().items()
    ]
    pl.concat([before.select(columns), rows]).sink_parquet(path, compression="zstd", compression_level=3)
    return path


def _with_what_it_follows(
    store: TableStore, target: AppendTarget, staged: pl.LazyFrame, tail: frozenset[str] | None
) -> pl.LazyFrame:
    if target.base is None or tail is None:
        return staged
    if not tail:
        return pl.concat([scan_version(store, target.table_key, target.base.delta_version), staged])
    files = files_of(store, target.table_key, target.base.delta_version)
    kept = [file.name for file in files if file.name not in tail]
    return pl.concat([scan_files(store, target.table_key, kept), staged]) if kept else staged


def _commit(
    store: TableStore, target: AppendTarget, data: StagedData, tail: frozenset[str] | None, places: Places | None
) -> int:
    """Commit behind the version that is followed; whether that is still the latest, the database says in the end."""
    follows = (
        Followed(target.base.delta_version, without=tail) if target.base is not None and tail is not None else None
    )
    key = target.table_key
    return on_newest(store, key, lambda newest: commit(store, key, data, base=newest, follows=follows, places=places))
