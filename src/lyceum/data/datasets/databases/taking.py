"""Taking a table of a database in, in a process of its own: read within little memory, then committed as an upload is."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lyceum.data.datasets.databases.batches import Fetch, SourceColumn, write_rows
from lyceum.data.datasets.databases.work import Reading
from lyceum.data.datasets.intake import commit_staged
from lyceum.data.datasets.reading.public import FileFormat, stage_table
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.space import telling_full
from lyceum.data.datasets.work import AcceptedTable
from lyceum.data.datasets.workplaces import workplace
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, open_storage

Opened = Iterator[tuple[list[SourceColumn], Fetch]]


def take_in(work: Reading, side: ChildSide) -> AcceptedTable:
    """Read the table, and commit it as the next version; running it again commits nothing twice.

    Raises what the databases' modules, `write_rows` and `stage_table` raise.
    """
    storage = open_storage(settings())
    name = work.intake.file_name
    with telling_full(name), workplace(settings().home) as folder:
        rows_file = folder / "rows.parquet"
        with _reading(storage, work, folder) as (columns, fetch):
            write_rows(
                rows_file,
                columns,
                fetch,
                rows_max=work.rows_max,
                bytes_max=work.bytes_max,
                tell=lambda rows: _tell(side, rows),
            )
        side.stop_if_asked()
        staged = stage_table(
            rows_file,
            file_name=name,
            target=folder / "staged",
            format=FileFormat.PARQUET,
            stop_if_asked=side.stop_if_asked,
        )
        table = commit_staged(table_store(storage), work.intake, staged, side)
    source = {**table.source, "format": work.kind, "table": work.table}
    return msgspec.structs.replace(table, source=source)


def _tell(side: ChildSide, rows: int) -> None:
    side.stop_if_asked()
    side.event({"fraction": 0.05, "note": f"{rows:,} rows read"})


@contextmanager
def _reading(storage: Storage, work: Reading, folder: Path) -> Opened:
    if work.kind == "postgresql":
        from lyceum.data.datasets.databases.postgresql import reading_postgresql

        with reading_postgresql(work) as opened:
            yield opened
    elif work.kind == "mysql":
        from lyceum.data.datasets.databases.mysql import reading_mysql

        with reading_mysql(work) as opened:
            yield opened
    else:
        from lyceum.data.datasets.databases.sqlite_file import reading_sqlite

        with _local(storage, work.intake.upload_key, folder) as path, reading_sqlite(work, path) as opened:
            yield opened


@contextmanager
def _local(storage: Storage, key: str, folder: Path) -> Iterator[Path]:
    with asyncio.Runner() as runner:
        copy = storage.as_local_file(key, folder=folder)
        path = runner.run(copy.__aenter__())
        try:
            yield path
        finally:
            runner.run(copy.__aexit__(None, None, None))
