"""Appending pushed records to a table, in a process of its own: typed against its columns, or the first of it."""

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from lyceum.data.datasets.appends.tables.public import AppendedTable, append_to_table, commit_to_table
from lyceum.data.datasets.pushes.errors import RecordsUnreadable
from lyceum.data.datasets.pushes.records import Columns, read_records
from lyceum.data.datasets.pushes.work import Appended, Appending, BatchToAppend, Unfitting
from lyceum.data.datasets.reading.public import POLARS_TYPES, ColumnType, FileFormat, stage_table
from lyceum.data.datasets.space import telling_full
from lyceum.data.datasets.workplaces import workplace
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

FILE_NAME = "pushed.jsonl"


def append(work: Appending, side: ChildSide) -> Appended:
    """Commit the records behind the version they follow; running it again commits nothing twice.

    Raises `RecordsUnreadable` where none of the batches fits, and `UnreadableTable` where no first table can be made.
    """
    storage, base = open_storage(settings()), work.target.base
    with telling_full("What was pushed"), workplace(settings().home) as folder:
        fitting, unfitting = _fitting(work)
        notes: tuple[str, ...] = ()
        side.stop_if_asked()
        if work.columns is None:
            staged = _first_table(work.batches, folder)
            notes = staged.notes
            table = commit_to_table(storage, work.target, staged.files)
        elif base is None:
            first = folder / "first.parquet"
            _typed(fitting, work.columns).write_parquet(first)
            table = commit_to_table(storage, work.target, [first])
        else:
            table = append_to_table(storage, work.target, _typed(fitting, work.columns).lazy(), folder)
    source = {
        "format": "push",
        "batches": len(work.batches) - len(unfitting),
        "records": sum(len(records) for records in fitting.values()),
        "follows": base.number if base is not None else None,
        "notes": list(notes),
    }
    kept_bytes = sum(len(batch.records) for batch in work.batches if batch.id in fitting)
    appended = AppendedTable(
        table=msgspec.structs.replace(table, source=source, byte_count=kept_bytes),
        base_id=base.id if base is not None else None,
    )
    return Appended(appended=appended, unfitting=tuple(unfitting))


def _fitting(work: Appending) -> tuple[dict[int, Sequence[Any]], list[Unfitting]]:
    """Return the records by batch, and the batches that do not fit; raises `RecordsUnreadable` when none does."""
    columns = work.columns
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


def _typed(fitting: dict[int, Sequence[Any]], columns_wanted: Columns) -> pl.DataFrame:
    """Return the records as a frame of the columns they were read against."""
    records = [record for batch in fitting.values() for record in batch]
    columns = []
    for place, (name, kind) in enumerate(columns_wanted):
        values = [getattr(record, f"c{place}") for record in records]
        if kind == ColumnType.TIMESTAMP_UTC:
            values = [value if value is None else value.astimezone(UTC) for value in values]
        columns.append(pl.Series(name, values, dtype=POLARS_TYPES[ColumnType(kind)]))
    return pl.DataFrame(columns)
