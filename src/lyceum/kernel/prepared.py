"""Statements that are sent often: put together once, and sent by the driver itself in the transaction under way.

To send one SQLAlchemy's way takes as long as PostgreSQL and the driver take together; that way is for all the others. What
row-level security goes by, what watches the statements and what becomes of a lost connection is the same for both.
"""

import time
from collections import namedtuple
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import BindParameter, Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.util import greenlet_spawn

from lyceum.kernel.db import connection_under_way

Row = Any
"""A named tuple of what the statement selects."""

_Cursor = psycopg.AsyncCursor[tuple[Any, ...]]
_T = TypeVar("_T")
_DIALECT: Dialect = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


class Prepared:
    """A statement with its parameters left open, as `bindparam`s.

    It sees nothing of the objects a session holds: neither what was added and not flushed, nor what was changed in them.
    Raises `TypeError` for a statement that takes more of SQLAlchemy than to write it.
    """

    def __init__(self, statement: ReturnsRows) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        if compiled.insert_prefetch or compiled.update_prefetch or compiled.post_compile_params:
            raise TypeError("a prepared statement has all its values given, and none whose number varies")
        self._sql = str(compiled)
        processors = {name: _bind_processor(bind) for bind, name in compiled.bind_names.items()}
        self._processors = {name: process for name, process in processors.items() if process is not None}
        self._fixed = self._processed(
            {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required}
        )
        self._open = frozenset(name for bind, name in compiled.bind_names.items() if bind.required)
        self._as_row = _row_maker(statement)

    async def rows(self, tx: AsyncSession, **values: Any) -> list[Row]:
        """Return the rows; raises what SQLAlchemy raises."""
        return [self._as_row(found) for found in await self._send(tx, values, _all)]

    async def row(self, tx: AsyncSession, **values: Any) -> Row:
        """Return the first row, None when there is none; raises what SQLAlchemy raises."""
        found = await self._send(tx, values, _first)
        return None if found is None else self._as_row(found)

    async def run(self, tx: AsyncSession, **values: Any) -> int:
        """Return how many rows were written; raises what SQLAlchemy raises."""
        return await self._send(tx, values, _count)

    async def _send(self, tx: AsyncSession, values: dict[str, Any], take: Callable[[_Cursor], Awaitable[_T]]) -> _T:
        if values.keys() != self._open:
            raise TypeError(f"the statement takes {sorted(self._open)}, not {sorted(values)}")
        parameters = self._fixed | self._processed(values)
        connection, raw = await connection_under_way(tx)
        sent = _Sent()
        cursor = raw.cursor()
        try:
            for listener in connection.dispatch.before_cursor_execute:
                listener(connection, cursor, self._sql, parameters, sent, False)
            await cursor.execute(self._sql, parameters)
            taken = await take(cursor)
        except psycopg.Error as error:
            # tells the listeners, parts with a connection that is lost, and raises its own; there is no public way
            told: Any = connection._handle_dbapi_exception  # noqa: SLF001
            await greenlet_spawn(told, error, self._sql, parameters, None, sent)
            raise
        except BaseException:
            # called off in the middle of it: nobody knows what the connection would answer next
            if raw.info.transaction_status != TransactionStatus.INTRANS:
                await greenlet_spawn(connection.invalidate)
            raise
        for listener in connection.dispatch.after_cursor_execute:
            listener(connection, cursor, self._sql, parameters, sent, False)
        return taken

    def _processed(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: process(value) if (process := self._processors.get(name)) else value for name, value in values.items()
        }


class _Sent:
    """What listeners to statements know one by from its beginning to its end."""

    executemany = False

    def __init__(self) -> None:
        self.lyceum_began = time.perf_counter()

    def handle_dbapi_exception(self, error: BaseException) -> None:
        """Do nothing more about a failure."""


async def _all(cursor: _Cursor) -> list[tuple[Any, ...]]:
    return await cursor.fetchall()


async def _first(cursor: _Cursor) -> tuple[Any, ...] | None:
    return await cursor.fetchone()


async def _count(cursor: _Cursor) -> int:
    return cursor.rowcount


def _bind_processor(bind: BindParameter[Any]) -> Callable[[Any], Any] | None:
    return bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


def _row_maker(statement: ReturnsRows) -> Callable[[tuple[Any, ...]], Row]:
    """Return what makes a row of what the driver gives; raises `TypeError` for a type that SQLAlchemy has a hand in."""
    columns = statement.exported_columns
    for name, column in columns.items():
        if column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None) is not None:
            raise TypeError(f"a prepared statement gives {name} as the driver has it, not as a {column.type!r}")
    named: Any = namedtuple  # noqa: PYI024 its fields are the statement's
    maker: Callable[[tuple[Any, ...]], Row] = named("Row", columns.keys())._make
    return maker
