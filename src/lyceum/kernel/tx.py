"""Transactions: opened for a scope, committed in one place, followed by what waits for the commit."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import AfterCommit, Database, Scope, is_database_away
from lyceum.kernel.problems import Unavailable

RETRYABLE_SQLSTATES = frozenset({"40001", "40P01"})
RUN_ATTEMPTS_MAX = 5
TURN_SECONDS_MAX = 10.0
AWAY_SECONDS_MAX = 60.0
AWAY_PAUSE_SECONDS = 0.5

_ACT_IN = text("SELECT set_config('lyceum.org_id', :org, true)")

T = TypeVar("T")

log = logging.getLogger(__name__)


@asynccontextmanager
async def transaction(database: Database, scope: Scope, *, writes: bool = True) -> AsyncIterator[AsyncSession]:
    """Yield a transaction that works for `scope`; it commits when the block ends and rolls back when the block raises.

    One that writes nothing may say so: where reads go to a replica, nobody then waits there for what it wrote.

    What `after_commit` was given runs once the commit has been acknowledged, and only then. Raises `NotCommitted` when a
    statement had failed and the block went on: PostgreSQL answers such a commit with a rollback and no error.
    """
    session = database.session(scope, writes=writes)
    try:
        yield session
        await session.commit()
    except BaseException:
        # not after a commit, which has given the connection back: to close takes a task of its own
        async with session:
            if "written_up_to" in session.info:
                await _note_written(database, scope, session.info["written_up_to"])
            raise
    waiting: list[AfterCommit] = session.info.pop("after_commit", [])
    if "written_up_to" in session.info:
        await _note_written(database, scope, session.info["written_up_to"])
    for callback in waiting:
        await _run_after_commit(callback)


@asynccontextmanager
async def aside(
    database: Database, scope: Scope, *, turns: asyncio.Semaphore | None = None, writes: bool = True
) -> AsyncIterator[AsyncSession]:
    """Yield a `transaction` of a request that has none of its own: uploads, set-up, figures.

    They take turns for a few connections, so that however many come, nobody else waits in the pool, where waiting is
    not fair. Raises `Unavailable` when the turn does not come within some seconds.
    """
    async with _turn(turns or database.turn_aside), transaction(database, scope, writes=writes) as tx:
        yield tx


@asynccontextmanager
async def acting_in(tx: AsyncSession, org_id: UUID) -> AsyncIterator[None]:
    """Have `tx` work for another organisation within the block: its rows, its jobs, its counters.

    The caller has found that the person may do there what the block does, and that alone.
    """
    before: Scope = tx.info["scope"]
    await tx.flush()
    await tx.execute(_ACT_IN, {"org": str(org_id)})
    tx.info["scope"] = Scope(org_id=org_id, user_id=before.user_id)
    try:
        yield
        await tx.flush()
        # not after an error, which ends the transaction
        await tx.execute(_ACT_IN, {"org": str(before.org_id or "")})
    finally:
        tx.info["scope"] = before


def after_commit(tx: AsyncSession, callback: AfterCommit) -> None:
    """Run `callback` when `tx` has committed; never when it rolls back.

    A callback that fails is logged: the change is committed, and nobody can be told otherwise any more.
    """
    tx.info.setdefault("after_commit", []).append(callback)


async def run_alone(database: Database, statement: TextClause, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Run one statement as nobody, which is a transaction by itself, and return its rows.

    It costs one trip to the server where a `transaction` takes three.
    """
    async with database.engine.connect() as connection:
        return (await connection.execute(statement, values)).all()


async def run_in_tx(database: Database, scope: Scope, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Run `work` in a transaction, again after a deadlock or serialisation failure; return what it returned.

    Only for work that is safe to run twice. Raises what the last attempt raised.
    """

    async def work_in_tx() -> T:
        async with transaction(database, scope) as tx:
            return await work(tx)

    return await run_again(work_in_tx)


async def run_again(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`, which is a transaction, again after a deadlock or serialisation failure; return what it returned.

    Only for work that is safe to run twice. Raises what the last attempt raised.
    """
    for attempt in range(1, RUN_ATTEMPTS_MAX + 1):
        try:
            return await work()
        except DBAPIError as error:
            if attempt == RUN_ATTEMPTS_MAX or getattr(error.orig, "sqlstate", None) not in RETRYABLE_SQLSTATES:
                raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 jitter, not a secret
    raise AssertionError("the last attempt returns or raises")


async def ride_out(work: Callable[[], Awaitable[T]], *, seconds: float = AWAY_SECONDS_MAX) -> T:
    """Run `work`, again while the database cannot be reached, for at most so long; return what it returned.

    Only for work that is safe to run twice: a lost connection does not tell whether the commit before it came through.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await work()
        except SQLAlchemyError as error:
            if not is_database_away(error) or time.monotonic() > deadline:
                raise
            log.warning("the database cannot be reached; trying again", extra={"cause": str(error)})
        await asyncio.sleep(AWAY_PAUSE_SECONDS)


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TURN_SECONDS_MAX):
            await turns.acquire()
    except TimeoutError:
        raise Unavailable("Too many requests wait for the hub's database just now; try again in a moment.") from None
    try:
        yield
    finally:
        turns.release()


async def _note_written(database: Database, scope: Scope, position: str | None) -> None:
    if database.note_written is not None and scope.org_id is not None:
        # committed, so to be told of even where whoever waits for it is called off
        await asyncio.shield(asyncio.ensure_future(database.note_written(scope.org_id, position)))


async def _run_after_commit(callback: AfterCommit) -> None:
    try:
        await callback()
    except Exception:
        log.exception("a step after the commit failed")
