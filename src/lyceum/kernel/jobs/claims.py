"""What one worker takes from the queue and says to it; nothing it says holds for an attempt it has lost.

A deadlock and a database that is away for a moment are ridden out here, so that neither costs what was done.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import Database, as_json, is_database_away
from lyceum.kernel.jobs.ending import FINISH
from lyceum.kernel.jobs.queue import JobClass, Lane
from lyceum.kernel.tx import ride_out, run_again, run_alone

ClaimedLane = Lane | Literal["solo"]
"""Where an attempt runs; `solo` are light jobs whose worker died, each in a process of its own."""

_CLAIM = text(
    "SELECT id, attempt + 1 AS attempt, org_id, owner_id, kind, class AS job_class, args, seconds_max, origin"
    " FROM definer.jobs_claim(:worker, :slots, :lane, :label, :classes, :kinds, :lease, :at_once_max)"
)
_START = text("SELECT id, attempt, waited_seconds FROM definer.jobs_start(:worker, :ids, :attempts)")
_BEAT = text("SELECT id, attempt, verdict FROM definer.jobs_heartbeat(:worker, :ids, :attempts, :lease)")
_STOPS = text("SELECT * FROM definer.jobs_to_stop(:worker) AS id")
_CANCELLED = text("SELECT * FROM definer.jobs_cancelled(:worker, :id, :attempt)")
_GIVE_BACK = text("SELECT definer.jobs_give_back(:worker, :id, :attempt, CAST(:reason AS jsonb), :again_in)")
_FAIL = text("SELECT definer.jobs_fail(:worker, :id, :attempt, CAST(:failure AS jsonb), :again_in)")

log = logging.getLogger(__name__)


class Attempt(NamedTuple):
    """One attempt at one job; what is claimed goes by the number it will have once it has started."""

    job_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker takes: kinds it can run, classes, labels it bears, and how many jobs of a lane one organisation may
    have running at once while it takes more of them (0 for any number).
    """

    kinds: Sequence[str]
    classes: Sequence[JobClass] = ("high", "normal", "background")
    labels: Sequence[str] = ("",)
    at_once_max: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claims:
    """A worker's side of the queue."""

    database: Database
    worker_id: UUID
    wanted: Wanted
    lease: timedelta

    async def claim(self, lane: ClaimedLane, slots: int) -> Sequence[Row[Any]]:
        """Take at most so many jobs of a lane; each row bears the number of the attempt it is going to be.

        Labels are gone through in their order. What has been taken is returned even if the next label's cannot be asked for.
        """
        rows: list[Row[Any]] = []
        for label in self.wanted.labels:
            values = {
                "worker": self.worker_id,
                "slots": slots - len(rows),
                "lane": lane,
                "label": label,
                "classes": list(self.wanted.classes),
                "kinds": list(self.wanted.kinds),
                "lease": self.lease,
                "at_once_max": self.wanted.at_once_max.get(lane, 0),
            }
            try:
                taken = await run_alone(self.database, _CLAIM, values)
            except (SQLAlchemyError, OSError) as error:
                if not rows:
                    raise
                log.warning("not all labels could be asked for", extra={"label": label, "cause": str(error)})
                break
            rows += taken
            if len(rows) >= slots:
                break
        return rows

    async def start(self, attempts: Collection[Attempt]) -> dict[Attempt, float]:
        """Charge these attempts and return those that may run, with the seconds each had waited since it was due.

        The others were called off, or are somebody else's.
        """
        try:
            rows = await self._said(_START, self._all_of(attempts))
        except (SQLAlchemyError, OSError) as error:
            log.warning("jobs could not be started; their leases will run out", extra={"cause": str(error)})
            return {}
        return {Attempt(row.id, row.attempt): row.waited_seconds for row in rows}

    async def beat(self, held: Collection[Attempt]) -> dict[Attempt, Literal["cancel", "lost"] | None]:
        """Extend the leases of what is held; return what must stop and why, and None for what goes on with its lease.

        What somebody had locked is not in it: its lease is as it was.
        """
        verdicts = await run_alone(self.database, _BEAT, self._all_of(held) | {"lease": self.lease})
        return {Attempt(row.id, row.attempt): row.verdict for row in verdicts}

    async def called_off(self) -> Sequence[UUID]:
        """Return which jobs of this worker somebody has called off."""
        return [row.id for row in await run_alone(self.database, _STOPS, {"worker": self.worker_id})]

    async def finish(self, results: Mapping[Attempt, str]) -> set[UUID] | None:
        """End these attempts with their results, as JSON, and return the jobs that are done by it.

        None when the database stays away, and they are still to end.
        """
        values = self._all_of(results) | {"results": list(results.values())}
        try:
            return {row.id for row in await self._said(FINISH, values)}
        except (SQLAlchemyError, OSError) as error:
            if isinstance(error, OSError) or is_database_away(error):
                return None
            if len(results) == 1:
                log.warning("a job's end could not be written; its lease will run out", extra={"cause": str(error)})
                return set()
        # what the database does not take ends no job but its own
        ended = [await self.finish({attempt: result}) for attempt, result in results.items()]
        return None if None in ended else {job_id for done in ended for job_id in done or ()}

    async def fail(self, attempt: Attempt, failure: Mapping[str, Any], again_in: timedelta | None) -> str | None:
        """End an attempt without success; the job is ready again after a while, or dead without one.

        Returns the job's state by then, None when that is another's to say.
        """
        rows = await self._write(_FAIL, self._one(attempt) | {"failure": as_json(failure), "again_in": again_in})
        return rows[0][0] if rows else None

    async def cancelled(self, attempt: Attempt) -> str | None:
        """Say that an attempt at a job which was called off has stopped; returns as `fail` does."""
        return "cancelled" if await self._write(_CANCELLED, self._one(attempt)) else None

    async def give_back(self, attempt: Attempt) -> str | None:
        """Leave an attempt to another worker, uncharged; returns as `fail` does."""
        rows = await self._write(_GIVE_BACK, self._one(attempt) | {"reason": None, "again_in": None})
        return rows[0][0] if rows else None

    async def postpone(self, attempt: Attempt, reason: Mapping[str, Any], again_in: timedelta) -> str | None:
        """Leave an attempt that cannot go on for now, begun or not, to a later time, uncharged; returns as `fail` does."""
        rows = await self._write(_GIVE_BACK, self._one(attempt) | {"reason": as_json(reason), "again_in": again_in})
        return rows[0][0] if rows else None

    def _one(self, attempt: Attempt) -> dict[str, Any]:
        return {"worker": self.worker_id, "id": attempt.job_id, "attempt": attempt.number}

    def _all_of(self, attempts: Collection[Attempt]) -> dict[str, Any]:
        ids, numbers = [a.job_id for a in attempts], [a.number for a in attempts]
        return {"worker": self.worker_id, "ids": ids, "attempts": numbers}

    async def _write(self, statement: TextClause, values: dict[str, Any]) -> Sequence[Row[Any]]:
        """Write a job's end; when the database stays away the lease runs out and another worker decides."""
        try:
            return await self._said(statement, values)
        except (SQLAlchemyError, OSError) as error:
            log.warning("a job's end could not be written; its lease will run out", extra={"cause": str(error)})
        return ()

    async def _said(self, statement: TextClause, values: dict[str, Any]) -> Sequence[Row[Any]]:
        return await ride_out(lambda: run_again(lambda: run_alone(self.database, statement, values)))
