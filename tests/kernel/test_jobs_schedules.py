"""Work that comes round: queued once a round, whoever looks."""

import asyncio
from uuid import UUID

from fixtures.app import eventually, rows_of
from fixtures.job_kinds import LightBackground
from fixtures.own_database import resources
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.schedules import Schedule, keep_schedules
from lyceum.kernel.resources import Resources

__all__ = ["resources"]


async def test_a_round_of_a_schedule_is_queued_once_whoever_comes_when(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    schedule = Schedule(every_seconds=86_400, make=LightBackground)
    keepers = [asyncio.create_task(keep_schedules(resources.database, [schedule])) for _ in range(2)]
    await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM jobs"))
    rows_of(fresh_database, "UPDATE jobs SET state = 'done'")
    late = asyncio.create_task(keep_schedules(resources.database, [schedule]))
    await eventually(lambda: _has_looked(late))
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1
    for task in (*keepers, late):
        task.cancel()
    await asyncio.gather(*keepers, late, return_exceptions=True)


async def test_the_next_round_comes_at_its_time(resources: Resources, fresh_database: TestDatabase) -> None:
    keeper = asyncio.create_task(keep_schedules(resources.database, [Schedule(every_seconds=1, make=LightBackground)]))
    seen: set[UUID] = set()

    def three() -> bool:
        seen.update(row["id"] for row in rows_of(fresh_database, "UPDATE jobs SET state = 'done' RETURNING id"))
        return len(seen) >= 3

    await eventually(three, seconds=10)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


def _has_looked(task: "asyncio.Task[None]") -> bool:
    """Whether a keeper of schedules sleeps until the next round."""
    coroutine = task.get_coro()
    awaited = getattr(coroutine, "cr_await", None)
    return getattr(getattr(awaited, "cr_code", None), "co_name", "") == "sleep"
