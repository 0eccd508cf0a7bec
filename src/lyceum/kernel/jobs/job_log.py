"""What a job's handler logs, kept with the job for its owner to read."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import NOBODY, Database, as_json
from lyceum.kernel.jobs.models import JobLogRow
from lyceum.kernel.jobs.writing import write_now_and_then
from lyceum.kernel.telemetry import extra_fields
from lyceum.kernel.tx import transaction

LINES_AN_ATTEMPT_MAX = 1_000
MESSAGE_CHARACTERS_MAX = 2_000
FACTS_CHARACTERS_MAX = 4_000
HELD_LINES_MAX = 20_000
WRITE_EVERY_SECONDS = 0.5
WRITTEN_AT_ONCE = 2_000
_REFUSED_SQLSTATES = ("22", "23")
"""What the server says of data that it will never take."""
_OWN, _INNER = "lyceum.", "lyceum.kernel."

_ADD = text("SELECT definer.jobs_log_add(CAST(:lines AS json))")
_LEVELS = {logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error", logging.CRITICAL: "error"}

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _AttemptLog:
    lines: deque[str]
    job_id: str
    attempt: int
    said: int = 0
    ended: bool = False

    def add(self, record: logging.LogRecord) -> None:
        if self.ended:
            return
        self.said += 1
        if self.said > LINES_AN_ATTEMPT_MAX:
            return
        message, facts = record.getMessage()[:MESSAGE_CHARACTERS_MAX], _facts_of(record)
        if self.said == LINES_AN_ATTEMPT_MAX:
            message, facts = "What this attempt says from here on is left out.", "{}"
        line = {
            "job_id": self.job_id,
            "attempt": self.attempt,
            "at": record.created,
            "level": _LEVELS.get(record.levelno, "info"),
            # half of a surrogate pair, as a file's name may have it, is no text to the database
            "message": message.encode(errors="replace").decode(),
        }
        self.lines.append(f'{as_json(line)[:-1]},"facts":{facts}}}')


def _facts_of(record: logging.LogRecord) -> str:
    if record.name.startswith(_INNER):
        return "{}"
    try:
        facts = as_json(extra_fields(record))
    except TypeError:
        # a number beyond 64 bits or a key that is no text: the line is worth more than its facts
        return "{}"
    return facts if len(facts) <= FACTS_CHARACTERS_MAX else "{}"


_attempt_log: ContextVar[_AttemptLog | None] = ContextVar("attempt_log", default=None)


class _ToAttempt(logging.Handler):
    """Hands what is logged inside an attempt to that attempt's log."""

    def emit(self, record: logging.LogRecord) -> None:
        attempt_log = _attempt_log.get()
        if attempt_log is None or not record.name.startswith(_OWN):
            return
        try:
            attempt_log.add(record)
        except Exception:  # noqa: BLE001 whoever logs is never told that its line could not be kept
            self.handleError(record)


_HANDLER = _ToAttempt(logging.INFO)


def hear_attempts() -> None:
    """Have this process's log heard for what attempts say; once is enough."""
    logging.getLogger().addHandler(_HANDLER)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a job's handler logged; `number` orders the lines of a job."""

    number: int
    attempt: int
    at: datetime
    level: str
    message: str
    facts: dict[str, Any]


class JobLog:
    """Keeps what is logged inside a worker's attempts, from INFO or the hub's own level up, and writes it twice a second.

    The organisation reads it, so it holds what the hub's modules say, with its facts; of the kernel the sentence alone,
    since its facts name causes and machines; and nothing of libraries. Traces stay in the hub's own log: they may hold
    somebody's data. Of what an attempt says too much, of what waits while the database is away, and of what the database
    refuses, the rest is left out.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lines: deque[str] = deque(maxlen=HELD_LINES_MAX)

    @contextmanager
    def of_attempt(self, job_id: UUID, attempt: int) -> Iterator[None]:
        """Keep what is logged in this block as the attempt's, with what tasks and threads begun in it say meanwhile."""
        attempt_log = _AttemptLog(self._lines, str(job_id), attempt)
        token = _attempt_log.set(attempt_log)
        try:
            yield
        finally:
            attempt_log.ended = True
            _attempt_log.reset(token)

    async def write_until_cancelled(self) -> None:
        """Write now and then; what is left is written when this is cancelled."""
        await write_now_and_then(
            self._write_all, every_seconds=WRITE_EVERY_SECONDS, last_seconds_max=WRITE_EVERY_SECONDS
        )

    async def _write_all(self) -> None:
        at_once = WRITTEN_AT_ONCE
        while self._lines:
            batch = [self._lines[place] for place in range(min(len(self._lines), at_once))]
            lines = ",".join(f'{{"n":{place},{line[1:]}' for place, line in enumerate(batch))
            try:
                async with transaction(self._database, NOBODY) as tx:
                    await tx.execute(_ADD, {"lines": f"[{lines}]"})
            except (SQLAlchemyError, OSError) as error:
                if not _is_refused(error):
                    log.warning("the log of jobs could not be written; trying again", extra={"cause": str(error)})
                    return
                if len(batch) > 1:
                    # one bad line takes no other with it: halved until it stands alone
                    at_once = len(batch) // 2
                    continue
                log.warning("a line of a job's log was refused and is left out", extra={"cause": str(error)})
            at_once = min(2 * at_once, WRITTEN_AT_ONCE)
            for _ in batch:
                self._lines.popleft()


def _is_refused(error: Exception) -> bool:
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return state is not None and state.startswith(_REFUSED_SQLSTATES)


async def list_log(tx: AsyncSession, job_id: UUID, *, after: int = 0, limit: int) -> Sequence[LogLine]:
    """Return lines of a job of the organisation acted in, oldest first, from the one after `after` on."""
    lines = select(JobLogRow).where(JobLogRow.job_id == job_id, JobLogRow.number > after)
    rows = await tx.scalars(lines.order_by(JobLogRow.number).limit(limit))
    return [LogLine(row.number, row.attempt, row.at, row.level, row.message, row.facts) for row in rows]
