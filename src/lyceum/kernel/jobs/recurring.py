"""Work of an organisation that comes round, by a cron expression in a time zone of its own.

The rows stay behind one door: a module puts and removes its schedules here, and workers put what is due on the queue.
Where a zone changes its clocks, a time that comes twice is taken once and one that is left out is taken when the clocks
have jumped, as Debian's cron does.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import NOBODY, Database, Scope, is_database_away
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.models import JobScheduleRow
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.problems import Invalid
from lyceum.kernel.tx import run_in_tx, transaction

DUE_AT_ONCE = 200
LOOK_SECONDS = 5.0
POSTPONED_FOR = timedelta(days=1)

_DUE = text("SELECT id, org_id, owner_id FROM definer.job_schedules_due(:kinds, :at_most)")

log = logging.getLogger(__name__)


class ScheduleInvalid(Invalid):
    """A cron expression or a time zone that does not mean anything."""

    code = "schedule_invalid"


@dataclass(frozen=True, slots=True)
class Recurring:
    """A schedule as its owner sees it."""

    name: str
    kind: str
    cron: str
    zone: str
    next_at: datetime
    last_job_id: UUID | None


async def put_schedule(tx: AsyncSession, name: str, args: JobArgs, *, cron: str, zone: str) -> datetime:
    """Have a job put on the queue whenever `cron` says so in `zone`; the schedule of that name is replaced.

    Returns when that is for the first time; raises `ScheduleInvalid`.
    """
    scope: Scope = tx.info["scope"]
    next_at = next_time(cron, zone, after=datetime.now(UTC))
    values = {
        "owner_id": scope.user_id,
        "kind": args.kind,
        "args": msgspec.to_builtins(args),
        "cron": cron,
        "zone": zone,
        "next_at": next_at,
    }
    statement = insert(JobScheduleRow).values(id=new_id(), org_id=scope.org_id, name=name, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["org_id", "name"], set_=values))
    return next_at


async def remove_schedule(tx: AsyncSession, name: str) -> None:
    """End the schedule of that name, if there is one; a job it has queued goes on."""
    await tx.execute(delete(JobScheduleRow).where(JobScheduleRow.name == name))


async def remove_all_schedules(tx: AsyncSession) -> None:
    """End every schedule of the organisation acted in."""
    await tx.execute(delete(JobScheduleRow).where(JobScheduleRow.org_id == tx.info["scope"].org_id))


async def disown_schedules(tx: AsyncSession, user_id: UUID) -> None:
    """Have what a person's schedules bring in the organisation acted in be nobody's: they go on, with what it alone may do."""
    theirs = (JobScheduleRow.org_id == tx.info["scope"].org_id, JobScheduleRow.owner_id == user_id)
    await tx.execute(update(JobScheduleRow).where(*theirs).values(owner_id=None))


async def list_schedules(tx: AsyncSession, *, limit: int) -> list[Recurring]:
    """Return the schedules of the organisation acted in, by name."""
    rows = await tx.scalars(select(JobScheduleRow).order_by(JobScheduleRow.name).limit(limit))
    return [Recurring(row.name, row.kind, row.cron, row.zone, row.next_at, row.last_job_id) for row in rows]


def next_time(cron: str, zone: str, *, after: datetime) -> datetime:
    """Return the first moment after `after` that a cron expression names in a zone, in UTC; raises `ScheduleInvalid`."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleInvalid(f"There is no time zone {zone!r}; write one like Europe/Berlin or UTC.") from None
    try:
        return next(CronSim(cron, after.astimezone(place))).astimezone(UTC)
    except (CronSimError, StopIteration) as error:
        why = str(error) or "it never comes"
        raise ScheduleInvalid(
            f"The schedule {cron!r} means nothing ({why}); write five fields such as '30 6 * * 1-5'."
        ) from None


async def keep_recurring(database: Database, handlers: Handlers) -> None:
    """Put what is due on the queue until cancelled."""
    while True:
        try:
            await enqueue_due(database, handlers)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the schedules could not be read; trying again", extra={"cause": str(error)})
        await asyncio.sleep(LOOK_SECONDS)


async def enqueue_due(database: Database, handlers: Handlers) -> int:
    """Put what is due on the queue, each schedule once for all workers; return how many jobs that made.

    What was missed while no worker ran is made up for once. One that cannot be kept, because its arguments or its zone
    mean nothing to this release, is postponed and stands in no other's way.
    """
    async with transaction(database, NOBODY) as tx:
        values = {"kinds": list(handlers.by_kind), "at_most": DUE_AT_ONCE}
        due = (await tx.execute(_DUE, values)).all()
    return sum([await _keep_one(database, Scope(row.org_id, row.owner_id), row.id, handlers) for row in due])


async def _keep_one(database: Database, scope: Scope, schedule_id: UUID, handlers: Handlers) -> int:
    facts = {"schedule_id": str(schedule_id)}
    try:
        return await run_in_tx(database, scope, lambda tx: _enqueue_one(tx, schedule_id, handlers))
    except Exception as error:
        # one schedule must not end the worker that keeps them all
        if isinstance(error, OSError) or is_database_away(error):
            log.warning("a schedule could not be kept; trying again", extra=facts | {"cause": str(error)})
            return 0
        log.exception("a schedule could not be kept; it is postponed", extra=facts)
    try:
        await run_in_tx(database, scope, lambda tx: _postpone(tx, schedule_id))
    except (SQLAlchemyError, OSError) as error:
        log.warning("a schedule could not be postponed; trying again", extra=facts | {"cause": str(error)})
    return 0


async def _still_due(tx: AsyncSession, schedule_id: UUID) -> JobScheduleRow | None:
    due = select(JobScheduleRow).where(JobScheduleRow.id == schedule_id, JobScheduleRow.next_at <= func.now())
    return await tx.scalar(due.with_for_update(skip_locked=True))


async def _postpone(tx: AsyncSession, schedule_id: UUID) -> None:
    schedule = await _still_due(tx, schedule_id)
    if schedule is None:
        return
    try:
        schedule.next_at = _next_of(schedule)
    except ScheduleInvalid:
        schedule.next_at = datetime.now(UTC) + POSTPONED_FOR
    await tx.flush()


def _next_of(schedule: JobScheduleRow) -> datetime:
    # By the database's clock it was due; this one's may be behind, and would name the same moment once more.
    return next_time(schedule.cron, schedule.zone, after=max(schedule.next_at, datetime.now(UTC)))


async def _enqueue_one(tx: AsyncSession, schedule_id: UUID, handlers: Handlers) -> int:
    schedule = await _still_due(tx, schedule_id)
    handler = handlers.by_kind.get(schedule.kind) if schedule is not None else None
    if schedule is None or handler is None:
        # another worker has it, or one of a newer release has to
        return 0
    args = msgspec.convert(schedule.args, handler.args_type)
    schedule.last_job_id = await enqueue(tx, args, dedup_key=f"schedule:{schedule.id}")
    schedule.next_at = _next_of(schedule)
    await tx.flush()
    return 1
