"""Schedules of an organisation: cron in its own zone, over changes of the clocks, once for all workers."""

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from fixtures.app import rows_of
from fixtures.job_kinds import Heard, Light, LightHigh, light_handlers
from fixtures.own_database import member, resources
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.recurring import (
    ScheduleInvalid,
    enqueue_due,
    list_schedules,
    next_time,
    put_schedule,
    remove_schedule,
)
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

__all__ = ["member", "resources"]

HANDLERS = Handlers.of(light_handlers(Heard()))


class SlowClock(datetime):
    """The clock of a machine that is an hour behind the database's."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one, as values are
        return datetime.now(tz) - timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "cron, zone, after, then",
    [
        ("30 6 * * 1-5", "Europe/Berlin", "2026-01-09 12:00", ["2026-01-12 05:30", "2026-01-13 05:30"]),
        # half past two does not come on this night, and comes twice on that one
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        ("0 0 * * *", "UTC", "2026-03-28 12:00", ["2026-03-29 00:00", "2026-03-30 00:00"]),
        ("0 12 29 2 *", "Asia/Kathmandu", "2026-01-01 00:00", ["2028-02-29 06:15"]),
    ],
)
def test_a_schedule_keeps_the_time_of_its_zone(cron: str, zone: str, after: str, then: list[str]) -> None:
    at = utc(after)
    for wanted in then:
        following = next_time(cron, zone, after=at)
        assert following == utc(wanted)
        at = following


@pytest.mark.parametrize(
    "cron, zone, said",
    [
        ("every day", "UTC", "The schedule 'every day' means nothing"),
        ("61 * * * *", "UTC", "The schedule '61"),
        ("0 0 30 2 *", "UTC", "The schedule '0 0 30 2"),
        ("0 0 * * *", "Mars/Olympus", "There is no time zone 'Mars/Olympus'"),
        ("0 0 * * *", "../etc/passwd", "There is no time zone"),
    ],
)
def test_what_means_nothing_is_refused(cron: str, zone: str, said: str) -> None:
    with pytest.raises(ScheduleInvalid, match=said):
        next_time(cron, zone, after=utc("2026-01-01 00:00"))


async def test_what_is_due_is_put_on_the_queue_once_for_all_workers(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async with transaction(resources.database, member.scope) as tx:
        await put_schedule(tx, "nightly", Light(note="night"), cron="0 2 * * *", zone="Europe/Berlin")
        await put_schedule(tx, "later", Light(), cron="0 2 * * *", zone="UTC")
    rows_of(fresh_database, "UPDATE job_schedules SET next_at = now() - interval '3 days' WHERE name = 'nightly'")
    made = await asyncio.gather(*(enqueue_due(resources.database, HANDLERS) for _ in range(3)))
    assert sum(made) == 1
    (job,) = rows_of(fresh_database, "SELECT * FROM jobs")
    assert (job["org_id"], job["owner_id"], job["args"]["note"]) == (member.org_id, member.user_id, "night")
    async with transaction(resources.database, member.scope) as tx:
        later, nightly = await list_schedules(tx, limit=10)
    assert (later.last_job_id, nightly.last_job_id) == (None, job["id"])
    assert nightly.next_at > datetime.now(UTC)
    assert await enqueue_due(resources.database, HANDLERS) == 0


async def test_a_schedule_waits_for_its_last_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async with transaction(resources.database, member.scope) as tx:
        await put_schedule(tx, "often", Light(), cron="* * * * *", zone="UTC")
    for _ in range(2):
        rows_of(fresh_database, "UPDATE job_schedules SET next_at = now()")
        await enqueue_due(resources.database, HANDLERS)
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1


async def test_a_schedule_is_replaced_and_removed_by_its_name_within_its_organisation(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    other = make_member(fresh_database)
    for who, cron in ((member, "0 1 * * *"), (member, "0 2 * * *"), (other, "0 3 * * *")):
        async with transaction(resources.database, who.scope) as tx:
            await put_schedule(tx, "nightly", Light(), cron=cron, zone="UTC")
    async with transaction(resources.database, member.scope) as tx:
        assert [schedule.cron for schedule in await list_schedules(tx, limit=10)] == ["0 2 * * *"]
        await remove_schedule(tx, "nightly")
    async with transaction(resources.database, other.scope) as tx:
        assert [schedule.cron for schedule in await list_schedules(tx, limit=10)] == ["0 3 * * *"]


async def test_a_schedule_is_kept_once_a_time_by_a_worker_whose_clock_is_behind(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with transaction(resources.database, member.scope) as tx:
        await put_schedule(tx, "hourly", Light(), cron="0 * * * *", zone="UTC")
    (due,) = rows_of(fresh_database, "UPDATE job_schedules SET next_at = date_trunc('hour', now()) RETURNING next_at")
    monkeypatch.setattr("lyceum.kernel.jobs.recurring.datetime", SlowClock)
    assert await enqueue_due(resources.database, HANDLERS) == 1
    (schedule,) = rows_of(fresh_database, "SELECT next_at FROM job_schedules")
    assert schedule["next_at"] == due["next_at"] + timedelta(hours=1)


@pytest.mark.parametrize(
    "spoilt, postponed_for",
    [
        ("args = '{\"note\": 7}'", timedelta(hours=1)),
        ("zone = 'Mars/Olympus'", timedelta(days=1)),
        ("cron = 'every day'", timedelta(days=1)),
    ],
)
async def test_a_schedule_that_cannot_be_kept_is_postponed_and_holds_up_no_other(
    resources: Resources, fresh_database: TestDatabase, member: Member, spoilt: str, postponed_for: timedelta
) -> None:
    async with transaction(resources.database, member.scope) as tx:
        for name in ("bad", "good"):
            await put_schedule(tx, name, Light(), cron="0 * * * *", zone="UTC")
    rows_of(fresh_database, "UPDATE job_schedules SET next_at = now() - interval '1 minute'")
    rows_of(fresh_database, f"UPDATE job_schedules SET next_at = now() - interval '1 day', {spoilt} WHERE name = 'bad'")
    assert await enqueue_due(resources.database, HANDLERS) == 1
    (bad,) = rows_of(fresh_database, "SELECT next_at, last_job_id FROM job_schedules WHERE name = 'bad'")
    assert timedelta() < bad["next_at"] - datetime.now(UTC) <= postponed_for
    assert bad["last_job_id"] is None


async def test_a_kind_that_only_a_newer_release_knows_is_left_to_it(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async with transaction(resources.database, member.scope) as tx:
        await put_schedule(tx, "new", LightHigh(), cron="0 * * * *", zone="UTC")
    (before,) = rows_of(fresh_database, "UPDATE job_schedules SET next_at = now() RETURNING next_at")
    assert await enqueue_due(resources.database, HANDLERS) == 0
    assert rows_of(fresh_database, "SELECT next_at FROM job_schedules") == [before]
