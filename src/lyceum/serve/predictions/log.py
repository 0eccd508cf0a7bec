"""The prediction log: kept in memory on the path, written in parts beside it.

One log row is one predicted row, not one request: the log is read as a table of the model's columns, to be checked like
any data and compared with the training data column by column. Rows of one request share its id, and what is logged is
the typed row the model saw; a column without a key in it was missing.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lyceum.kernel.db import NOBODY, Database, is_database_away
from lyceum.kernel.disk import Disk
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.log_parts import LoggedRequest, Part, parts_of
from lyceum.serve.predictions.metrics import NotLogged, log_dropped_total, log_rows_total

FLUSH_SECONDS = 1.0
FLUSH_ROWS = 1_000
WRITE_SECONDS_MAX = 10.0
LAST_FLUSH_SECONDS_MAX = 5.0
BUFFERED_ROWS_MAX = 50_000
BUFFERED_BYTES_MAX = 64 * 1024**2
WARN_EVERY_SECONDS = 10.0

_WRITE = text("""
    SELECT definer.predictions_log(
        array_agg(to_timestamp(at)), array_agg(version_id), array_agg(key_id), array_agg(request_id),
        array_agg(duration_microseconds), array_agg(inputs), array_agg(outputs)
    )
    FROM json_to_recordset(CAST(:rows AS json)) AS row (
        at float8, version_id uuid, key_id uuid, request_id text, duration_microseconds integer,
        inputs jsonb, outputs jsonb
    )
""")

log = logging.getLogger(__name__)


class PredictionLog:
    """Takes answered requests and writes them about once a second.

    While the database is away the buffer fills to its bounds; then new requests are dropped and counted, as they are
    while the disk has no room to grow. What the
    database refuses, or does not manage in time, is written in smaller and smaller parts until the rows at fault stand
    alone; those are dropped and counted, so that no row holds up the others. A write whose outcome stayed unknown is
    written again, so a row may appear twice after that.
    """

    def __init__(self, database: Database, disk: Disk) -> None:
        self._database = database
        self._disk = disk
        self._requests: deque[LoggedRequest] = deque()
        self._bytes = 0
        self._rows = 0
        # of the rows, those that left the buffer: the next parts of them, and where more of these come from
        self._taken_rows = 0
        self._parts: deque[Part] = deque()
        self._more_parts: Iterator[Part] = iter(())
        self._many = asyncio.Event()
        self._dropped_unsaid = 0
        self._dropped_why: set[str] = set()
        self._warned_at = 0.0
        self._stop = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write_until_stopped())

    def append(self, request: LoggedRequest) -> None:
        """Keep a request until it is written, or drop it when the buffer is full."""
        rows = len(request.rows)
        bytes_max = request.bytes_max()
        if self._rows + rows > BUFFERED_ROWS_MAX or self._bytes + bytes_max > BUFFERED_BYTES_MAX:
            self._drop(rows, "buffer_full")
            return
        self._requests.append(request)
        self._rows += rows
        self._bytes += bytes_max
        if self._rows >= FLUSH_ROWS:
            self._many.set()

    async def close(self) -> None:
        """Write what is left, for a few seconds at most, and end."""
        self._stop.set()
        self._many.set()
        if self._writer is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_FLUSH_SECONDS_MAX):
                    await self._writer
        if self._rows:
            self._drop(self._rows, "shutdown")
            self._warned_at = 0.0
            self._warn_of_dropped()

    async def _write_until_stopped(self) -> None:
        while True:
            if not self._stop.is_set() and self._rows < FLUSH_ROWS:
                self._many.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_SECONDS):
                        await self._many.wait()
            written = self._drop_without_room() or await self._flush()
            self._warn_of_dropped()
            if self._stop.is_set() and (not self._requests or not written):
                return
            if not written:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_SECONDS):
                        await self._stop.wait()

    async def _flush(self) -> bool:
        """Write one batch; false when the database cannot be reached, and the batch goes on from there the next time."""
        if not self._taken_rows:
            self._take()
        try:
            while await self._has_part():
                if not await self._write_part():
                    return False
        except Exception:
            log.exception("a batch of the prediction log cannot be written")
            self._parts.clear()
            self._more_parts = iter(())
            self._drop_taken(self._taken_rows, "failed")
        return True

    async def _has_part(self) -> bool:
        if not self._parts:
            part = await asyncio.to_thread(next, self._more_parts, None)
            if part is None:
                return False
            self._parts.append(part)
        return True

    async def _write_part(self) -> bool:
        """Write the next part, or put its halves in its place; false when the database cannot be reached."""
        part = self._parts[0]
        try:
            written = await self._insert(part) if len(part) else 0
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if _is_away(error):
                log.warning("the prediction log cannot be written; trying again", extra={"cause": str(error)})
                return False
            self._parts.popleft()
            if len(part) > 1:
                self._parts.extendleft(reversed(part.halves()))
                return True
            self._drop_taken(part.too_large, "row_too_large")
            self._drop_taken(len(part), "refused", why=_cause(error))
            return True
        self._parts.popleft()
        self._rows -= written
        self._taken_rows -= written
        log_rows_total.inc(written)
        self._drop_taken(part.too_large, "row_too_large")
        self._drop_taken(len(part) - written, "refused")
        return True

    async def _insert(self, part: Part) -> int:
        """Return how many rows were written; raises `TimeoutError` when a statement under way took too long."""
        parameters = {"rows": await asyncio.to_thread(part.document)}
        is_connected = False
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX) as limit, transaction(self._database, NOBODY) as tx:
                await tx.connection()
                is_connected = True
                limit.reschedule(asyncio.get_running_loop().time() + WRITE_SECONDS_MAX)
                return int(await tx.scalar(_WRITE, parameters) or 0)
        except TimeoutError:
            if is_connected:
                raise
            raise ConnectionError(f"No connection within {WRITE_SECONDS_MAX:g} seconds.") from None

    def _drop_without_room(self) -> bool:
        """Drop what waits while the disk has less room than the hub keeps in reserve; say whether that was so."""
        if not self._rows or not self._disk.look().is_low:
            return False
        self._requests.clear()
        self._bytes = 0
        self._parts.clear()
        self._more_parts = iter(())
        rows, self._rows, self._taken_rows = self._rows, 0, 0
        self._drop(rows, "no_space")
        return True

    def _take(self) -> None:
        batch: list[LoggedRequest] = []
        while self._requests and self._taken_rows < FLUSH_ROWS:
            request = self._requests.popleft()
            self._taken_rows += len(request.rows)
            self._bytes -= request.bytes_max()
            batch.append(request)
        self._more_parts = parts_of(batch)

    def _drop_taken(self, rows: int, reason: NotLogged, *, why: str = "") -> None:
        self._rows -= rows
        self._taken_rows -= rows
        self._drop(rows, reason, why=why)

    def _drop(self, rows: int, reason: NotLogged, *, why: str = "") -> None:
        if not rows:
            return
        log_dropped_total.labels(reason).inc(rows)
        self._dropped_unsaid += rows
        self._dropped_why.add(f"{reason} ({why})" if why else reason)

    def _warn_of_dropped(self) -> None:
        now = time.monotonic()
        if self._dropped_unsaid and now - self._warned_at >= WARN_EVERY_SECONDS:
            facts = {"rows": self._dropped_unsaid, "reasons": ", ".join(sorted(self._dropped_why))}
            log.warning("predicted rows were not logged", extra=facts)
            self._dropped_unsaid = 0
            self._dropped_why.clear()
            self._warned_at = now


def _is_away(error: Exception) -> bool:
    if isinstance(error, OSError):
        return not isinstance(error, TimeoutError)
    return is_database_away(error)


def _cause(error: Exception) -> str:
    """The error without its text, which may hold somebody's data."""
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state or type(error).__name__
