"""Reading an SQLite database that was uploaded: somebody else's file, which may reach nothing but itself."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from lyceum.data.datasets.databases.batches import FLOAT, INTEGER, TEXT, Fetch, SourceColumn, as_text
from lyceum.data.datasets.databases.errors import DatabaseRefused
from lyceum.data.datasets.databases.locations import table_parts
from lyceum.data.datasets.databases.work import Reading

LOOK_EVERY_INSTRUCTIONS = 100_000
VALUE_BYTES_MAX = 16 * 1024**2
_ROWS_AT_ONCE = 10_000
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_NEVER = {"load_extension", "fts3_tokenizer"}


@contextmanager
def reading_sqlite(work: Reading, path: Path) -> Iterator[tuple[list[SourceColumn], Fetch]]:
    """Yield the columns and what fetches rows; raises `DatabaseRefused`.

    A column of SQLite holds values of any type, so all rows are looked at once before they are read.
    """
    with _told(work), closing(_opened(path, time.monotonic() + work.statement_seconds)) as connection:
        statement = _statement(work)
        columns = _columns(connection.execute(statement))
        yield columns, connection.execute(statement).fetchmany


def _opened(path: Path, deadline: float) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.set_progress_handler(lambda: time.monotonic() > deadline, LOOK_EVERY_INSTRUCTIONS)
    connection.set_authorizer(_allow)
    return connection


def _allow(action: int, _first: str | None, second: str | None, *_: str | None) -> int:
    may = action in _ALLOWED and not (action == sqlite3.SQLITE_FUNCTION and second in _NEVER)
    return sqlite3.SQLITE_OK if may else sqlite3.SQLITE_DENY


def _statement(work: Reading) -> str:
    if work.table is None:
        return work.query or ""
    quoted = ".".join('"{}"'.format(part.replace('"', '""')) for part in table_parts(work.table))
    return f"SELECT * FROM {quoted}"  # noqa: S608 names are quoted, which no parameter can do


def _columns(cursor: sqlite3.Cursor) -> list[SourceColumn]:
    names = [each[0] for each in cursor.description or ()]
    kinds: list[set[type]] = [set() for _ in names]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for seen, values in zip(kinds, zip(*rows, strict=True), strict=True):
            seen.update(map(type, values))
    return [SourceColumn(name, *_type_of(seen - {type(None)})) for name, seen in zip(names, kinds, strict=True)]


def _type_of(kinds: set[type]) -> tuple[pa.DataType, Any]:
    if kinds == {int}:
        return INTEGER, None
    if kinds and kinds <= {int, float}:
        return FLOAT, float
    return TEXT, as_text


@contextmanager
def _told(work: Reading) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = work.intake.file_name
        if error.sqlite_errorname == "SQLITE_INTERRUPT":
            raise DatabaseRefused(
                f"{name} has not given the rows within {work.statement_seconds:,} s; ask for fewer in a query, or raise "
                "LYCEUM_SQL_IMPORT_STATEMENT_SECONDS."
            ) from None
        raise DatabaseRefused(f"{name} cannot be read: {str(error)[:300]}.") from None
