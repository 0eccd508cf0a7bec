"""The prediction log: kept in memory on the path, written in batches beside it.

One log row is one predicted row, not one request: the log is read as a table of the model's columns, to be checked like
any data and compared with the training data column by column. Rows of one request share its id, and what is logged is
the typed row the model saw, every column of it, null where missing.
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.metrics import log_dropped_total, log_rows_total

FLUSH_SECONDS = 1.0
FLUSH_ROWS = 1_000
WRITE_SECONDS_MAX = 10.0
LAST_FLUSH_SECONDS_MAX = 5.0
BUFFERED_ROWS_MAX = 50_000
BUFFERED_BYTES_MAX = 64 * 1024**2
LOGGED_ROW_BYTES_MAX = 64 * 1024
WARN_EVERY_SECONDS = 10.0

_WRITE = text("""
    SELECT definer.predictions_log(
        ARRAY(SELECT to_timestamp(at) FROM unnest(CAST(:ats AS float8[])) WITH ORDINALITY AS t (at, n) ORDER BY n),
        CAST(:version_ids AS uuid[]), CAST(:key_ids AS uuid[]), CAST(:request_ids AS text[]),
        CAST(:durations AS integer[]), CAST(:inputs AS jsonb[]), CAST(:outputs AS jsonb[])
    )
""")
# jsonb holds no NUL character; JSON writes it so, after an even number of backslashes
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_INTEGER_MAX = 2**31 - 1

log = logging.getLogger(__name__)


class LoggedRequest(msgspec.Struct, gc=False):
    """A request that was answered: its typed rows and the JSON list of their predictions."""

    at: float
    version_id: UUID
    key_id: UUID
    request_id: str
    duration_seconds: float
    rows: Sequence[msgspec.Struct]
    predictions: bytes
    byte_count: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """Log rows as columns of literals, as PostgreSQL writes them in arrays."""

    ats: list[str] = field(default_factory=list)
    version_ids: list[str] = field(default_factory=list)
    key_ids: list[str] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    durations: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ats)

    def part(self, start: int, stop: int) -> "_Columns":
        """The rows from `start` to before `stop`."""
        return _Columns(*(getattr(self, name)[start:stop] for name in self.__slots__))

    def arrays(self) -> dict[str, str]:
        """Each column as one array; made here that costs a tenth of what the driver takes to adapt lists."""
        return {name: "{" + ",".join(getattr(self, name)) + "}" for name in self.__slots__}


class PredictionLog:
    """Takes answered requests and writes them about once a second.

    While the database is away the buffer fills to its bounds; then new requests are dropped and counted. A write whose
    outcome stayed unknown is written again, so a row may appear twice after the database was lost.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._requests: deque[LoggedRequest] = deque()
        self._rows = 0
        self._bytes = 0
        self._many = asyncio.Event()
        self._dropped_unsaid = 0
        self._warned_at = 0.0
        self._stop = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write_until_stopped())

    def append(self, request: LoggedRequest) -> None:
        """Keep a request until it is written, or drop it when the buffer is full."""
        rows = len(request.rows)
        if self._rows + rows > BUFFERED_ROWS_MAX or self._bytes + request.byte_count > BUFFERED_BYTES_MAX:
            self._drop(rows, "buffer_full")
            return
        self._requests.append(request)
        self._rows += rows
        self._bytes += request.byte_count
        if self._rows >= FLUSH_ROWS:
            self._many.set()

    async def close(self) -> None:
        """Write what is left, for a few seconds at most, and end."""
        self._stop.set()
        self._many.set()
        if self._writer is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._writer, LAST_FLUSH_SECONDS_MAX)
        if self._rows:
            self._drop(self._rows, "shutdown")
            self._warned_at = 0.0
            self._warn_of_dropped()

    async def _write_until_stopped(self) -> None:
        while True:
            if not self._stop.is_set() and self._rows < FLUSH_ROWS:
                self._many.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._many.wait(), FLUSH_SECONDS)
            written = await self._flush()
            self._warn_of_dropped()
            if self._stop.is_set() and (not self._requests or not written):
                return
            if not written:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), FLUSH_SECONDS)

    async def _flush(self) -> bool:
        """Write one batch; false when the database cannot be reached, and nothing is lost then."""
        batch = self._take()
        if not batch:
            return True
        row_count = sum(len(request.rows) for request in batch)
        try:
            rows = await asyncio.to_thread(_columns, batch)
            written = await self._write(rows)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            self._put_back(batch)
            log.warning("the prediction log cannot be written; trying again", extra={"cause": str(error)})
            return False
        except asyncio.CancelledError:
            self._put_back(batch)
            raise
        except Exception:
            log.exception("a batch of the prediction log cannot be written")
            self._drop(row_count, "failed")
            return True
        log_rows_total.inc(written)
        self._drop(row_count - len(rows), "row_too_large")
        self._drop(len(rows) - written, "refused")
        return True

    async def _write(self, rows: _Columns) -> int:
        """Return how many rows were written; a row the database refuses as data is left out."""
        if not len(rows):
            return 0
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX), transaction(self._database, NOBODY) as tx:
                return int(await tx.scalar(_WRITE, rows.arrays()) or 0)
        except DBAPIError as error:
            if not _is_about_data(error):
                raise
        if len(rows) == 1:
            return 0
        middle = len(rows) // 2
        return await self._write(rows.part(0, middle)) + await self._write(rows.part(middle, len(rows)))

    def _take(self) -> list[LoggedRequest]:
        batch: list[LoggedRequest] = []
        rows = 0
        while self._requests and rows < FLUSH_ROWS:
            request = self._requests.popleft()
            rows += len(request.rows)
            self._bytes -= request.byte_count
            batch.append(request)
        self._rows -= rows
        return batch

    def _put_back(self, batch: list[LoggedRequest]) -> None:
        self._requests.extendleft(reversed(batch))
        self._rows += sum(len(request.rows) for request in batch)
        self._bytes += sum(request.byte_count for request in batch)

    def _drop(self, rows: int, reason: str) -> None:
        if not rows:
            return
        log_dropped_total.labels(reason).inc(rows)
        self._dropped_unsaid += rows

    def _warn_of_dropped(self) -> None:
        now = time.monotonic()
        if self._dropped_unsaid and now - self._warned_at >= WARN_EVERY_SECONDS:
            log.warning("predicted rows were not logged", extra={"rows": self._dropped_unsaid})
            self._dropped_unsaid = 0
            self._warned_at = now


def _columns(batch: Iterable[LoggedRequest]) -> _Columns:
    """The batch as literals, made in a thread; rows too large to keep are left out."""
    columns = _Columns()
    encode = msgspec.json.Encoder().encode
    hexadecimal: dict[UUID, str] = {}
    for request in batch:
        for id_ in (request.version_id, request.key_id):
            if id_ not in hexadecimal:
                hexadecimal[id_] = id_.hex
        for row, prediction in zip(request.rows, _one_by_one(request), strict=True):
            inputs = encode(row)
            if len(inputs) > LOGGED_ROW_BYTES_MAX:
                continue
            columns.ats.append(f"{request.at:.6f}")
            columns.version_ids.append(hexadecimal[request.version_id])
            columns.key_ids.append(hexadecimal[request.key_id])
            columns.request_ids.append(request.request_id)
            columns.durations.append(str(min(int(request.duration_seconds * 1e6), _INTEGER_MAX)))
            columns.inputs.append(_json_literal(inputs.decode()))
            columns.outputs.append(_json_literal(bytes(prediction).decode()))
    return columns


def _one_by_one(request: LoggedRequest) -> Sequence[bytes | msgspec.Raw]:
    if len(request.rows) == 1:
        return (request.predictions[1:-1],)
    return msgspec.json.decode(request.predictions, type=list[msgspec.Raw])


def _json_literal(document: str) -> str:
    if "\\" in document:
        document = _NUL_IN_JSON.sub(r"\1\\ufffd", document).replace("\\", "\\\\")
    escaped = document.replace('"', '\\"')
    return f'"{escaped}"'


def _is_about_data(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    return not error.connection_invalidated and state.startswith(("22", "23"))
