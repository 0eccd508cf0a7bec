"""What every statement to the database costs: a figure of each, a log line of a slow one, and that one's plan.

A statement is logged as it was prepared, with placeholders: the values may be secrets, or somebody's data. Its plan is the
generic one for the same reason, and is asked for aside: no request waits for it.
"""

import asyncio
import hashlib
import logging
import re
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import psycopg
from prometheus_client import Counter, Histogram
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tracing import is_followed, record_span

STATEMENT_CHARACTERS_MAX = 4_000
PLAN_CHARACTERS_MAX = 16_000
PLAN_EVERY_SECONDS = 3_600.0
PLANS_REMEMBERED_MAX = 1_000
PLANS_WAITING_MAX = 20
PLAN_SECONDS_MAX = 10.0
CLOSE_SECONDS_MAX = 1.0

statement_seconds = Histogram(
    "lyceum_database_statement_seconds",
    "Time from a statement to its result",
    ["process"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
slow_statements_total = Counter(
    "lyceum_database_slow_statements_total",
    "Statements slower than LYCEUM_SLOW_QUERY_SECONDS",
    ["process"],
    registry=registry,
)

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_PLACEHOLDERS_IN_A_ROW = re.compile(r"(%\(\w+\)s[^,()]*)(?:, %\(\w+\)s[^,()]*)+")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?([a-z_]\w*(?:\.\w+)?)")
_FUNCTION = re.compile(r"\s*SELECT\s+([a-z_]\w*\.\w+)\(")
_HAS_A_PLAN = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES)\b", re.IGNORECASE)

log = logging.getLogger(__name__)


class StatementWatch:
    """Measures the statements of one process; `slow_seconds` of 0 logs none of them."""

    def __init__(self, database_url: str, *, process: str, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds or float("inf")
        self._seconds = statement_seconds.labels(process)
        self._slow = slow_statements_total.labels(process)
        self._plans = Plans(libpq_url(database_url))

    def watch(self, engine: AsyncEngine) -> None:
        """Measure what is sent by the connections of an engine from here on."""
        event.listen(engine.sync_engine, "before_cursor_execute", _note_begin)
        event.listen(engine.sync_engine, "after_cursor_execute", self._ended)
        event.listen(engine.sync_engine, "handle_error", self._failed)

    async def close(self) -> None:
        """Give up the plans that have not come yet."""
        await self._plans.close()

    def _ended(
        self,
        _connection: Connection,
        cursor: Any,
        statement: str,
        _parameters: object,
        context: Any,
        _executemany: bool,  # noqa: FBT001 called by SQLAlchemy
    ) -> None:
        seconds = time.perf_counter() - context.lyceum_began
        self._seconds.observe(seconds)
        if is_followed():
            _record(statement, seconds)
        if seconds >= self._slow_seconds:
            self._tell(statement, seconds, rows=cursor.rowcount)

    def _failed(self, failure: ExceptionContext) -> None:
        began: float | None = getattr(failure.execution_context, "lyceum_began", None)
        if began is None or failure.statement is None:
            return
        seconds = time.perf_counter() - began
        self._seconds.observe(seconds)
        if is_followed():
            _record(failure.statement, seconds, failure=type(failure.original_exception).__qualname__)
        if seconds >= self._slow_seconds:
            self._tell(failure.statement, seconds, rows=-1)

    def _tell(self, statement: str, seconds: float, *, rows: int) -> None:
        self._slow.inc()
        mark = fingerprint_of(statement)
        shown = " ".join(statement.split())[:STATEMENT_CHARACTERS_MAX]
        facts = {"fingerprint": mark, "seconds": round(seconds, 3), "rows": max(rows, 0), "statement": shown}
        log.warning("a statement was slow", extra=facts)
        self._plans.ask(statement, mark)


@dataclass(slots=True)
class Plans:
    """Asks for plans on a connection of its own, one at a time, and of the same statement once an hour."""

    conninfo: str = field(repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _asked_at: dict[str, float] = field(default_factory=dict)
    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    def ask(self, statement: str, fingerprint: str) -> None:
        """Have the plan of a statement logged soon, unless it was asked for within the hour or many others wait."""
        now = time.monotonic()
        asked_at = self._asked_at.get(fingerprint)
        if asked_at is not None and now - asked_at < PLAN_EVERY_SECONDS:
            return
        if len(self._asking) >= PLANS_WAITING_MAX or not _HAS_A_PLAN.match(statement) or ";" in statement:
            return
        if len(self._asked_at) >= PLANS_REMEMBERED_MAX:
            self._asked_at.clear()
        self._asked_at[fingerprint] = now
        # in the context of whoever sent the statement, whose ids stand in the line
        task = asyncio.get_running_loop().create_task(self._tell(statement, fingerprint))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def close(self) -> None:
        """Give up what is being asked for."""
        for task in self._asking:
            task.cancel()
        if self._asking:
            await asyncio.wait(set(self._asking), timeout=CLOSE_SECONDS_MAX)

    async def _tell(self, statement: str, fingerprint: str) -> None:
        async with self._turn:
            try:
                async with asyncio.timeout(PLAN_SECONDS_MAX):
                    plan = await _plan_of(self.conninfo, statement)
            except (psycopg.Error, OSError) as error:
                cause = str(error) or type(error).__name__
                log.info("a slow statement's plan cannot be told", extra={"fingerprint": fingerprint, "cause": cause})
                return
        log.warning("the plan of a slow statement", extra={"fingerprint": fingerprint, "plan": plan})


@lru_cache(maxsize=PLANS_REMEMBERED_MAX)
def fingerprint_of(statement: str) -> str:
    """Return what a statement is known by: the same for lists of values of any length."""
    form = " ".join(_PLACEHOLDERS_IN_A_ROW.sub(r"\1, …", statement).split())
    return hashlib.sha256(form.encode()).hexdigest()[:16]


@lru_cache(maxsize=PLANS_REMEMBERED_MAX)
def summary_of(statement: str) -> tuple[str, str]:
    """Return what a statement does and the first table or function it names, which may be none."""
    words = statement.split(maxsplit=1)
    operation = words[0].upper() if words else ""
    named = _TABLE.search(statement) or _FUNCTION.match(statement)
    return operation, named[1] if named else ""


def numbered(statement: str) -> str:
    """Return a statement with `$1`, `$2`, … in place of psycopg's named placeholders, as the server counts them."""
    numbers: dict[str, int] = {}
    return _PLACEHOLDER.sub(lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", statement)


def _record(statement: str, seconds: float, *, failure: str | None = None) -> None:
    operation, table = summary_of(statement)
    attributes = {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        "db.query.text": statement[:STATEMENT_CHARACTERS_MAX],
    }
    if table:
        attributes["db.collection.name"] = table
    name = f"{operation} {table}" if table else operation
    record_span(name, seconds=seconds, kind="client", attributes=attributes, failure=failure)


async def _plan_of(conninfo: str, statement: str) -> str:
    connection = await psycopg.AsyncConnection.connect(conninfo, prepare_threshold=None, connect_timeout=5)
    async with connection:
        await connection.set_read_only(True)
        await connection.execute("SET LOCAL statement_timeout = '5s'")
        await connection.execute("SET LOCAL lock_timeout = '1s'")
        # Without parameters of its own it goes by the protocol that lets `$1` stand, and several statements through,
        # which is why `ask` takes none with a semicolon.
        explain = psycopg.sql.SQL(f"EXPLAIN (GENERIC_PLAN) {numbered(statement)}")
        rows = await (await connection.execute(explain, (), prepare=False)).fetchall()
        await connection.rollback()
    return "\n".join(row[0] for row in rows)[:PLAN_CHARACTERS_MAX]


def _note_begin(
    _connection: Connection,
    _cursor: object,
    _statement: str,
    _parameters: object,
    context: Any,
    _executemany: bool,  # noqa: FBT001 called by SQLAlchemy
) -> None:
    context.lyceum_began = time.perf_counter()
