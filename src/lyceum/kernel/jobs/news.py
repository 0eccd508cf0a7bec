"""What is told of a job while it is followed: its state, when that has changed for good, and how far it is."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import Scope
from lyceum.kernel.realtime.news import tell, tell_after_commit
from lyceum.kernel.valkey import ValkeyLine

JOB, JOBS = "job", "jobs"
UNTOLD_MAX = 10_000


def stream_of_job(job_id: UUID) -> str:
    """Return the stream of one job: its states and its progress."""
    return f"{JOB}/{job_id}"


def stream_of_organisation(org_id: UUID) -> str:
    """Return the stream of the states of an organisation's jobs."""
    return f"{JOBS}/{org_id}"


def tell_state_after_commit(tx: AsyncSession, job_id: UUID, state: str) -> None:
    """Tell who follows a job of the organisation `tx` works for, once `tx` has committed. Nobody follows the hub's own."""
    scope: Scope = tx.info["scope"]
    if scope.org_id is None:
        return
    tell_after_commit(tx, stream_of_job(job_id), _state(job_id, state))
    tell_after_commit(tx, stream_of_organisation(scope.org_id), _state(job_id, state))


def tell_new_after_commit(tx: AsyncSession, job_id: UUID, state: str) -> None:
    """Tell who follows the organisation's jobs of a new one, once `tx` has committed; nobody follows that one yet."""
    scope: Scope = tx.info["scope"]
    if scope.org_id is not None:
        tell_after_commit(tx, stream_of_organisation(scope.org_id), _state(job_id, state))


class JobNews:
    """Tells the states of a worker's jobs behind its back, many at once; when Valkey lags, the oldest are left out."""

    def __init__(self, line: ValkeyLine) -> None:
        self._line = line
        self._untold: deque[tuple[str, bytes]] = deque(maxlen=UNTOLD_MAX)
        self._org_ids: dict[UUID, UUID] = {}
        self._telling: asyncio.Task[None] | None = None

    def started(self, job_id: UUID, org_id: UUID | None, *, is_light: bool) -> None:
        """Tell that an attempt at a job runs; the hub's own jobs are nobody's to follow.

        Of a light one only the end is told, which mostly comes in the same moment: there may be thousands a second.
        """
        if org_id is not None:
            self._org_ids[job_id] = org_id
            if not is_light:
                self._tell_state(job_id, org_id, "running")

    def stopped(self, job_id: UUID, org_id: UUID | None, state: str | None) -> None:
        """Tell which state an attempt has left its job in, as it has been written; None when it has changed nothing."""
        self._org_ids.pop(job_id, None)
        if org_id is not None and state is not None:
            self._tell_state(job_id, org_id, state)

    def done(self, job_ids: Iterable[UUID]) -> None:
        """Tell that jobs which had started are done, as it has been written."""
        for job_id in job_ids:
            self.stopped(job_id, self._org_ids.get(job_id), "done")

    def tell(self, *news: tuple[str, bytes]) -> None:
        """Have streams told their news, after what waits to be told."""
        self._untold.extend(news)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all())

    async def close(self) -> None:
        """Tell what is yet to be told."""
        if self._telling is not None:
            await self._telling

    def _tell_state(self, job_id: UUID, org_id: UUID, state: str) -> None:
        told = orjson.dumps(_state(job_id, state))
        self.tell((stream_of_job(job_id), told), (stream_of_organisation(org_id), told))

    async def _tell_all(self) -> None:
        while self._untold:
            news, self._untold = list(self._untold), deque(maxlen=UNTOLD_MAX)
            await tell(self._line, news)


def _state(job_id: UUID, state: str) -> dict[str, Any]:
    return {"job": str(job_id), "state": state}
