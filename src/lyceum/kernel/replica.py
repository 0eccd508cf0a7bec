"""Reads from a replica, where one is named, and never behind what the reader's organisation wrote last.

How far the replica is, and how far behind, is looked at a few times a second beside the requests; a request asks Valkey
once, and the primary answers whenever anything is in doubt.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from prometheus_client import Counter, Gauge
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import NOBODY, Database, Scope, is_database_away, open_database
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import aside
from lyceum.kernel.written import Written, position_of

LOOK_SECONDS = 0.2
LOOK_SECONDS_MAX = 2.0
PRIMARY_EVERY_SECONDS = 1.0
LAG_SECONDS_MAX = 10.0
DISTRUST_SECONDS = 2.0
"""How long Valkey is not believed after it was away: by then whoever could not note what it wrote has done so."""
_CANCELLED_BY_RECOVERY = "40001"

_REPLICA = text("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text")
_PRIMARY = text("SELECT pg_current_wal_insert_lsn()::text")

lag_bytes = Gauge("lyceum_replica_lag_bytes", "What the replica has yet to replay", registry=registry)
lag_seconds = Gauge(
    "lyceum_replica_lag_seconds", "Age of the oldest of what the replica has yet to replay", registry=registry
)
reads_total = Counter(
    "lyceum_replica_reads_total",
    "Requests that only read, by who answered them and why",
    ["answered_by"],
    registry=registry,
)

State = Literal["starting", "in_use", "behind", "away", "not_a_replica"]
_Reason = Literal["replica", "primary_unusable", "primary_behind", "primary_no_valkey", "primary_lost"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lag:
    """How long ago the primary was where the replica is, by this process's own clock.

    Nothing is known of what was before it began, nor of a replica that fell far behind: that one counts as behind until it
    is where the primary was found to be.
    """

    primary: int = 0
    _samples: deque[tuple[float, int]] = field(default_factory=deque)
    _sampled_at: float | None = None
    _behind_since: float | None = None
    _has_caught_up: bool = False

    def sampled(self, position: int, now: float) -> None:
        self.primary, self._sampled_at = position, now
        if self._has_caught_up:
            self._samples.append((now, position))
        elif self._behind_since is None:
            self._behind_since = now

    def replayed(self, position: int, now: float) -> None:
        while self._samples and self._samples[0][1] <= position:
            self._samples.popleft()
        if self._has_caught_up and self.seconds(now) > LAG_SECONDS_MAX:
            self._has_caught_up, self._behind_since = False, self._samples[0][0]
            self._samples.clear()
        elif not self._has_caught_up and self._sampled_at is not None and position >= self.primary:
            self._has_caught_up, self._behind_since = True, None

    def seconds(self, now: float) -> float:
        since = self._samples[0][0] if self._samples else self._behind_since
        return now - since if since is not None else 0.0

    def is_small(self, now: float) -> bool:
        known = self._sampled_at is not None and now - self._sampled_at <= LAG_SECONDS_MAX
        return known and self._has_caught_up


@dataclass(slots=True)
class Replica:
    """The replica as one process sees it."""

    database: Database
    primary: Database
    written: Written
    turns: asyncio.Semaphore
    state: State = "starting"
    _replayed: int = 0
    _seen_at: float = 0.0
    _lag: _Lag = field(default_factory=_Lag)
    _believed_from: float = 0.0
    _valkey_run: tuple[str, int] | None = None

    @classmethod
    def over(
        cls, url: str, *, primary: Database, written: Written, reads_at_once: int, through_pooler: bool
    ) -> "Replica":
        """Return the replica at `url`; it is read from once it has been looked at for a while (`looked_at`)."""
        database = open_database(
            url,
            # and one that looks
            pool_size=reads_at_once + 1,
            through_pooler=through_pooler,
            gives_up_after_seconds=LOOK_SECONDS_MAX,
        )
        return cls(database, primary, written, asyncio.Semaphore(reads_at_once))

    @asynccontextmanager
    async def looked_at(self) -> AsyncIterator[None]:
        """Look at the replica again and again while the block runs, and close it at its end."""
        looking = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])
            await self.database.close()

    @asynccontextmanager
    async def reading(self, scope: Scope) -> AsyncIterator[AsyncSession | None]:
        """Yield a transaction on the replica, None when the primary is to answer; nothing can be written in it.

        Raises `Unavailable` for a read that the replica had to end, so that the caller tries again.
        """
        async with AsyncExitStack() as held:
            tx = await self._begun(held, scope)
            if tx is None:
                await held.aclose()
                yield None
                return
            try:
                yield tx
            except DBAPIError as error:
                if is_database_away(error):
                    self._lost(error)
                elif getattr(error.orig, "sqlstate", None) != _CANCELLED_BY_RECOVERY:
                    raise
                raise Unavailable("The replica could not finish this read; try again in a moment.") from error

    async def _begun(self, held: AsyncExitStack, scope: Scope) -> AsyncSession | None:
        answered_by = await self._who_answers(scope)
        tx = None
        if answered_by == "replica":
            await held.enter_async_context(self.turns)
            session = await held.enter_async_context(self.database.session(scope))
            try:
                # begun here, where the primary can still take over
                await session.connection()
                tx = session
            except (SQLAlchemyError, OSError) as error:
                self._lost(error)
                answered_by = "primary_lost"
        reads_total.labels(answered_by).inc()
        return tx

    async def _keep_looking(self) -> None:
        asked_primary_at = -PRIMARY_EVERY_SECONDS
        while True:
            looks = [self._look_at_replica(), self._look_at_valkey()]
            if time.monotonic() - asked_primary_at >= PRIMARY_EVERY_SECONDS:
                asked_primary_at = time.monotonic()
                looks.append(self._look_at_primary())
            try:
                await asyncio.gather(*looks)
            except Exception:
                # what was seen last grows old meanwhile, and so the primary answers
                log.exception("the replica could not be looked at")
            await asyncio.sleep(LOOK_SECONDS)

    async def _who_answers(self, scope: Scope) -> _Reason:
        if self.state != "in_use" or time.monotonic() - self._seen_at > LOOK_SECONDS_MAX:
            return "primary_unusable"
        if time.monotonic() < self._believed_from:
            return "primary_no_valkey"
        try:
            needed = await self.written.needed_by(scope.org_id)
        except (RedisError, OSError):
            self._doubt_valkey()
            return "primary_no_valkey"
        return "replica" if needed <= self._replayed else "primary_behind"

    async def _look_at_replica(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX), self.database.session(NOBODY) as session:
                in_recovery, replayed = (await session.execute(_REPLICA)).one()
        except (SQLAlchemyError, OSError) as error:
            self._lost(error)
            return
        if not in_recovery or replayed is None:
            self._enter("not_a_replica", cause="it takes writes of its own")
            return
        self._replayed, self._seen_at = position_of(replayed), time.monotonic()
        self._lag.replayed(self._replayed, self._seen_at)
        lag_seconds.set(self._lag.seconds(self._seen_at))
        lag_bytes.set(max(0, self._lag.primary - self._replayed))
        if self._lag.is_small(self._seen_at):
            self._enter("in_use")
        elif self.state != "starting" or self._lag.seconds(self._seen_at) > LAG_SECONDS_MAX:
            self._enter("behind")

    async def _look_at_primary(self) -> None:
        try:
            self._lag.sampled(await self._primary_position(), time.monotonic())
        except (SQLAlchemyError, OSError, Unavailable) as error:
            log.debug("the primary could not be asked how far it is", extra={"cause": str(error)})

    async def _look_at_valkey(self) -> None:
        """Raise the floor when it is missing, and when Valkey started anew or gave up keys: some may have been ours."""
        try:
            facts: dict[str, Any] = await self.written.valkey.info("server", "stats")
            run = (str(facts["run_id"]), int(facts["evicted_keys"]))
            if run != self._valkey_run or not await self.written.has_floor():
                await self.written.raise_floor(self._primary_position)
                self._valkey_run = run
        except (RedisError, OSError, SQLAlchemyError, Unavailable):
            self._doubt_valkey()

    async def _primary_position(self) -> int:
        async with (
            asyncio.timeout(LOOK_SECONDS_MAX),
            aside(self.primary, NOBODY, turns=self.primary.turn_of_health) as tx,
        ):
            return position_of(str(await tx.scalar(_PRIMARY)))

    def _doubt_valkey(self) -> None:
        self._believed_from = time.monotonic() + DISTRUST_SECONDS

    def _lost(self, error: BaseException) -> None:
        self._enter("away", cause=str(error) or type(error).__name__)

    def _enter(self, state: State, *, cause: str = "") -> None:
        if state == self.state:
            return
        self.state = state
        if state == "in_use":
            log.info("reads go to the replica")
        else:
            facts = {"state": state, "cause": cause} if cause else {"state": state}
            log.warning("all reads go to the primary: the replica cannot be used", extra=facts)
