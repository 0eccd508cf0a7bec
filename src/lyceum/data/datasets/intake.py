"""Taking an upload in, in a process of its own: read it, profile it, and commit it to the dataset's table once."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lyceum.data.datasets.judging import are_good, judged
from lyceum.data.datasets.marks import found_in, marks_in
from lyceum.data.datasets.newest import on_newest
from lyceum.data.datasets.reading.public import FileFormat, StagedTable, stage_table
from lyceum.data.datasets.rows.public import StagedRows, table_store
from lyceum.data.datasets.space import telling_full
from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import (
    commit,
    discard_staged,
    remove_orphans,
    scan_staged,
    stage,
)
from lyceum.data.datasets.work import AcceptedTable, Intake
from lyceum.data.datasets.workplaces import workplace
from lyceum.data.quality.engine.public import find_personal, infer_schema, profile_table
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, open_storage

if TYPE_CHECKING:
    import polars as pl


def take_in(work: Intake, side: ChildSide) -> AcceptedTable:
    """Read, profile and commit the upload; running it again commits nothing twice. Raises `UnreadableTable`."""
    storage = open_storage(settings())
    with telling_full(work.file_name), workplace(settings().home) as folder:
        side.event({"fraction": 0.05, "note": f"reading {work.file_name}"})
        staged = asyncio.run(_stage(storage, work, folder, side))
        side.stop_if_asked()
        return commit_staged(table_store(storage), work, staged, side)


async def _stage(storage: Storage, work: Intake, folder: Path, side: ChildSide) -> StagedTable:
    async with storage.as_local_file(work.upload_key, folder=folder) as source:
        return await asyncio.to_thread(
            stage_table,
            source,
            file_name=work.file_name,
            target=folder / "staged",
            format=FileFormat(work.format) if work.format else None,
            encoding=work.encoding,
            delimiter=work.delimiter,
            has_header=work.has_header,
            stop_if_asked=side.stop_if_asked,
        )


def take_in_rows(rows: "pl.LazyFrame", work: Intake, side: ChildSide) -> AcceptedTable:
    """Write the rows down part by part, and commit them as an upload is; running it again commits nothing twice.

    Raises `UnreadableTable`.
    """
    storage = open_storage(settings())
    with telling_full(work.file_name), workplace(settings().home) as folder:
        side.event({"fraction": 0.1, "note": f"writing {work.file_name}"})
        file = folder / "rows.parquet"
        rows.sink_parquet(file, compression="zstd")
        side.stop_if_asked()
        staged = stage_table(
            file,
            file_name=work.file_name,
            target=folder / "staged",
            format=FileFormat.PARQUET,
            stop_if_asked=side.stop_if_asked,
        )
        return commit_staged(table_store(storage), work, staged, side)


def commit_staged(store: TableStore, work: Intake, staged: StagedTable, side: ChildSide) -> AcceptedTable:
    """Profile what was read and commit it to the table, once however often; nothing stays staged."""
    try:
        data = stage(store, work.operation_id, staged.files)
        rows = scan_staged(store, data)
        side.event({"fraction": 0.5, "note": "looking at every column"})
        profile = profile_of(rows)
        schema = msgspec.to_builtins(infer_schema(rows))
        personal = found_in(rows, row_count=staged.rows, find=find_personal)
        side.stop_if_asked()
        judgements = judged(
            work.questions, StagedRows(rows, schema, staged.line_of_first_row, marks=marks_in(personal))
        )
        side.stop_if_asked()
        delta_version = None
        if are_good(judgements):
            # an upload replaces the whole content, so it does not matter what the version before it held
            key = work.table_key
            delta_version = on_newest(store, key, lambda newest: commit(store, key, data, base=newest))
        remove_orphans(store, work.table_key, older_than=timedelta(seconds=work.leftovers_older_than_seconds))
    finally:
        discard_staged(store, work.operation_id)
    return AcceptedTable(
        delta_version=delta_version,
        row_count=staged.rows,
        byte_count=staged.source_bytes,
        table_bytes=sum(file.size for file in data.files),
        source=_source(staged),
        table_schema=schema,
        profile=profile,
        judgements=judgements,
        personal=personal,
    )


def profile_of(rows: "pl.LazyFrame") -> dict[str, Any]:
    """Return the profile of rows as a version keeps it."""
    profile: dict[str, Any] = msgspec.to_builtins(profile_table(rows))
    return profile


def _source(staged: StagedTable) -> dict[str, Any]:
    facts = asdict(staged)
    kept = ("format", "encoding", "delimiter", "has_header", "line_of_first_row", "notes", "source_sha256")
    source: dict[str, Any] = msgspec.to_builtins({name: facts[name] for name in kept})
    return source
