"""Statements that are sent often: put together once, and sent by the driver itself in the transaction under way.

To send one SQLAlchemy's way takes as long as PostgreSQL and the driver take together; that way is for all the others. What
row-level security goes by, what watches the statements and what becomes of a lost connection is the same for both.
"""

import time
from collections import namedtuple
from collections.abc import Callable
from typing import Any, cast

import psycopg
from sqlalchemy import BindParameter, Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

from lyceum.kernel.db import connection_under_way

Row = Any
"""A named tuple of what the statement selects."""

_DIALECT: Dialect = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


class Prepared:
    """A statement with its parameters left open, as `bindparam`s.

    It sees nothing of the objects a session holds: neither what was added and not flushed, nor what was changed in them.
    """

    def __init__(self, statement: ClauseElement) -> None:
        compiled = cast("SQLCompiler", statement.compile(dialect=_DIALECT))
        self._sql = str(compiled)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self._fixed = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._open = frozenset(name for name, bind in binds.items() if bind.required)
        self._processors = [(name, process) for name in self._open if (process := _processor(binds[name])) is not None]
        self._row_type: Any = None

    async def rows(self, tx: AsyncSession, **values: Any) -> list[Row]:
        """Return the rows; raises what SQLAlchemy raises."""
        cursor = await self._send(tx, values)
        return [self._row(cursor, found) for found in await cursor.fetchall()]

    async def row(self, tx: AsyncSession, **values: Any) -> Row:
        """Return the first row, None when there is none; raises what SQLAlchemy raises."""
        cursor = await self._send(tx, values)
        found = await cursor.fetchone()
        return None if found is None else self._row(cursor, found)

    async def run(self, tx: AsyncSession, **values: Any) -> int:
        """Return how many rows were written; raises what SQLAlchemy raises."""
        return (await self._send(tx, values)).rowcount

    async def _send(self, tx: AsyncSession, values: dict[str, Any]) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        if values.keys() != self._open:
            raise TypeError(f"the statement takes {sorted(self._open)}, not {sorted(values)}")
        for name, process in self._processors:
            values[name] = process(values[name])
        parameters = self._fixed | values
        connection, raw = await connection_under_way(tx)
        sent = _Sent()
        cursor = raw.cursor()
        try:
            for listener in connection.dispatch.before_cursor_execute:
                listener(connection, cursor, self._sql, parameters, sent, False)
            await cursor.execute(self._sql, parameters)
        except psycopg.Error as error:
            # tells the listeners, parts with a connection that is lost, and raises its own; there is no public way
            told: Any = connection._handle_dbapi_exception  # noqa: SLF001
            await greenlet_spawn(told, error, self._sql, parameters, None, sent)
            raise
        except BaseException:
            # called off in the middle of it: nobody knows what the connection would answer next
            await greenlet_spawn(connection.invalidate)
            raise
        for listener in connection.dispatch.after_cursor_execute:
            listener(connection, cursor, self._sql, parameters, sent, False)
        return cursor

    def _row(self, cursor: psycopg.AsyncCursor[tuple[Any, ...]], found: tuple[Any, ...]) -> Row:
        if self._row_type is None:
            make: Any = namedtuple  # noqa: PYI024 its fields are known when the first row has come
            self._row_type = make("Row", [column.name for column in cursor.description or ()])
        return self._row_type._make(found)


class _Sent:
    """What listeners to statements know one by from its beginning to its end."""

    executemany = False

    def __init__(self) -> None:
        self.lyceum_began = time.perf_counter()

    def handle_dbapi_exception(self, error: BaseException) -> None:
        """Do nothing more about a failure."""


def _processor(bind: BindParameter[Any]) -> Callable[[Any], Any] | None:
    return bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
